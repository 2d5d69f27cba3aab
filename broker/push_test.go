package broker

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/providers"
)

func journeyOf(t testing.TB, s Step) string {
	t.Helper()
	name, ok := strings.CutPrefix(s.Redirect, "/wait/")
	if !ok {
		t.Fatalf("got %+v, want /wait/…", s)
	}
	return name
}

// pushed logs in by a push and gives the site's callback.
func pushed(t testing.TB, w *world, br *browser, changes ...string) string {
	t.Helper()
	name := journeyOf(t, must2(t)(br.begin(br.chooser(changes...), "pass", contact)))
	w.pass.set(func() { w.pass.progress, w.pass.results = providers.Approved, 0 })
	w.clock.add(time.Second)
	return must2(t)(br.waiting(name)).Redirect
}

func TestAPushWaitsThreeTimesForTheStore(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	name := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
	s := must2(t)(br.waiting(name))
	if s.Wait == nil || s.Wait.Phrase == "" || s.Wait.Dragging || s.Wait.Provider.ID != "pass" || s.Wait.Journey != name {
		t.Fatalf("got %+v", s.Wait)
	}
	for range 5 {
		must2(t)(br.waiting(name))
	}
	if w.pass.polls != 1 {
		t.Errorf("got %d polls within a second, want 1", w.pass.polls)
	}
	w.clock.add(20 * time.Second)
	if s := must2(t)(br.waiting(name)); s.Wait == nil || !s.Wait.Dragging {
		t.Errorf("after 20 s: got %+v, want dragging", s.Wait)
	}
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits while waiting, want 0", n)
	}
	w.pass.set(func() { w.pass.progress = providers.Approved })
	w.clock.add(time.Second)
	in := must2(t)(br.waiting(name))
	site := in.Redirect
	if in.Proved != "pass" {
		t.Errorf("proved by %q, want pass", in.Proved)
	}
	again := must2(t)(br.waiting(name)).Redirect
	if site != again || !strings.HasPrefix(site, callback) {
		t.Errorf("got %s and %s, want the site twice", site, again)
	}
	tok := w.redeem(site)
	if n := w.store.waited(); n != 3 {
		t.Errorf("got %d store waits for a push, want 3", n)
	}
	if c := w.claims(tok); c.ACR != ACRVerifiedFresh {
		t.Errorf("got acr %s", c.ACR)
	}
	if got := w.travelled(); got != "started returned ended" {
		t.Errorf("got trips %q", got)
	}
}

func TestADoubleClickIsOnePush(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	r := br.chooser()
	gate := make(chan struct{})
	w.pass.gate = gate
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[string]bool{}
	)
	for range 8 {
		twin := w.browser()
		maps.Copy(twin.cookies, br.cookies)
		wg.Go(func() {
			s, err := twin.begin(r, "pass", contact)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			seen[s.Redirect] = true
		})
	}
	close(gate)
	wg.Wait()
	if w.pass.calls != 1 || len(seen) != 1 {
		t.Errorf("got %d pushes and %d journeys, want 1 and 1", w.pass.calls, len(seen))
	}
}

func TestHowAPushEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*world)
		notice string
		trips  string
	}{
		{"the person refuses", func(w *world) {
			w.pass.pollFail = &providers.Error{Provider: "pass", Class: providers.Cancelled}
		}, NoticeCancelled, "started returned ended:cancelled"},
		{"the vendor says it has expired", func(w *world) {
			w.pass.pollFail = &providers.Error{Provider: "pass", Class: providers.Cancelled, Code: "expired"}
		}, NoticeExpired, "started returned ended:cancelled"},
		{"our own time is over", func(w *world) { w.clock.add(30 * time.Minute) }, NoticeExpired, "started returned ended:cancelled"},
		{"the result fails", func(w *world) {
			w.pass.progress, w.pass.fail = providers.Approved, &providers.Error{Provider: "pass", Class: providers.Down}
		}, NoticeFailed, "started returned ended:down"},
		{"it was disabled meanwhile", func(w *world) { w.disabled["pass"] = true }, NoticeClosed, "started returned ended:policy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			br := w.browser()
			name := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
			older := w.browser()
			maps.Copy(older.cookies, br.cookies)
			w.pass.set(func() { c.before(w) })
			s, err := br.waiting(name)
			w.wantNotice(s, err, c.notice)
			for _, other := range []*browser{br, older} { // a reload, another tab
				s, err = other.waiting(name)
				w.wantNotice(s, err, c.notice)
			}
			if got := w.travelled(); got != c.trips {
				t.Errorf("got trips %q, want %q", got, c.trips)
			}
		})
	}
}

func TestAStumblingVendorDoesNotEndAPushAtOnce(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	name := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
	w.pass.pollFail = &providers.Error{Provider: "pass", Class: providers.Down, Code: "timeout", Seen: true}
	for range pollFailures - 1 {
		if s := must2(t)(br.waiting(name)); s.Wait == nil {
			t.Fatalf("got %+v, want waiting", s)
		}
		w.clock.add(time.Second)
	}
	s, err := br.waiting(name)
	w.wantNotice(s, err, NoticeFailed)
}

// Our own refusal to ask is no word of the vendor's: the phone may still answer.
func TestALookThatWeDoNotTakeDoesNotEndAPush(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	name := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
	w.pass.pollFail = &providers.Error{Provider: "pass", Class: providers.Shed, Code: "not-asked"}
	if s := must2(t)(br.waiting(name)); s.Wait == nil {
		t.Errorf("got %+v, want waiting", s)
	}
}

