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

func (br *browser) resend(journey string) (Step, error) {
	return br.step(http.MethodPost, "/wait/"+journey+"/resend", nil, func(w http.ResponseWriter, r *http.Request) (Step, error) {
		return br.b.Resend(w, r, journey)
	})
}

// missing is a push that has not arrived in its time.
func missing(t *testing.T, w *world, br *browser) (journey string) {
	t.Helper()
	journey = journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
	w.clock.add(draggingAt)
	return journey
}

func TestAPushThatDoesNotArriveIsSentAgain(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	first := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
	was := must2(t)(br.waiting(first)).Wait
	if was.Resend || was.Resent {
		t.Errorf("at once: got %+v, want it given its time", was)
	}
	if s := must2(t)(br.resend(first)); s.Redirect != "/wait/"+first || w.pass.calls != 1 {
		t.Errorf("too early: got %+v and %d pushes, want to stay with the one", s, w.pass.calls)
	}
	w.clock.add(draggingAt)
	if s := must2(t)(br.waiting(first)); !s.Wait.Resend || !s.Wait.Dragging {
		t.Errorf("got %+v, want another to be offered", s.Wait)
	}
	second := journeyOf(t, must2(t)(br.resend(first)))
	if second == first || w.pass.calls != 2 {
		t.Fatalf("got journey %s and %d pushes, want a new one", second, w.pass.calls)
	}
	is := must2(t)(br.waiting(second)).Wait
	if is.Phrase == was.Phrase || !is.Resent || is.Resend || is.Dragging {
		t.Errorf("got %+v, want another phrase and its own time", is)
	}
	for _, s := range []Step{must2(t)(br.waiting(first)), must2(t)(br.resend(first)), must2(t)(br.leave(first))} {
		if s.Redirect != "/wait/"+second {
			t.Errorf("the old page: got %+v, want it to lead to the new one", s)
		}
	}
	other := w.browser() // a node that remembers nothing
	other.b = w.node()
	maps.Copy(other.cookies, br.cookies)
	if s := must2(t)(other.waiting(first)); s.Redirect != "/wait/"+second {
		t.Errorf("the old page on another node: got %+v", s)
	}
	w.pass.set(func() { w.pass.progress = providers.Approved })
	w.clock.add(time.Second)
	w.redeem(must2(t)(br.waiting(second)).Redirect)
	if w.pass.calls != 2 {
		t.Errorf("got %d pushes in all, want 2", w.pass.calls)
	}
	if got := w.travelled(); got != "started started ended:cancelled returned ended" {
		t.Errorf("got trips %q", got)
	}
}

func TestADoubleClickOnSendAgainIsOnePush(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	first := missing(t, w, br)
	w.pass.gate = make(chan struct{})
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		to    = map[string]bool{}
		twins []*browser
	)
	for range 8 {
		twin := w.browser()
		maps.Copy(twin.cookies, br.cookies)
		twins = append(twins, twin)
		wg.Go(func() {
			s, err := twin.resend(first)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			to[s.Redirect] = true
		})
	}
	close(w.pass.gate)
	wg.Wait()
	if w.pass.calls != 2 || len(to) != 1 {
		t.Fatalf("got %d pushes and journeys %v, want one more", w.pass.calls, to)
	}
	w.pass.set(func() { w.pass.progress = providers.Approved })
	w.clock.add(time.Second)
	sites := map[string]bool{}
	for _, twin := range twins { // whichever answer the browser has kept
		second := journeyOf(t, must2(t)(twin.waiting(first)))
		sites[must2(t)(twin.waiting(second)).Redirect] = true
	}
	if len(sites) != 1 || w.pass.results != 1 {
		t.Errorf("got %d answers and %d reads, want 1 and 1", len(sites), w.pass.results)
	}
}

func TestWhatKeepsAPushFromBeingSentAgain(t *testing.T) {
	busy := &providers.Error{Provider: "pass", Class: providers.Throttled, Seen: true}
	for name, c := range map[string]struct {
		before func(*world)
		query  string // of the waiting page
		pushes int
	}{
		"the number was reached too often": {func(w *world) {
			for range 2 {
				br := w.browser()
				must2(t)(br.begin(br.chooser(), "pass", contact))
			}
		}, "notice=often&wait=70", 3},
		"the vendor refuses": {func(w *world) { w.pass.fail = busy }, "notice=busy", 2},
		"it has become grey": {func(w *world) { w.admit["pass"] = NoticeClosed }, "notice=closed", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			br := w.browser()
			first := missing(t, w, br)
			c.before(w)
			for range 2 {
				if s := must2(t)(br.resend(first)); s.Redirect != "/wait/"+first+"?"+c.query {
					t.Errorf("got %+v, want to wait on, with %s", s, c.query)
				}
				if name == "the vendor refuses" {
					w.pass.fail = nil
					break
				}
			}
			if w.pass.calls != c.pushes {
				t.Errorf("got %d pushes, want %d", w.pass.calls, c.pushes)
			}
			w.pass.set(func() { w.pass.progress, w.pass.results = providers.Approved, 0 })
			w.clock.add(time.Second)
			w.redeem(must2(t)(br.waiting(first)).Redirect) // the first may still arrive
		})
	}
}

func TestAnApprovalBeatsSendingAgain(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	first := missing(t, w, br)
	w.pass.progress = providers.Approved
	w.redeem(must2(t)(br.resend(first)).Redirect)
	if w.pass.calls != 1 {
		t.Errorf("got %d pushes, want 1", w.pass.calls)
	}
}

// The largest request there may be fits into the cookie of a push, with the
// contact or, if need be, without.
func TestTheLargestRequestCanBePushed(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	r := br.chooser("state", strings.Repeat("s", 700), "nonce", strings.Repeat("n", 700))
	long := &providers.Contact{Name: strings.Repeat("홍", 40), Birthdate: "19900512", Phone: phone}
	name := journeyOf(t, must2(t)(br.begin(r, "pass", long)))
	w.clock.add(draggingAt)
	if s := must2(t)(br.waiting(name)); s.Wait == nil || !s.Wait.Resend {
		t.Errorf("got %+v, want a push that can be sent again", s)
	}
}

// The page asks every second: a press while it does is not lost.
func TestSendingAgainWaitsForALook(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	first := missing(t, w, br)
	n, _ := parseID(first)
	k := w.b.looks.of(n)
	k.mu.Lock() // somebody looks
	done := make(chan Step, 1)
	go func() {
		s, err := br.resend(first)
		if err != nil {
			t.Error(err)
		}
		done <- s
	}()
	select {
	case s := <-done:
		t.Fatalf("got %+v while somebody looks, want it to wait", s)
	case <-time.After(20 * time.Millisecond): // it may not have begun yet; the end is the same
	}
	k.mu.Unlock()
	if s := <-done; s.Redirect == "/wait/"+first || w.pass.calls != 2 {
		t.Errorf("got %+v and %d pushes, want another", s, w.pass.calls)
	}
}
