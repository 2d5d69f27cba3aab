package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRoomsAreReadByTheClockOfTheirZone(t *testing.T) {
	c := load(t, write(t, "sinho.yaml", strings.Replace(smallest, "clients:", `rooms:
  - {id: vaccine, name: {ko: 백신}, clients: [shop], mode: forced, min_rate: 0.5, max_rate: 20, opens: 2021-08-09 20:00, announced: 2021-08-02, early_until: 0s, round: "0809"}
  - {id: rest}
clients:`, 1)))
	want := []Room{
		{
			ID: "vaccine", Name: Text{KO: "백신"}, Clients: []string{"shop"}, Mode: "forced", MinRate: 0.5, MaxRate: 20, Round: "0809",
			Opens: "2021-08-09 20:00", Announced: "2021-08-02",
		},
		{ID: "rest", Mode: "auto", EarlyUntil: 5 * time.Minute},
	}
	if diff := cmp.Diff(want, c.Rooms); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	seoul := time.FixedZone("KST", 9*60*60)
	opens, told := c.Opening(c.Rooms[0])
	if !opens.Equal(time.Date(2021, 8, 9, 20, 0, 0, 0, seoul)) || !told.Equal(time.Date(2021, 8, 2, 0, 0, 0, 0, seoul)) {
		t.Errorf("got %v, told on %v", opens, told)
	}
	if opens, told := c.Opening(c.Rooms[1]); !opens.IsZero() || !told.IsZero() {
		t.Errorf("one that is open: got %v, told on %v", opens, told)
	}
}
