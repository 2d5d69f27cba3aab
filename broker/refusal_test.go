package broker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/store"
)

// refusedOne is a world in which desk is in at the clinic and hand was refused.
func refusedOne(t *testing.T) (w *world, told *endings, desk, hand *browser, ref string) {
	t.Helper()
	w, told = deviceWorld(t, client.DeviceRefuse)
	desk, hand = w.browser(), w.browser()
	desk.wantIn(desk.enter("naver", "clinic"))
	return w, told, desk, hand, hand.wantHeld(hand.enter("kakao", "pharmacy")).Ref
}

func TestAnOperatorReleasesADeviceByTheReference(t *testing.T) {
	w, told := deviceWorld(t, client.DeviceRefuse)
	desk, hand := w.browser(), w.browser()
	old := w.tokensAt("clinic", desk.wantIn(desk.enter("naver", "clinic")))
	desk.wantIn(desk.proceed(desk.chooser("client_id", "bank", "redirect_uri", "https://bank.example/cb")))
	ref := hand.wantHeld(hand.enter("kakao", "pharmacy")).Ref
	heard := " " + strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(ref, "-", " "), "0", "o"))
	h, err := w.b.HeldBy(t.Context(), heard)
	if err != nil || h.Ref != ref || len(h.Sites) != 2 || h.Sites[0].ID != "clinic" || !h.Until.After(w.clock.Now()) {
		t.Fatalf("got %+v (%v), want the two sites and until when", h, err)
	}
	w.wantInfo(old.Access, http.StatusOK) // looking changes nothing
	if _, err := w.node().Release(t.Context(), heard); err != nil {
		t.Fatal(err)
	}
	w.wantInfo(old.Access, http.StatusUnauthorized)
	if got := told.clients(); got != "clinic" {
		t.Errorf("told %q, want the site of the group where somebody was in", got)
	}
	if to := desk.authorize("client_id", "bank", "redirect_uri", "https://bank.example/cb"); !query(t, to).Has("code") {
		t.Errorf("at a site of no group: got %s, want a code", to)
	}
	hand.wantIn(hand.enter("kakao", "pharmacy"))
	if _, err := w.b.Release(t.Context(), ref); !errors.Is(err, ErrReference) {
		t.Errorf("a second time: got %v, want %v", err, ErrReference)
	}
	hand.wantIn(Step{Redirect: hand.authorize(siteAt("pharmacy")...)}, nil)
}

func TestAReleaseTouchesNoOtherLockThanTheOneThatRefused(t *testing.T) {
	w, told, _, hand, ref := refusedOne(t)
	w.clock.add(11 * time.Minute)
	if h, err := w.b.HeldBy(t.Context(), ref); !errors.Is(err, ErrReleased) || h.Ref != ref {
		t.Errorf("once it is over: got %+v, %v", h, err)
	}
	hand.wantIn(hand.enter("kakao", "pharmacy"))
	if _, err := w.b.Release(t.Context(), ref); !errors.Is(err, ErrHeldAnew) {
		t.Errorf("the person's own device: got %v, want %v", err, ErrHeldAnew)
	}
	if to := hand.authorize(siteAt("pharmacy")...); !query(t, to).Has("code") || told.clients() != "" {
		t.Errorf("got %s, told %q, want nothing changed", to, told.clients())
	}
}

func TestAReferenceIsOverAfterAnHour(t *testing.T) {
	w, _, desk, _, ref := refusedOne(t)
	for range 7 {
		w.clock.add(9 * time.Minute)
		desk.wantIn(Step{Redirect: desk.authorize(siteAt("clinic")...)}, nil)
	}
	for _, text := range []string{ref, "", "0000-0000", "no", strings.Repeat("A", 200), "\xff\xfe"} {
		if _, err := w.b.Release(t.Context(), text); !errors.Is(err, ErrReference) {
			t.Errorf("%q: got %v, want %v", text, err, ErrReference)
		}
	}
	desk.wantIn(Step{Redirect: desk.authorize(siteAt("clinic")...)}, nil)
}

// meddled is a store in which something else happens after a list was read.
type meddled struct {
	store.Store

	reads int
	then  func()
}

