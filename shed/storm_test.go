package shed

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// machine is a simulated one: a goroutine computes while it has one of the
// processors, in the order in which it asked for it.
type machine struct {
	free chan struct{}
	used atomic.Int64
}

func newMachine(processors int) *machine {
	m := &machine{free: make(chan struct{}, processors)}
	for range processors {
		m.free <- struct{}{}
	}
	return m
}

func (m *machine) compute(d time.Duration) {
	m.used.Add(int64(d))
	time.Sleep(d)
}

// wait gives the processor up, as a goroutine that blocks does.
func (m *machine) wait(wait func()) {
	m.free <- struct{}{}
	wait()
	<-m.free
}

// What a login costs here, twenty times what it costs Sinho, so that twenty times
// fewer people make a storm.
const (
	connection = 800 * time.Microsecond // before and after any handler, and all of a refusal
	chooser    = 4 * time.Millisecond
	departure  = 2 * time.Millisecond
	finish     = 8 * time.Millisecond
	redemption = 4 * time.Millisecond
	claims     = 2 * time.Millisecond
	whole      = chooser + departure + finish + redemption + claims + 5*connection

	store    = time.Millisecond
	provider = 30 * time.Millisecond
)

var waits = map[string]time.Duration{"/callback/naver": provider + store, "/token": store, "/userinfo": store}

// world is a node with simulated work, and people who come to it.
type world struct {
	m     *machine
	gate  *Gate // nil: none
	serve http.Handler

	mu        sync.Mutex
	done      []time.Time // logins that ended well
	refused   map[string]int
	slowest   map[string]time.Duration
	abandoned int // that gave up
	lost      int // whose proof was spent for nothing
	wasted    int // answers to somebody who had left
	most      int // requests in the house
	house     int
}

func newWorld(processors int, gated bool) *world {
	w := &world{m: newMachine(processors), refused: map[string]int{}, slowest: map[string]time.Duration{}}
	mux := http.NewServeMux()
	work := func(path string, cost time.Duration) {
		mux.HandleFunc(path, func(_ http.ResponseWriter, r *http.Request) {
			if r.Context().Err() != nil {
				w.mu.Lock()
				w.wasted++
				w.mu.Unlock()
			}
			w.m.compute(cost / 2)
			if away := waits[r.URL.Path]; away > 0 {
				back := Outside(r.Context())
				w.m.wait(func() { time.Sleep(away) })
				back()
			}
			w.m.compute(cost / 2)
		})
	}
	work("GET /login", chooser)
	work("POST /login/naver", departure)
	work("GET /callback/naver", finish)
	work("POST /token", redemption)
	work("GET /userinfo", claims)
	w.serve = mux
	if gated {
		w.gate = New(processors)
		w.gate.parked = w.m.wait
		w.gate.round = func() { // a goroutine that waits for its turn
			<-w.m.free
			w.m.free <- struct{}{}
		}
		w.serve = w.gate.Handler(mux, kindOf, "")
	}
	return w
}

func kindOf(r *http.Request) Kind {
	switch r.URL.Path {
	case "/login":
		return Kind{Class: Beginning}
	case "/login/naver":
		return Kind{Class: Departing}
	case "/callback/naver":
		return Kind{Class: Finishing, Part: Return}
	case "/token":
		return Kind{Class: Finishing, Part: Redemption, Machine: true}
	}
	return Kind{Class: Finishing, Part: Claims, Machine: true}
}

