package main

import (
	"testing"
	"time"

	"sinho/lobby"
	"sinho/lobby/hall"
)

func TestARoomIsOpenWhileItCallsPeople(t *testing.T) {
	at := time.Date(2021, 8, 9, 20, 0, 0, 0, time.UTC)
	drawn := lobby.Queue{Drawn: true}
	for name, tc := range map[string]struct {
		in   hall.Insight
		want bool
	}{
		"without an opening":                      {hall.Insight{Setting: hall.Setting{Mode: hall.Auto}, Queue: drawn, Seen: at}, true},
		"from the second of its opening on":       {hall.Insight{Setting: hall.Setting{Mode: hall.Forced, Opens: at}, Queue: drawn, Seen: at}, true},
		"after the opening, before the draw":      {hall.Insight{Setting: hall.Setting{Mode: hall.Auto, Opens: at}, Seen: at}, false},
		"before an opening, drawn by an earlier":  {hall.Insight{Setting: hall.Setting{Mode: hall.Auto, Opens: at.Add(time.Second)}, Queue: drawn, Seen: at}, false},
		"off":                                     {hall.Insight{Setting: hall.Setting{Mode: hall.Off}, Queue: drawn, Seen: at}, false},
		"closed here, not yet told to the store":  {hall.Insight{Setting: hall.Setting{Mode: hall.Auto, Closed: true}, Queue: drawn, Seen: at}, false},
		"closed in the store by another node":     {hall.Insight{Setting: hall.Setting{Mode: hall.Auto}, Queue: lobby.Queue{Drawn: true, Closed: true}, Seen: at}, false},
		"of which nothing is known since a start": {hall.Insight{Setting: hall.Setting{Mode: hall.Auto}}, false},
	} {
		if got := calling(&tc.in); got != tc.want {
			t.Errorf("%s: got open %v, want %v", name, got, tc.want)
		}
	}
}
