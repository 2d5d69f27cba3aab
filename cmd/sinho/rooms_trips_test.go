package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"sinho/lobby/hall"
	"sinho/seal"
	"sinho/store"
	"sinho/store/embedded"
)

// called is a room of one node over a store, which knows where it is.
func called(t *testing.T, s store.Store, ring *seal.Ring) *hall.Hall {
	t.Helper()
	h, err := hall.New(hall.Config{
		Rooms: []hall.Setting{{Name: "door", Mode: hall.Auto, Min: 1000}}, Store: s, Ring: ring, Issuer: "https://id.example",
		Sign: func([]byte, string) (string, error) { return "a.b.c", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C { // until it has let people go on
		if in := h.Insights()[0]; in.Queue.Main.Serving > 16 {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("the room never steps")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return h
}

// TestThePublishedTripsOfAPassAreTrue counts how often spending a pass waits for
// the store, over two nodes that run nothing behind.
func TestThePublishedTripsOfAPassAreTrue(t *testing.T) {
	published := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+?) \| \+(\d+) \|`).FindAllStringSubmatch(reference(t, "trips.md"), -1) {
		published[m[1]], _ = strconv.Atoi(m[2])
	}
	file, err := embedded.Open(filepath.Join(t.TempDir(), "live.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	n := new(atomic.Int64)
	counts := tripStore{file, n}
	ring, err := seal.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	one, two := called(t, counts, ring), called(t, counts, ring)
	for i, row := range []struct {
		what string
		node *hall.Hall
	}{
		{"the first pass of 1,024 numbers", one},
		{"a pass, on the node that has spent the one before it", one},
		{"", two}, // finds the page
		{"a pass, on another node", one},
		{"a pass, on another node", two},
		{"a pass, on the node that has spent the one before it", two},
	} {
		r := httptest.NewRequest(http.MethodPost, "https://id.example/login/naver", nil)
		wait, pass, err := row.node.Enter(httptest.NewRecorder(), r, "booking", [16]byte{byte(i + 1)}, hall.Login)
		if err != nil || wait || pass == nil {
			t.Fatalf("%d: got %t, %v, want a pass", i, wait, err)
		}
		n.Store(0)
		if err := row.node.Spend(t.Context(), "booking", pass, store.Attempt{byte(i + 1)}); err != nil {
			t.Fatal(err)
		}
		if got := int(n.Load()); row.what != "" && got != published[row.what] {
			t.Errorf("%s: got %d, the table says %d", row.what, got, published[row.what])
		}
	}
	if len(published) != 3 {
		t.Errorf("got %d rows published, want 3: %v", len(published), published)
	}
}
