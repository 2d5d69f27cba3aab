package broker

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"sinho/broker/client"
)

// devicesOnRedis is a world whose three nodes share a real server, with a browser
// at the first and one at the second.
func devicesOnRedis(t *testing.T) (w *world, told *endings, nodes []*Broker, desk, hand *browser) {
	t.Helper()
	address := startRedis(t)
	w, told = deviceWorld(t, client.DeviceRefuse)
	nodes = w.onNodes(openRedis(t, address), openRedis(t, address), openRedis(t, address))
	desk, hand = w.browser(), w.browser()
	hand.b, hand.h = nodes[1], nodes[1].Handler()
	return w, told, nodes, desk, hand
}

// What a release ends, and what it leaves, on a server whose script holds both
// values or neither: lock and list of a person who is in at two sites of the group
// and at one outside.
func TestAReleaseOnRedisEndsTheLockAndWhatIsUnderIt(t *testing.T) {
	w, told, nodes, desk, hand := devicesOnRedis(t)
	clinic := w.tokensAt("clinic", desk.wantIn(desk.enter("naver", "clinic")))
	pharmacy := w.tokensAt("pharmacy", desk.wantIn(desk.proceed(desk.chooser(siteAt("pharmacy")...))))
	desk.wantIn(desk.proceed(desk.chooser("client_id", "bank", "redirect_uri", "https://bank.example/cb")))
	ref := hand.wantHeld(hand.enter("kakao", "pharmacy")).Ref
	if h, err := nodes[2].HeldBy(t.Context(), ref); err != nil || len(h.Sites) != 2 || !h.Until.After(w.clock.Now()) {
		t.Fatalf("got %+v (%v), want the two sites and until when", h, err)
	}
	w.wantInfo(clinic.Access, http.StatusOK)
	if _, err := nodes[2].Release(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	w.wantInfo(clinic.Access, http.StatusUnauthorized)
	w.wantInfo(pharmacy.Access, http.StatusUnauthorized)
	if got := told.clients(); got != "clinic pharmacy" && got != "pharmacy clinic" {
		t.Errorf("told %q, want the two sites of the group", got)
	}
	if to := desk.authorize("client_id", "bank", "redirect_uri", "https://bank.example/cb"); !query(t, to).Has("code") {
		t.Errorf("at a site of no group: got %s, want a code", to)
	}
	hand.wantIn(hand.enter("kakao", "pharmacy"))
	for i, b := range nodes {
		if _, err := b.Release(t.Context(), ref); !errors.Is(err, ErrReference) {
			t.Errorf("a second time, at node %d: got %v, want %v", i, err, ErrReference)
		}
	}
}

// Attack: many operators with one reference at once, on three nodes. Exactly one
// release is done, and afterwards one device is in, never both.
func TestAttackOneReferenceReleasedManyTimesAtOnceOnRedis(t *testing.T) {
	w, _, nodes, desk, hand := devicesOnRedis(t)
	old := w.tokensAt("clinic", desk.wantIn(desk.enter("naver", "clinic")))
	ref := hand.wantHeld(hand.enter("kakao", "clinic")).Ref
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // guards done
		done int
	)
	for i := range 30 {
		wg.Go(func() {
			_, err := nodes[i%len(nodes)].Release(t.Context(), ref)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				done++
			case !errors.Is(err, ErrReference) && !errors.Is(err, ErrReleased):
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	if done != 1 {
		t.Errorf("got %d releases, want 1", done)
	}
	w.wantInfo(old.Access, http.StatusUnauthorized)
	fresh := w.tokensAt("clinic", hand.wantIn(hand.enter("kakao", "clinic")))
	desk.wantHeld(Step{Redirect: desk.authorize(siteAt("clinic")...)}, nil)
	w.wantInfo(fresh.Access, http.StatusOK)
}
