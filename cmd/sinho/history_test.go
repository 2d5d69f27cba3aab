package main

import (
	"encoding/json"
	"net"
	"testing"
	"time"

	"sinho/citizen"
)

// past is how many seconds of naver's last hour an operator's browser is told of,
// and how many logins were begun in it.
func (o *officer) past() (measured, starts int) {
	o.t.Helper()
	var doc struct {
		Rows []struct {
			Provider string
			Measured int `json:"measured_s"`
			Starts   int
		}
	}
	body := o.get("/api/history?step=minute&provider=naver")
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		o.t.Fatalf("%v in %s", err, body)
	}
	for _, r := range doc.Rows {
		measured, starts = measured+r.Measured, starts+r.Starts
	}
	return measured, starts
}

// TestEveryNodeTellsTheSameHistoryOverARestart ends one of two nodes in the middle
// of a minute.
func TestEveryNodeTellsTheSameHistoryOverARestart(t *testing.T) {
	address, _ := redis(t)
	a := operated(t, "redis://"+address)
	b := operated(t, "redis://"+address)
	b.shareKeys(a)
	nodeA := a.serve()
	b.serve()
	if out := a.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Fatalf("got %s (%v), want it in", out.Why, out.Err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	until := func(what string, o *officer, enough func(measured, starts int) bool) (measured, starts int) {
		t.Helper()
		for range tick.C {
			if measured, starts = o.past(); enough(measured, starts) || t.Context().Err() != nil {
				break
			}
		}
		t.Logf("%s: %d s, %d starts", what, measured, starts)
		return measured, starts
	}
	before, starts := until("a", a.officer(), func(n, s int) bool { return n >= 3 && s == 1 })
	until("b", b.officer(), func(n, s int) bool { return n >= 3 && s == starts })
	nodeA.end()
	var err error
	for _, l := range []*net.Listener{&a.door, &a.aside} {
		if *l, err = net.Listen("tcp", (*l).Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	a.serve()
	if after, again := a.officer().past(); after < before || again != starts {
		t.Errorf("after the restart: got %d s and %d starts, want at least %d, and %d", after, again, before, starts)
	}
}
