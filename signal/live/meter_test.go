package live

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sinho/signal"
)

// breaking is a body that fails after some bytes.
type breaking struct{ err error }

func (b breaking) Read([]byte) (int, error) { return 0, b.err }
func (b breaking) Close() error             { return nil }

func TestEachLegIsCountedForWhatItWas(t *testing.T) {
	plain := func(status int) roundTrip {
		return func(*http.Request) (*http.Response, error) { return answer(status, "x"), nil }
	}
	hang := roundTrip(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	for _, tt := range []struct {
		name   string
		base   roundTrip
		use    func(ctx context.Context, c *http.Client)
		legs   int
		left   int
		errors [5]uint32
	}{
		{name: "an answer read to its end is a leg", base: plain(200), legs: 1},
		{name: "a refusal is an answer", base: plain(400), legs: 1},
		{name: "5xx is faulty", base: plain(503), legs: 1, errors: [5]uint32{signal.Faulty: 1}},
		{name: "429 is throttled", base: plain(429), legs: 1, errors: [5]uint32{signal.Throttled: 1}},
		{
			name: "a dropped connection is refused",
			base: func(*http.Request) (*http.Response, error) { return nil, errDropped },
			legs: 1, errors: [5]uint32{signal.Refused: 1},
		},
		{
			name: "what this machine could not ask says nothing of the provider",
			base: func(r *http.Request) (*http.Response, error) {
				_, err := own(full)(r.Context(), "tcp", "kakao.test:443")
				return nil, err
			},
			left: 1,
		},
		{name: "no answer in time is timed out", base: hang, legs: 1, errors: [5]uint32{signal.TimedOut: 1}},
		{
			name: "a caller who goes away is no failure", base: hang, left: 1,
			use: func(ctx context.Context, c *http.Client) {
				ctx, cancel := context.WithCancel(ctx)
				go func() {
					time.Sleep(3 * time.Second)
					cancel()
				}()
				fetch(ctx, c)
			},
		},
		{
			name: "a caller's own deadline is a time-out", base: hang, legs: 1, errors: [5]uint32{signal.TimedOut: 1},
			use: func(ctx context.Context, c *http.Client) {
				ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
				defer cancel()
				fetch(ctx, c)
			},
		},
		{
			name: "a body that breaks is refused",
			base: func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: breaking{errors.New("reset")}}, nil
			},
			legs: 1, errors: [5]uint32{signal.Refused: 1},
		},
		{
			name: "a body closed early is a leg", base: plain(200), legs: 1,
			use: func(ctx context.Context, c *http.Client) {
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://x.test/", nil)
				resp, _ := c.Do(req)
				resp.Body.Close()
				resp.Body.Close()
			},
		},
		{
			name: "a forgotten body ends with the total time-out", base: plain(200), legs: 1, errors: [5]uint32{signal.TimedOut: 1},
			use: func(ctx context.Context, c *http.Client) {
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://x.test/", nil)
				_, _ = c.Do(req)
				time.Sleep(9 * time.Second)
			},
		},
		{
			name: "no body at all is a leg",
			base: func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
			},
			legs: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				timeouts := Timeouts{Connect: 2 * time.Second, Header: 5 * time.Second, Total: 8 * time.Second}
				m := newMeter(time.Now, timeouts.Total)
				c := measuredClient(tt.base, m, timeouts)
				if tt.use == nil {
					tt.use = fetch
				}
				tt.use(t.Context(), c)
				synctest.Wait()
				time.Sleep(time.Second)
				full, inFlight := m.seal(time.Now())
				var sum signal.Bucket
				for _, b := range full {
					sum = sum.Add(b)
				}
				if got := sum.Legs.Total(); got != tt.legs {
					t.Errorf("legs: got %d, want %d", got, tt.legs)
				}
				if got := sum.Left.Total(); got != tt.left {
					t.Errorf("left: got %d, want %d", got, tt.left)
				}
				if sum.Errors != tt.errors {
					t.Errorf("errors: got %v, want %v", sum.Errors, tt.errors)
				}
				if got := inFlight.Total(); got != 0 {
					t.Errorf("in flight afterwards: got %d, want none", got)
				}
			})
		})
	}
}

func fetch(ctx context.Context, c *http.Client) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://x.test/token", strings.NewReader("a=b"))
	if err != nil {
		return
	}
	resp, err := c.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

func TestLegsInFlightAreSeenByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(time.Now, 8*time.Second)
		began := m.begin()
		time.Sleep(1500 * time.Millisecond)
		second := m.begin()
		time.Sleep(1500 * time.Millisecond)
		_, ages := m.seal(time.Now())
		if got := ages.Total(); got != 2 {
			t.Errorf("in flight: got %d, want 2", got)
		}
		if got := ages.Above(signal.Index(2 * time.Second)); got != 1 {
			t.Errorf("in flight for more than 2 s: got %d, want 1", got)
		}
		m.end(began, good, 0)
		m.end(second, left, 0)
		if _, ages := m.seal(time.Now()); ages.Total() != 0 {
			t.Errorf("in flight at the end: got %d, want 0", ages.Total())
		}
	})
}

func TestEverySecondIsSealedOnceAndASleepIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(time.Now, 8*time.Second)
		first := time.Now().Unix()
		time.Sleep(3 * time.Second)
		full, _ := m.seal(time.Now())
		if len(full) != 3 || full[0].Second != first || full[2].Second != first+2 {
			t.Errorf("after 3 s: got %d buckets, want the 3 that are over", len(full))
		}
		if full, _ := m.seal(time.Now()); len(full) != 0 {
			t.Errorf("sealed again: got %d buckets, want none", len(full))
		}
		time.Sleep(time.Hour)
		if full, _ := m.seal(time.Now()); len(full) != 1 {
			t.Errorf("after an hour of sleep: got %d buckets, want only the one begun before it", len(full))
		}
	})
}

func TestNothingIsLostOrCountedTwiceUnderLoad(t *testing.T) {
	m := newMeter(time.Now, 8*time.Second)
	const workers, each = 8, 200
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				m.end(m.begin(), good, 0)
				m.with(func(b *signal.Bucket) { b.Started++ })
			}
		})
	}
	var sealed []signal.Bucket
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	for busy := true; busy; {
		select {
		case <-done:
			busy = false
		default:
		}
		full, _ := m.seal(time.Now())
		sealed = append(sealed, full...)
	}
	full, inFlight := m.seal(time.Now().Add(2 * time.Second))
	legs, started := 0, uint32(0)
	for _, b := range append(sealed, full...) {
		legs += b.Legs.Total()
		started += b.Started
	}
	if legs != workers*each || started != workers*each || inFlight.Total() != 0 {
		t.Errorf("got %d legs, %d started, %d in flight, want %d, %d and 0", legs, started, inFlight.Total(), workers*each, workers*each)
	}
}

func TestObservingAllocatesNothing(t *testing.T) {
	at := time.Now()
	m := newMeter(func() time.Time { return at }, 8*time.Second)
	if got := testing.AllocsPerRun(1000, func() { m.end(m.begin(), good, 0) }); got != 0 {
		t.Errorf("got %v allocations a leg, want none", got)
	}
}

// TestMeasuringALoginAllocatesNothing: what a login costs besides its legs. The
// first return of people of one second makes room for that second, now and then.
func TestMeasuringALoginAllocatesNothing(t *testing.T) {
	l, err := New(Config{Providers: []Provider{{ID: "kakao"}}})
	if err != nil {
		t.Fatal(err)
	}
	trip := aTrip()
	l.Returned(trip)
	if got := testing.AllocsPerRun(1000, func() { measure(l, trip) }); got != 0 {
		t.Errorf("got %v allocations a login, want none", got)
	}
}

func aTrip() Trip {
	began := time.Now()
	return Trip{Provider: "kakao", Light: "green", Began: began, Returned: began.Add(6 * time.Second), Ended: began.Add(7 * time.Second)}
}

func measure(l *Live, trip Trip) {
	l.Started(trip)
	l.Returned(trip)
	l.Ended(trip)
}

// BenchmarkMeasureLogin is start, return and end of a login, side by side.
func BenchmarkMeasureLogin(b *testing.B) {
	l, err := New(Config{Providers: []Provider{{ID: "kakao"}}})
	if err != nil {
		b.Fatal(err)
	}
	trip := aTrip()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			measure(l, trip)
		}
	})
}

// BenchmarkObserve is one server leg, side by side.
func BenchmarkObserve(b *testing.B) {
	m := newMeter(time.Now, 8*time.Second)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.end(m.begin(), good, 0)
		}
	})
}
