package broker

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/store"
)

// passCookie holds a browser's pass in these tests.
const passCookie = "sinho-test-pass"

// room is a waiting room by hand, before every client: nobody passes without a
// pass in a cookie, nobody before the opening but early.
type room struct {
	w *world

	mu      sync.Mutex // guards what follows
	at      time.Time  // it opens; zero: it is open
	free    bool       // sessions need no pass
	asked   []Purpose
	spent   map[string]store.Attempt
	tries   []store.Attempt
	away    error // of Enter
	fails   error // of Spend
	lost    error // of Spend, once it is done
	refused []error
	entered int
}

func roomWorld(t testing.TB, tweaks ...func(*Config)) (*world, *room) {
	t.Helper()
	r := &room{spent: map[string]store.Attempt{}}
	w := newWorld(t, append([]func(*Config){func(cfg *Config) { cfg.Hooks.Doors = r.doors() }}, tweaks...)...)
	r.w = w
	return w, r
}

// before puts a room before every client of a world that is there already.
func (w *world) before(t testing.TB) *room {
	t.Helper()
	r := &room{w: w, spent: map[string]store.Attempt{}}
	w.cfg.Hooks.Doors = r.doors()
	w.b = w.node()
	w.h = w.b.Handler()
	return r
}

func (r *room) doors() *Doors {
	return &Doors{Enter: r.enter, Spend: r.spend, Opens: r.opens, Refused: func(w http.ResponseWriter, _ string, err error) {
		r.set(func() { r.refused = append(r.refused, err) })
		http.SetCookie(w, &http.Cookie{Name: passCookie, MaxAge: -1})
	}, Entered: func(w http.ResponseWriter, _ string, _ []byte) {
		r.set(func() { r.entered++ })
		http.SetCookie(w, &http.Cookie{Name: passCookie, MaxAge: -1})
	}}
}

func (r *room) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *room) opens(string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w.clock.Now().Before(r.at) {
		return r.at
	}
	return time.Time{}
}

func (r *room) enter(_ http.ResponseWriter, q *http.Request, e Entrance) (Entry, error) {
	closed := !r.opens(e.Client).IsZero()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, e.Purpose)
	c, err := q.Cookie(passCookie)
	switch {
	case r.away != nil:
		return Entry{}, r.away
	case e.Browser == [16]byte{}:
		return Entry{}, errors.New("whose?")
	case e.Purpose == EnterEarly:
		return Entry{Wait: !closed}, nil
	case closed:
		return Entry{Wait: true}, nil
	case e.Purpose == EnterSession && r.free:
		return Entry{}, nil
	case err != nil:
		return Entry{Wait: true}, nil
	}
	pass, err := base64.RawURLEncoding.DecodeString(c.Value)
	return Entry{Pass: pass}, err
}

func (r *room) spend(_ context.Context, _ string, pass []byte, attempt store.Attempt) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries = append(r.tries, attempt)
	if r.fails != nil {
		return r.fails
	}
	if was, gone := r.spent[string(pass)]; gone && was != attempt {
		return ErrPassUsed
	}
	r.spent[string(pass)] = attempt
	return r.lost
}

func (r *room) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.spent)
}

// call gives a browser a pass of the room, as long as one may be.
func (br *browser) call(name string) {
	pass := name + strings.Repeat(".", maxPass-len(name))
	br.cookies[passCookie] = base64.RawURLEncoding.EncodeToString([]byte(pass))
}

func (br *browser) called() bool { return br.cookies[passCookie] != "" }

// wantQueue expects the waiting room, and gives r.
func (br *browser) wantQueue(s Step, err error) string {
	br.w.t.Helper()
	if err != nil {
		br.w.t.Fatal(err)
	}
	u, err := url.Parse(s.Redirect)
	if err != nil || u.Path != "/queue" || u.Query().Get("r") == "" {
		br.w.t.Fatalf("got %+v, want the waiting room", s)
	}
	return u.Query().Get("r")
}

// went is the answer of /authorize as a step.
func went(location string) (Step, error) { return Step{Redirect: location}, nil }

func (br *browser) queue(r string) Queueing {
	br.w.t.Helper()
	q, err := br.queued(r)
	if err != nil {
		br.w.t.Fatal(err)
	}
	return q
}

func (br *browser) queued(r string) (q Queueing, err error) {
	_, stepErr := br.step(http.MethodGet, "/queue?r="+r, nil, func(w http.ResponseWriter, req *http.Request) (Step, error) {
		q, err = br.b.Queue(w, req, r)
		return Step{}, err
	})
	return q, stepErr
}

// early goes to the chooser for a login ahead of the opening.
func (br *browser) early(r string) (Step, error) {
	return br.step(http.MethodPost, "/queue/early", nil, func(w http.ResponseWriter, req *http.Request) (Step, error) {
		return br.b.VerifyEarly(w, req, r)
	})
}

// verify logs in ahead of the opening, from the waiting room's page.
func (br *browser) verify(r, provider string) (Step, error) {
	br.w.t.Helper()
	r = sealedIn(br.w.t, must2(br.w.t)(br.early(r)).Redirect)
	to := must2(br.w.t)(br.begin(r, provider, nil))
	return br.finish(provider, approve(br.w.t, to.Redirect))
}
