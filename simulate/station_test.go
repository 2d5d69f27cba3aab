package simulate

import (
	"math"
	"math/rand/v2"
	"testing"
)

// waitingTime is the mean wait of M/M/c by Erlang's formula C (A. K. Erlang,
// 1917): rate arrivals a second, c servers of mean service time s.
func waitingTime(rate, s float64, c int) float64 {
	offered := rate * s
	term, sum := 1.0, 1.0
	for k := 1; k < c; k++ {
		term *= offered / float64(k)
		sum += term
	}
	term *= offered / float64(c)
	last := term * float64(c) / (float64(c) - offered)
	return last / (sum + last) * s / (float64(c) - offered)
}

func TestWaitingAtAProviderIsErlangs(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rate    float64
		servers int
		speed   float64
	}{
		{"one server, half used", 5, 1, 1},
		{"twelve servers, 0.8 used", 96, 12, 1},
		{"forty-eight servers, 0.95 used", 456, 48, 1},
		{"twelve servers at half their speed", 48, 12, 0.5},
	} {
		// Twenty runs; the mean of their means is within its own interval of the
		// theory, widened to four standard errors.
		var means []float64
		for seed := range uint64(20) {
			means = append(means, meanWait(seed, tt.rate, tt.servers, tt.speed, 20_000))
		}
		want := waitingTime(tt.rate, service/tt.speed, tt.servers)
		mean, deviation := moments(means)
		if off := math.Abs(mean - want); off > 4*deviation/math.Sqrt(float64(len(means)-1)) || off > 0.25*want {
			t.Errorf("%s: got a mean wait of %.5f s (deviation %.5f), want %.5f", tt.name, mean, deviation, want)
		}
	}
}

// meanWait of so many legs, after a tenth of them that fill the queue.
func meanWait(seed uint64, rate float64, servers int, speed float64, many int) float64 {
	chance := rand.New(rand.NewPCG(seed, 5))
	s := station{servers: servers, mean: service, speed: speed, most: math.MaxInt}
	var a agenda
	came := make([]float64, 0, many)
	var sum float64
	begun := 0
	begin := func(l leg, now float64) {
		if int(l.who) >= many/10 {
			sum += now - came[l.who]
			begun++
		}
		a.plan(event{at: now + s.begin(now, chance), kind: served})
	}
	a.plan(event{kind: arrives})
	for {
		e, any := a.next()
		if !any {
			return sum / float64(begun)
		}
		if e.kind == served {
			s.end(e.at)
			if l, any := s.next(); any {
				begin(l, e.at)
			}
			continue
		}
		l := leg{who: int32(len(came))}
		came = append(came, e.at)
		if now, refused := s.take(l); now {
			begin(l, e.at)
		} else if refused {
			panic("an endless queue refused")
		}
		if len(came) < many {
			a.plan(event{at: e.at + chance.ExpFloat64()/rate, kind: arrives})
		}
	}
}

func TestAProviderServesInOrderAndRefusesBeyondItsQueue(t *testing.T) {
	s := station{servers: 1, mean: service, speed: 1, most: 2}
	chance := rand.New(rand.NewPCG(1, 1))
	begin, refused := s.take(leg{who: 1})
	if !begin || refused {
		t.Fatalf("a free server: got begin %t, refused %t", begin, refused)
	}
	s.begin(0, chance)
	for _, who := range []int32{2, 3} {
		if begin, refused := s.take(leg{who: who}); begin || refused {
			t.Fatalf("the queue: got begin %t, refused %t", begin, refused)
		}
	}
	if _, refused := s.take(leg{who: 4}); !refused {
		t.Error("a full queue took another leg")
	}
	if _, any := s.next(); any {
		t.Error("a leg was begun with no server free")
	}
	s.end(2)
	for _, want := range []int32{2, 3} {
		if l, any := s.next(); !any || l.who != want {
			t.Errorf("got leg %d, want %d", l.who, want)
		}
	}
	if s.used != 2 {
		t.Errorf("got %v server-seconds in use, want 2", s.used)
	}
}

func TestEventsComeInTheirOrder(t *testing.T) {
	var a agenda
	chance := rand.New(rand.NewPCG(3, 3))
	for i := range 5000 {
		a.plan(event{at: float64(chance.IntN(50)), who: int32(i)})
	}
	last := event{at: -1}
	for range 5000 {
		e, any := a.next()
		if !any || !last.before(&e) {
			t.Fatalf("got %v after %v", e, last)
		}
		last = e
	}
	if _, any := a.next(); any {
		t.Error("got more events than were planned")
	}
}

func TestTheGuardIsDrivenAsATransport(t *testing.T) {
	w := &world{}
	l := newLine(w.clock)
	for i := range 40 {
		w.now = float64(i) / 4
		o := l.enter()
		if o == nil {
			break
		}
		if got := l.guard.Reading().UnderWay; got != 1 {
			t.Fatalf("got %d under way, want the one leg", got)
		}
		o.leave(false)
	}
	if r := l.guard.Reading(); !r.Open || r.UnderWay != 0 || !l.guard.TurnsAway() {
		t.Fatalf("after failures alone for ten seconds: got %+v, want its breaker open", r)
	}
	w.now += 20
	o := l.enter()
	if o == nil {
		t.Fatal("no trial after the pause")
	}
	o.leave(true)
	if l.guard.Reading().Open {
		t.Error("a trial that went well left the breaker open")
	}
}
