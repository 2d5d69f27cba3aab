package providers

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// One token serves everybody until shortly before its end.
func TestTossTokenIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTossFake(t)
		f.expires = 600
		p := pusher(t, f.settings(), f.hosts())
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := p.Poll(t.Context(), testPending("tx-1")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if f.tokens != 1 || f.calls["status"] != 20 {
			t.Fatalf("got %d tokens for %d calls, want 1 for 20", f.tokens, f.calls["status"])
		}
		time.Sleep(9*time.Minute + 30*time.Second)
		if _, err := p.Poll(t.Context(), testPending("tx-1")); err != nil {
			t.Fatal(err)
		}
		if f.tokens != 2 {
			t.Errorf("got %d tokens half a minute before the end of the first, want 2", f.tokens)
		}
	})
}

// A token the vendor has revoked is renewed once, and only once.
func TestTossTokenRefused(t *testing.T) {
	f := newTossFake(t)
	p := pusher(t, f.settings(), f.hosts())
	f.refuse = 1
	if _, err := p.Poll(t.Context(), testPending("tx-1")); err != nil {
		t.Fatalf("got %v, want the call repeated with a new token", err)
	}
	if f.tokens != 2 {
		t.Errorf("got %d tokens, want 2", f.tokens)
	}
	f.refuse = 99
	_, err := p.Poll(t.Context(), testPending("tx-1"))
	wantError(t, err, Configuration, "http-401")
	if got := 99 - f.refuse; got != 2 {
		t.Errorf("got %d tries, want 2", got)
	}
}

// A token that cannot be had is classed, waited for under the caller's own
// deadline, and not asked for again at once.
func TestTossTokenFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTossFake(t)
		p := pusher(t, f.settings(), f.hosts())
		f.onToken = never
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.Poll(ctx, testPending("tx-1"))
		if e := wantError(t, err, Down, "timeout"); e.Seen {
			t.Error("a waiter's time-out is not the transport's")
		}
		_, err = p.Poll(t.Context(), testPending("tx-1")) // the same fetch ends by the client's own limit
		if e := wantError(t, err, Down, "timeout"); !e.Seen {
			t.Error("the transport has counted this one")
		}
		if _, err = p.Poll(t.Context(), testPending("tx-1")); f.tokens != 1 {
			t.Errorf("got %d token calls, want a pause after a failure (%v)", f.tokens, err)
		}
		time.Sleep(2 * time.Second)
		f.onToken = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
		}
		_, err = p.Poll(t.Context(), testPending("tx-1"))
		wantError(t, err, Configuration, "invalid_client")
		time.Sleep(time.Minute)
		f.onToken = nil
		if err := p.(*toss).Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// COMPLETED is not final: a result that is not ready is asked for once more,
// under a fresh key.
func TestTossResultNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTossFake(t)
		p := pusher(t, f.settings(), f.hosts())
		f.notReady = 1
		if _, err := p.Result(t.Context(), testPending("tx-1")); err != nil {
			t.Fatal(err)
		}
		if f.calls["result"] != 2 || len(f.keys) != 2 {
			t.Errorf("got %d reads under %d keys, want 2 and 2", f.calls["result"], len(f.keys))
		}
		f.notReady = 99
		_, err := p.Result(t.Context(), testPending("tx-1"))
		wantError(t, err, BadCode, "CE3102")
		if got := 99 - f.notReady; got != 2 {
			t.Errorf("got %d reads, want 2 at most", got)
		}
	})
}
