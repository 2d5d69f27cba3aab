package main

import "testing"

func TestTheCollectorHasRoomButNotAMultipleOfMuch(t *testing.T) {
	for name, tc := range map[string]struct {
		live uint64
		want int
	}{
		"nothing known yet":        {0, 800},
		"a node in a storm":        {14 << 20, 800},
		"what fills the room once": {32 << 20, 400},
		"a hundred thousand lives": {1 << 30, 100},
		"as much as the room":      {128 << 20, 100},
		"more than there is":       {1 << 62, 100},
	} {
		t.Run(name, func(t *testing.T) {
			if got := garbagePercent(tc.live); got != tc.want {
				t.Errorf("got %d %%, want %d", got, tc.want)
			}
		})
	}
}
