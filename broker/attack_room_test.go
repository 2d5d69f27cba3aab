package broker

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/providers"
)

// issued are the codes and access records in the store.
func (w *world) issued() int {
	n := 0
	for at := range w.store.records {
		_, key, _ := strings.Cut(at, "/")
		if strings.HasPrefix(key, "c:") || strings.HasPrefix(key, "a:") {
			n++
		}
	}
	return n
}

// A form sent without its page: nobody begins anything without a pass.
func TestAttackADirectPostPastTheWaitingRoom(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	sealed := br.wantQueue(went(br.authorize()))
	for _, provider := range []string{"naver", "kakao", "pass"} {
		br.wantQueue(br.begin(sealed, provider, contact))
	}
	s, err := br.proceed(sealed)
	w.wantNotice(s, err, NoticeSession)
	if w.naver.calls+w.kakao.calls+w.pass.calls != 0 || w.travelled() != "" || len(w.store.records) != 0 {
		t.Errorf("got %d requests to providers and %d records, want none", w.naver.calls+w.kakao.calls+w.pass.calls, len(w.store.records))
	}
	for name := range br.cookies {
		if strings.HasPrefix(name, br.b.cookieName(cookieJourney)) {
			t.Errorf("a journey has begun: %s", name)
		}
	}
	if len(r.tries) != 0 {
		t.Errorf("got %d passes tried", len(r.tries))
	}
}

// The pass in the journey is sealed: it can be neither read nor put into another.
func TestAttackAPassTakenOutOfAJourney(t *testing.T) {
	w, _ := roomWorld(t)
	br := w.browser()
	br.call("one")
	must2(t)(br.begin(br.chooser(), "naver", nil))
	for name, value := range br.cookies {
		if name != passCookie && strings.Contains(value, br.cookies[passCookie][:16]) {
			t.Errorf("the pass can be read in %s", name)
		}
	}
}

// Many callbacks at once, of many journeys that began with one pass: one code.
func TestAttackParallelCallbacksWithOnePass(t *testing.T) {
	w, r := roomWorld(t)
	type tab struct {
		br   *browser
		back string
	}
	var tabs []tab
	for range maxJourneys {
		br := w.browser()
		br.call("one")
		tabs = append(tabs, tab{br, must2(t)(br.begin(br.chooser(), "naver", nil)).Redirect})
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes, queued := 0, 0
	for _, one := range tabs {
		back := approve(t, one.back)
		for range 3 {
			br := &browser{w: w, b: w.node(), h: w.h, cookies: map[string]string{}}
			maps.Copy(br.cookies, one.br.cookies)
			wg.Go(func() {
				s, err := br.finish("naver", back)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				switch {
				case strings.HasPrefix(s.Redirect, callback):
					codes++
				case strings.HasPrefix(s.Redirect, "/queue?"):
					queued++
				}
			})
		}
	}
	wg.Wait()
	if codes != 1 || queued != maxJourneys-1 || w.issued() != 1 || r.count() != 1 {
		t.Errorf("got %d codes, %d at the room, %d records, %d passes spent; want 1, %d, 1, 1", codes, queued, w.issued(), r.count(), maxJourneys-1)
	}
}

// Before the opening there is no way to a code: by a session, by Continue, in
// silence, by a push, by a login that began before the opening was moved, nor by a
// room that forgets to say no.
func TestAttackACodeBeforeTheOpening(t *testing.T) {
	w, r := roomWorld(t)
	w.kakao.info.Fresh = providers.FreshRequested
	br := w.browser()
	br.call("one")
	br.wantIn(went(br.login("naver")))
	br.call("two")
	before := w.browser()
	before.call("three")
	redirected := must2(t)(before.begin(before.chooser(), "kakao", nil))
	pushed := w.browser()
	pushed.call("four")
	name := journeyOf(t, must2(t)(pushed.begin(pushed.chooser(), "pass", contact)))
	codes := w.issued()

	r.set(func() { r.at = w.clock.Now().Add(time.Hour) })
	sealed := br.wantQueue(went(br.authorize()))
	br.wantQueue(br.proceed(sealed))
	br.wantQueue(went(br.come("booking", w.push(asBooking)).Header().Get("Location")))
	if site := query(t, br.authorize("prompt", "none")); site.Get("error") != "interaction_required" || site.Has("code") {
		t.Errorf("in silence: got %v, want interaction_required", site)
	}
	br.wantQueue(br.begin(sealed, "naver", nil))
	br.wantQueue(br.begin(sealed, "pass", contact))

	moved := before.wantQueue(before.finish("kakao", approve(t, redirected.Redirect)))
	w.pass.set(func() { w.pass.progress = providers.Approved })
	w.clock.add(time.Second)
	pushed.wantQueue(pushed.waiting(name))
	if got := w.issued(); got != codes || r.count() != 1 {
		t.Errorf("got %d codes and %d passes spent, want %d and 1", got, r.count(), codes)
	}
	if q := before.queue(moved); !q.Verified {
		t.Error("a login that was overtaken is lost")
	}

	// A room that lets everybody in, though it has not opened.
	w.cfg.Hooks.Doors.Enter = func(http.ResponseWriter, *http.Request, Entrance) (Entry, error) { return Entry{}, nil }
	lax := w.browser()
	lax.b = w.node()
	lax.h = lax.b.Handler()
	lax.wantQueue(went(lax.login("naver")))
	w.store.waited()
	lax.wantQueue(went(lax.authorize()))
	lax.wantQueue(lax.proceed(lax.chooser("prompt", "select_account")))
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits for sessions that get nothing, want none", n)
	}
	if got := w.issued(); got != codes {
		t.Errorf("got %d codes, want %d", got, codes)
	}

	w.clock.add(time.Hour)
	before.wantIn(before.proceed(before.queue(moved).Sealed))
}

// A login ahead of the opening is worth no code, even if it comes back after it.
func TestAttackALoginAheadOfTheOpeningKeptUntilAfterIt(t *testing.T) {
	w, r := tonight(t)
	w.clock.add(2*time.Hour - 10*time.Minute)
	br := w.browser()
	sealed := sealedIn(t, must2(t)(br.early(br.wantQueue(went(br.authorize())))).Redirect)
	to := must2(t)(br.begin(sealed, "naver", nil))
	w.clock.add(20 * time.Minute)
	sealed = br.wantQueue(br.finish("naver", approve(t, to.Redirect)))
	br.wantQueue(br.proceed(sealed))
	br.wantQueue(went(br.authorize()))
	if w.issued() != 0 || r.count() != 0 {
		t.Errorf("got %d codes, want none without a pass", w.issued())
	}
}

// A flood that waits, comes again and asks to verify stores nothing.
func TestAttackAFloodInTheWaitingRoomStoresNothing(t *testing.T) {
	w, _ := tonight(t)
	for range 50 {
		br := w.browser()
		sealed := br.wantQueue(went(br.authorize()))
		sealed = br.queue(sealed).Sealed
		must2(t)(br.begin(sealedIn(t, must2(t)(br.early(sealed)).Redirect), "naver", nil))
	}
	if n := w.store.waited(); n != 0 || len(w.store.records) != 0 {
		t.Errorf("got %d store waits and %d records, want none", n, len(w.store.records))
	}
}
