package live

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sinho/signal"
)

// roundTrip is a RoundTripper that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// faulty is a provider with the demo's switches.
type faulty struct {
	down, hang, pageHang, slow atomic.Bool
	asked                      atomic.Int64
}

var errDropped = errors.New("connection dropped")

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	f.asked.Add(1)
	page := r.URL.Path == "/page"
	if f.down.Load() {
		return nil, errDropped
	}
	if page && f.pageHang.Load() || !page && f.hang.Load() {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	took := 100 * time.Millisecond
	if f.slow.Load() {
		took = 2500 * time.Millisecond
	}
	select {
	case <-time.After(took):
		return answer(http.StatusOK, "ok"), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// stage is a Live with one provider of the demo's kind, and citizens.
type stage struct {
	*Live
	fault  *faulty
	cancel context.CancelFunc
	ended  chan error
	rng    *rand.Rand
}

func newStage(t *testing.T) *stage {
	t.Helper()
	fault := &faulty{}
	l, err := New(Config{
		Providers: []Provider{{
			ID: "kakao", Name: signal.Text{KO: "카카오", EN: "Kakao"},
			Probes: func() []Probe {
				return []Probe{{Name: "discovery", URL: "http://kakao.test/discovery"}, {Name: "keys", URL: "http://kakao.test/keys"}, {Name: "page", URL: "http://kakao.test/page"}}
			},
		}},
		Transport: fault,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &stage{Live: l, fault: fault, cancel: cancel, ended: make(chan error, 1), rng: rand.New(rand.NewPCG(1, 2))}
	go func() { s.ended <- l.Run(ctx) }()
	return s
}

func (s *stage) stop(t *testing.T) {
	t.Helper()
	s.cancel()
	if err := <-s.ended; err != nil {
		t.Errorf("run: got %v, want nil", err)
	}
}

// citizen logs in as the demo's do: a while on the page, back, three legs.
func (s *stage) citizen(stay time.Duration) {
	if s.Admit("kakao") != "" {
		return
	}
	trip := Trip{Provider: "kakao", Light: s.Light("kakao"), Began: time.Now()}
	s.Started(trip)
	if s.fault.down.Load() || s.fault.pageHang.Load() {
		return
	}
	time.Sleep(stay)
	if s.fault.down.Load() || s.fault.pageHang.Load() {
		return
	}
	trip.Returned = time.Now()
	s.Returned(trip)
	for range 3 {
		resp, err := s.Client("kakao").Get("http://kakao.test/token")
		if err != nil {
			trip.Class, trip.Colours, trip.Seen = "down", true, true
			break
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	trip.Ended = time.Now()
	s.Ended(trip)
}

// crowd lets citizens in for a while, fewer when the light is not green. until
// ends it earlier; the time taken is returned, and whether until was met.
func (s *stage) crowd(rate float64, span time.Duration, until func() bool) (took time.Duration, met bool) {
	began := time.Now()
	for time.Since(began) < span {
		if until != nil && until() {
			return time.Since(began), true
		}
		now := rate
		if s.Light("kakao") != "green" {
			now = 0.4 * rate
		}
		time.Sleep(time.Duration(s.rng.ExpFloat64() / now * float64(time.Second)))
		go s.citizen(time.Duration((0.1 + 2.9*s.rng.Float64()) * float64(time.Second)))
	}
	return span, until == nil
}

func (s *stage) is(light string) func() bool { return func() bool { return s.Light("kakao") == light } }

func TestEachFaultMovesTheLightInTimeAndBack(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(*faulty) *atomic.Bool
		rate  float64
		light string
		by    time.Duration
	}{
		{"down, 2 logins a second", func(f *faulty) *atomic.Bool { return &f.down }, 2, "grey", 20 * time.Second},
		{"down, 4 logins a second", func(f *faulty) *atomic.Bool { return &f.down }, 4, "grey", 12 * time.Second},
		{"hang, 2 logins a second", func(f *faulty) *atomic.Bool { return &f.hang }, 2, "grey", 20 * time.Second},
		{"hang, 4 logins a second", func(f *faulty) *atomic.Bool { return &f.hang }, 4, "grey", 12 * time.Second},
		{"page hangs, 2 logins a second", func(f *faulty) *atomic.Bool { return &f.pageHang }, 2, "red", 30 * time.Second},
		{"page hangs, 1 login a second", func(f *faulty) *atomic.Bool { return &f.pageHang }, 1, "red", 30 * time.Second},
		{"slow, 2 logins a second", func(f *faulty) *atomic.Bool { return &f.slow }, 2, "red", 20 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.crowd(tt.rate, time.Minute, nil)
				if got := s.Light("kakao"); got != "green" {
					t.Fatalf("after a good minute: got %s, want green", got)
				}
				broken := tt.fault(s.fault)
				broken.Store(true)
				took, met := s.crowd(tt.rate, tt.by, s.is(tt.light))
				t.Logf("%s after %v", s.Light("kakao"), took.Round(time.Second/10))
				if !met {
					t.Errorf("after %v: got %s (%+v), want %s", tt.by, s.Light("kakao"), s.Board().Providers[0].Reason, tt.light)
				}
				s.crowd(tt.rate, 20*time.Second, nil)
				if got := s.Light("kakao"); got != tt.light {
					t.Errorf("while it lasts: got %s, want %s", got, tt.light)
				}
				broken.Store(false)
				took, met = s.crowd(tt.rate, 90*time.Second, s.is("green"))
				t.Logf("green %v after recovery", took.Round(time.Second/10))
				if !met {
					t.Errorf("90 s after recovery: got %s (%+v), want green", s.Light("kakao"), s.Board().Providers[0].Reason)
				}
				time.Sleep(15 * time.Second) // lets the last citizens finish
				s.stop(t)
			})
		})
	}
}

func TestWithoutAnybodyTheLightIsNotKnownAndProbesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		time.Sleep(time.Minute)
		b := s.Board().Providers[0]
		if b.Light != signal.Yellow || b.Measured || b.Reason.Code != signal.CodeLittleData || b.Share != 1 {
			t.Errorf("got %+v, want an unmeasured yellow with little data", b)
		}
		// Three probes a round, a round every five seconds.
		if got := s.fault.asked.Load(); got < 30 || got > 40 {
			t.Errorf("got %d probes in a minute, want about 36", got)
		}
		s.stop(t)
	})
}

func TestAnOverrideClosesTheProviderUntilItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		if err := s.Override("kakao", &signal.Override{Disabled: true, Until: time.Now().Add(30 * time.Second)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if got := s.Admit("kakao"); got != "closed" {
			t.Errorf("admit: got %q, want closed", got)
		}
		if !s.Disabled("kakao") {
			t.Error("disabled: got false, want true")
		}
		time.Sleep(30 * time.Second)
		if got := s.Admit("kakao"); got != "" || s.Disabled("kakao") {
			t.Errorf("after its end: got %q, disabled %t, want it open", got, s.Disabled("kakao"))
		}
		if s.Override("nobody", nil) == nil || s.Admit("nobody") != "" || s.Light("nobody") != "" || s.Disabled("nobody") {
			t.Error("an unknown provider: want an error for an override and nothing said of it")
		}
		s.stop(t)
	})
}

func TestEveryMistakeOfAConfigurationIsReportedAtOnce(t *testing.T) {
	_, err := New(Config{Providers: []Provider{{ID: "a"}, {ID: ""}, {ID: "a"}}})
	if err == nil || !strings.Contains(err.Error(), "without id") || !strings.Contains(err.Error(), "twice") {
		t.Errorf("got %v, want both mistakes", err)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("no providers: got no error, want one")
	}
}

func TestHonestyCountsFailedAndSlowGreens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.crowd(5, time.Minute, nil)
		s.fault.slow.Store(true)
		s.crowd(5, 5*time.Second, nil)
		s.fault.slow.Store(false)
		time.Sleep(15 * time.Second)
		overall, byID := s.Honesty()
		if overall != byID["kakao"] || overall.Begun < 200 || overall.Slow == 0 || overall.Ended > overall.Begun {
			t.Errorf("got %+v, want hundreds begun and some of them slow", overall)
		}
		if share, ok := overall.Share(); !ok || share < 0.8 || share >= 1 {
			t.Errorf("got %v %t, want nearly but not quite all honest", share, ok)
		}
		s.stop(t)
	})
}
