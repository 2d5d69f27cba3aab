package console

import (
	"strings"
	"testing"

	"sinho/providers/guard"
)

func TestWhatThisNodeKeepsFromAProviderStandsApart(t *testing.T) {
	r := newRoom(t, jimin())
	var now guard.Reading
	r.cfg.Lights.Guard = func(string) (guard.Reading, int) { return now, 1024 }
	b := r.browser()
	b.enter()
	for _, tt := range []struct {
		reading guard.Reading
		want    []string // none: nothing is told
	}{
		{guard.Reading{Limit: 1024, UnderWay: 3}, nil},
		{guard.Reading{Limit: 1024, Full: 4, Opened: 5, TurnedAway: 6}, []string{"요청 9건, 사람 6명", "9 requests, 6 people; 1024 may"}},
		{guard.Reading{Limit: 8}, []string{"동시에 8건까지"}},
		{guard.Reading{Limit: 1024, Open: true}, []string{"one trial at a time"}},
	} {
		now = tt.reading
		page := b.get("/providers/naver").body
		if told := strings.Contains(page, `id="kept"`); told != (tt.want != nil) {
			t.Errorf("%+v: told %v, want %v", tt.reading, told, tt.want != nil)
		}
		for _, want := range tt.want {
			if !strings.Contains(page, want) {
				t.Errorf("%+v: the page lacks %q", tt.reading, want)
			}
		}
	}
}
