package web

import (
	"strings"
	"testing"

	"sinho/lobby"
	"sinho/lobby/hall"
)

// Where nobody came before the opening a frame has no count, and there is nothing to
// check: whoever comes while the seed is not out yet has the place of their number.
func TestNobodyBeforeTheOpening(t *testing.T) {
	var got []float64
	node(t, `
		const l = require(process.argv[1]), seed = "00".repeat(32);
		Promise.all([0, 3].map(n => l.place(seed, undefined, n))).then(out => console.log(JSON.stringify(out)));
	`, "line.js", []byte("{}"), &got)
	if len(got) != 2 || got[0] != 0 || got[1] != 3 {
		t.Errorf("the page: got places %v, want 0 and 3", got)
	}
	room := &waitingRoom{seat: seatOf(t, 3, 0, func(_ *hall.Seat, f *lobby.Frame) { f.Crowd = 0 })}
	body := get(queueWeb(t, &fake{queueing: someQueueing()}, room, nil), "/queue?r=x").Body.String()
	if strings.Contains(body, "sinho lobby verify --") || !has(byID(t, body, "verify"), "hidden") {
		t.Error("a command is shown that has nothing to check")
	}
}