// request is one, whose client leaves after patience. Status 0: nobody answered
// in time.
func (w *world) request(method, path string, patience time.Duration) (status int, after time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r := httptest.NewRequest(method, path, nil).WithContext(ctx)
	r.Header.Set("Accept", "text/html")
	rec := httptest.NewRecorder()
	began := time.Now()
	w.count(1)
	<-w.m.free
	w.m.compute(connection)
	w.serve.ServeHTTP(rec, r)
	w.m.free <- struct{}{}
	w.count(-1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if rec.Code == http.StatusServiceUnavailable {
		w.refused[path]++
		s, _ := strconv.Atoi(rec.Header().Get("Retry-After"))
		return rec.Code, time.Duration(s) * time.Second
	}
	w.slowest[path] = max(w.slowest[path], time.Since(began))
	if ctx.Err() != nil {
		return 0, 0
	}
	return rec.Code, 0
}

func (w *world) count(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.house += n
	w.most = max(w.most, w.house)
}

// insist asks again as the page does, or as people press reload.
func (w *world) insist(method, path string, until time.Time) bool {
	for tries := 0; tries < 20 && time.Now().Before(until); tries++ {
		status, after := w.request(method, path, 8*time.Second)
		if status == http.StatusOK {
			return true
		}
		time.Sleep(after + time.Second)
	}
	return false
}

// person logs in, as far as they get.
func (w *world) person(random *rand.Rand, until time.Time) {
	think := time.Duration(random.IntN(2000)) * time.Millisecond
	away := 5*time.Second + time.Duration(random.IntN(10_000))*time.Millisecond
	gone := func(what *int) {
		w.mu.Lock()
		*what++
		w.mu.Unlock()
	}
	if !w.insist("GET", "/login", until) {
		gone(&w.abandoned)
		return
	}
	time.Sleep(think)
	if !w.insist("POST", "/login/naver", until.Add(5*time.Second)) {
		gone(&w.abandoned)
		return
	}
	time.Sleep(away)
	for _, step := range []struct{ method, path string }{{"GET", "/callback/naver"}, {"POST", "/token"}, {"GET", "/userinfo"}} {
		if status, _ := w.request(step.method, step.path, 10*time.Second); status != http.StatusOK {
			gone(&w.lost)
			return
		}
	}
	w.mu.Lock()
	w.done = append(w.done, time.Now())
	w.mu.Unlock()
}

// crowd comes in an open loop: so many a second for so long, whatever becomes of
// them, and asks again until then.
func (w *world) crowd(all *sync.WaitGroup, perSecond float64, d time.Duration) {
	until := time.Now().Add(d)
	random := rand.New(rand.NewPCG(1, 2))
	for time.Now().Before(until) {
		time.Sleep(time.Duration(float64(time.Second) / perSecond))
		own := rand.New(rand.NewPCG(random.Uint64(), 3))
		all.Go(func() { w.person(own, until) })
	}
}

// between is how many logins a second ended well.
func (w *world) between(from, to time.Time) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, at := range w.done {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return float64(n) / to.Sub(from).Seconds()
}

const processors = 2

// capacity in logins a second.
var capacity = processors / whole.Seconds()

// TestAStormOfFiveTimesWhatANodeCanDo is an open loop of people, all of whom come
// again when they are refused.
func TestAStormOfFiveTimesWhatANodeCanDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(processors, true)
		var all sync.WaitGroup
		w.crowd(&all, capacity/2, 30*time.Second) // a node that has seen logins
		calm := len(w.refused)
		storm := time.Now()
		w.crowd(&all, 5*capacity, 40*time.Second)
		ended := time.Now()
		goodput := w.between(storm.Add(20*time.Second), ended)
		time.Sleep(2 * time.Second)
		after := w.gate.State()
		w.mu.Lock()
		refused := w.refused
		w.refused = map[string]int{}
		w.mu.Unlock()
		w.crowd(&all, capacity/2, 20*time.Second)
		recovered := w.between(time.Now().Add(-5*time.Second), time.Now())
		all.Wait()

		t.Logf("capacity %.0f logins/s; in the storm %.0f a second ended well; refused %v; slowest %v; most in the house %d; after: %+v",
			capacity, goodput, refused, w.slowest, w.most, after)
		if calm != 0 {
			t.Errorf("somebody was refused at half the load")
		}
		if refused["/login"] < 1000 {
			t.Errorf("got %d beginnings refused, want thousands", refused["/login"])
		}
		for _, path := range []string{"/callback/naver", "/token", "/userinfo"} {
			if refused[path]+w.refused[path] != 0 || w.slowest[path] > 2*time.Second {
				t.Errorf("%s: %d refused, the slowest took %v, want none and at most 2 s", path, refused[path]+w.refused[path], w.slowest[path])
			}
		}
		if w.lost != 0 || after.Classes[Finishing].Refused() != 0 {
			t.Errorf("%d logins were lost on their way home", w.lost)
		}
		if w.wasted != 0 {
			t.Errorf("%d requests were worked on though their client had left", w.wasted)
		}
		if goodput < 0.6*capacity { // refusing takes a fifth of the processors
			t.Errorf("got %.0f logins a second in the storm, want most of the capacity of %.0f", goodput, capacity)
		}
		for c, r := range after.Classes {
			if r.Queued != 0 {
				t.Errorf("two seconds after the storm %d of %s still wait", r.Queued, Class(c))
			}
		}
		if w.refused["/login"]+w.refused["/login/naver"] != 0 || recovered < 0.4*capacity {
			t.Errorf("after the storm: %v refused, %.0f a second ended well, want none and half the capacity of %.0f", w.refused, recovered, capacity)
		}
		if s := w.gate.State(); s.Inside != 0 {
			t.Errorf("got %+v when all are gone, want nobody inside", s)
		}
	})
}

// The same storm without a gate, so that the test above shows something.
func TestWithoutAGateTheStormTakesLoginsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(processors, false)
		var all sync.WaitGroup
		storm := time.Now()
		w.crowd(&all, 5*capacity, 40*time.Second)
		ended := time.Now()
		goodput := w.between(storm.Add(20*time.Second), ended)
		all.Wait()
		t.Logf("in the storm %.0f of %.0f a second ended well; %d lost on their way home, %d answers to nobody, slowest %v, most in the house %d, the last was gone %v later",
			goodput, capacity, w.lost, w.wasted, w.slowest["/callback/naver"], w.most, time.Since(ended))
		if w.lost < 100 || w.slowest["/callback/naver"] < 8*time.Second {
			t.Errorf("got %d lost and a slowest callback of %v: the model cannot show an overload", w.lost, w.slowest["/callback/naver"])
		}
	})
}