func TestLeavingAPushKeepsTheRequest(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	name := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
	for range 2 {
		s, err := br.leave(name)
		r := w.wantNotice(s, err, "")
		if _, err := br.resume(r); err != nil {
			t.Error(err)
		}
	}
	if got := w.travelled(); got != "started ended:cancelled" {
		t.Errorf("got trips %q", got)
	}
}

func TestAMistypedContactReachesNobody(t *testing.T) {
	for _, c := range []*providers.Contact{
		nil,
		{},
		{Name: "홍길동", Birthdate: "19900512", Phone: "12"},
		{Name: "홍길동", Birthdate: "1990", Phone: phone},
		{Name: strings.Repeat("가", 400), Birthdate: "19900512", Phone: phone},
	} {
		w := newWorld(t)
		br := w.browser()
		s, err := br.begin(br.chooser(), "pass", c)
		w.wantNotice(s, err, NoticeContact)
		if w.pass.calls != 0 {
			t.Errorf("%v was pushed", c)
		}
	}
}

func TestOneOfTwoNodesReadsTheResult(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	name := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
	w.pass.progress = providers.Approved
	other := w.browser()
	other.b = w.node()
	maps.Copy(other.cookies, br.cookies)
	site := must2(t)(br.waiting(name)).Redirect
	if !strings.HasPrefix(site, callback) {
		t.Fatalf("got %s", site)
	}
	if s := must2(t)(other.waiting(name)); s.Wait == nil || !s.Wait.Approved {
		t.Errorf("the other node: got %+v, want it to wait for the lease's holder and say so", s)
	}
	if w.pass.results != 1 {
		t.Errorf("got %d reads of the result, want 1", w.pass.results)
	}
	w.store.breaks(errors.New("gone"))
	third := w.browser()
	third.b = w.node()
	third.cookies = other.cookies
	if s := must2(t)(third.waiting(name)); s.Wait == nil {
		t.Errorf("without a store: got %+v, want to go on waiting", s)
	}
}

// A push that fails at once may be sent anew at once: that is no double click.
func TestASecondPushAfterTheFirstHasFailedIsAnother(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	first := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
	w.pass.pollFail = &providers.Error{Provider: "pass", Class: providers.Cancelled}
	s, err := br.waiting(first)
	r := w.wantNotice(s, err, NoticeCancelled)
	w.pass.pollFail = nil
	if second := journeyOf(t, must2(t)(br.begin(r, "pass", contact))); second == first || w.pass.calls != 2 {
		t.Errorf("got journey %s and %d pushes, want another", second, w.pass.calls)
	}
}

// The lease of a node that never came back with an answer runs out.
func TestALeaseWhoseHolderIsGoneRunsOut(t *testing.T) {
	for name, c := range map[string]struct {
		reads  int // by the node that is gone
		notice string
	}{
		"before it read":                      {0, ""},
		"after it read what is read but once": {1, NoticeAgain},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			br := w.browser()
			name := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
			j, p := w.b.waitingJourney(br.request(http.MethodGet, "/wait/"+name, nil), name)
			if p != nil {
				t.Fatal(p)
			}
			gone := w.node()
			if held, err := gone.takeLease(t.Context(), &j); err != nil || !held {
				t.Fatalf("got %v %v, want the lease", held, err)
			}
			w.pass.progress, w.pass.results = providers.Approved, c.reads
			for range int(leaseTTL / time.Second) {
				if s := must2(t)(br.waiting(name)); s.Wait == nil || !s.Wait.Approved {
					t.Fatalf("got %+v, want it to wait and say that the approval came", s)
				}
				w.clock.add(time.Second)
			}
			s, err := br.waiting(name)
			if c.notice != "" {
				w.wantNotice(s, err, c.notice)
				return
			}
			w.redeem(must(t, s, err).Redirect)
		})
	}
}

// An approval nobody could read in time is not called a silence.
func TestAnApprovalThatNobodyReadInTime(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	name := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
	w.pass.progress = providers.Approved
	w.store.breaks(errors.New("gone"))
	if s := must2(t)(br.waiting(name)); s.Wait == nil || !s.Wait.Approved {
		t.Fatalf("got %+v, want to go on waiting", s)
	}
	w.clock.add(journeyTTL)
	s, err := br.waiting(name)
	w.wantNotice(s, err, NoticeAgain)
}

// Where the vendor gives its result twice, a second node makes the same code as
// the first; but one that has died with its store is not handed out.
func TestTheCodeOfAnAnswerThatWasLost(t *testing.T) {
	for name, anew := range map[string]bool{"the store has stayed": false, "the store has begun anew": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			br := w.browser()
			name := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
			other := w.browser()
			other.b = w.node()
			maps.Copy(other.cookies, br.cookies)
			w.pass.progress = providers.Approved
			lost := must2(t)(br.waiting(name)).Redirect
			if anew {
				w.store.restart()
			}
			w.clock.add(leaseTTL)
			w.pass.results = 0
			s, err := other.waiting(name)
			if anew {
				w.wantNotice(s, err, NoticeAgain)
				return
			}
			w.redeem(must(t, s, err).Redirect)
			if rec := w.post("/token", codeForm(query(t, lost).Get("code")), "booking", secret); decode[tokens](t, rec).Error != "invalid_grant" {
				t.Errorf("the lost one: got %d %s, want it to be the same code, which is spent", rec.Code, rec.Body)
			}
		})
	}
}
