package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/lobby/hall"
)

func TestRoomsAreReadByTheClockOfTheirZone(t *testing.T) {
	seoul := time.FixedZone("KST", 9*60*60)
	c := load(t, write(t, "sinho.yaml", strings.Replace(smallest, "clients:", `rooms:
  - {id: vaccine, name: {ko: 백신}, clients: [shop], mode: forced, min_rate: 0.5, max_rate: 20, opens: 2021-08-09 20:00, announced: 2021-08-02, early_until: 0s, round: "0809"}
  - {id: rest}
clients:`, 1)))
	want := []hall.Setting{
		{
			Name: "vaccine", Title: [2]string{"백신", "백신"}, Clients: []string{"shop"}, Mode: hall.Forced, Min: 0.5, Max: 20, Round: "0809",
			Opens: time.Date(2021, 8, 9, 20, 0, 0, 0, seoul), Announce: time.Date(2021, 8, 2, 0, 0, 0, 0, seoul),
		},
		{Name: "rest", Mode: hall.Auto, Early: 5 * time.Minute},
	}
	if diff := cmp.Diff(want, c.WaitingRooms()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