func (m *meddled) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	values, err := m.Store.ReadAll(ctx, shard, keys...)
	if slices.Contains(keys, listKey) {
		if m.reads++; m.reads == 1 {
			m.then()
		}
	}
	return values, err
}

func TestAReleaseBeginsAgainWhereTheDeviceIsAtWork(t *testing.T) {
	w, _, desk, hand, ref := refusedOne(t)
	between := &meddled{Store: w.store, then: func() {
		w.clock.add(time.Minute)
		desk.wantIn(Step{Redirect: desk.authorize(siteAt("clinic")...)}, nil)
	}}
	w.cfg.Store = between
	if _, err := w.node().Release(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if between.reads != 2 {
		t.Errorf("got the list read %d times, want it read anew", between.reads)
	}
	hand.wantIn(hand.enter("kakao", "clinic"))
}

func TestAReleaseLeavesWhoHasTakenTheLockMeanwhile(t *testing.T) {
	w, told, _, hand, ref := refusedOne(t)
	between := &meddled{Store: w.store, then: func() {
		w.clock.add(11 * time.Minute)
		hand.wantIn(hand.enter("kakao", "clinic"))
	}}
	w.cfg.Store = between
	if _, err := w.node().Release(t.Context(), ref); !errors.Is(err, ErrHeldAnew) {
		t.Errorf("got %v, want %v", err, ErrHeldAnew)
	}
	if to := hand.authorize(siteAt("clinic")...); !query(t, to).Has("code") {
		t.Errorf("got %s, want who came in meanwhile to stay in (told %q)", to, told.clients())
	}
}

func TestAStoreThatIsAwayReleasesNothing(t *testing.T) {
	w, _, _, hand, ref := refusedOne(t)
	w.store.refuse = func(op store.Op) bool { return op.Kind == store.Delete }
	if _, err := w.b.Release(t.Context(), ref); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, store.ErrUnavailable)
	}
	w.store.refuse = nil
	hand.wantHeld(hand.enter("kakao", "pharmacy"))
	// Nor does a reference that cannot be kept refuse, or let in, anybody.
	w.store.refuse = func(op store.Op) bool { return op.Key == refusalKey }
	hand.wantHeld(hand.enter("kakao", "pharmacy"))
}

// Attack: finding a person's lock from the store, or by references that nobody was
// told. Only a login that was proven and refused leaves one; what it leaves names
// neither reference nor person, and opens by the reference alone.
func TestAttackReferencesThatAreGuessedOrReadFromTheStore(t *testing.T) {
	w, _, desk, _, ref := refusedOne(t)
	third := w.browser()
	before := len(w.store.records)
	for range 50 { // strangers, and a session that is refused
		third.chooser(siteAt("clinic")...)
	}
	if got := len(w.store.records); got != before {
		t.Errorf("strangers: got %d records, want %d", got, before)
	}
	found := 0
	for key, r := range w.store.records {
		plain := strings.ReplaceAll(ref, "-", "")
		if strings.Contains(key+string(r.value), ref) || strings.Contains(key+string(r.value), plain) {
			t.Errorf("record %q has the reference", key)
		}
		if !strings.HasSuffix(key, "/"+refusalKey) {
			continue
		}
		found++
		if _, err := w.b.box.refusal.Open(string(r.value), w.clock.Now(), w.b.issuer); err == nil {
			t.Error("opens without the reference")
		}
		if _, err := w.b.refusalBox(NewReference()).Open(string(r.value), w.clock.Now(), w.b.issuer); err == nil {
			t.Error("opens by another reference")
		}
		if left := r.expires.Sub(w.clock.Now()); left > refusalTTL {
			t.Errorf("lives %v, want %v at most", left, refusalTTL)
		}
	}
	if found != 1 {
		t.Errorf("got %d references kept, want 1", found)
	}
	for range 1000 {
		if _, err := w.b.Release(t.Context(), NewReference()); !errors.Is(err, ErrReference) {
			t.Fatalf("a guess: got %v", err)
		}
	}
	desk.wantIn(Step{Redirect: desk.authorize(siteAt("clinic")...)}, nil)
}
