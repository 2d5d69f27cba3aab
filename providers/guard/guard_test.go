package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// vendor answers as a test says, without a socket.
type vendor struct {
	mu     sync.Mutex
	asked  int
	answer func(*http.Request) (*http.Response, error)
}

func (v *vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	v.mu.Lock()
	v.asked++
	answer := v.answer
	v.mu.Unlock()
	return answer(r)
}

func (v *vendor) will(answer func(*http.Request) (*http.Response, error)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer = answer
}

func (v *vendor) times() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked
}

func status(code int) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	}
}

func broken(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset") }

func hanging(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func newGuarded(r Rules) (*Guard, *vendor, *http.Client) {
	v := &vendor{answer: status(http.StatusOK)}
	g := New(r, nil)
	return g, v, g.Client(&http.Client{Transport: v, Timeout: 8 * time.Second})
}

// ask makes one request and reads the whole answer.
func ask(t *testing.T, c *http.Client, method string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://vendor.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// dead fails until the breaker is open.
func dead(t *testing.T, g *Guard, v *vendor, c *http.Client) {
	t.Helper()
	v.will(broken)
	for range g.rules.Failures + 1 {
		if err := ask(t, c, http.MethodPost); err == nil {
			t.Fatal("got an answer of a broken vendor")
		}
		time.Sleep(g.rules.Span / time.Duration(g.rules.Failures-1))
	}
	if !g.Reading().Open {
		t.Fatalf("got %+v, want the breaker open", g.Reading())
	}
}

func TestADeadProviderIsAskedByOneTrialAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, v, c := newGuarded(DefaultRules())
		dead(t, g, v, c)
		if before := v.times(); !errors.Is(ask(t, c, http.MethodGet), ErrRefused) || v.times() != before || !g.TurnsAway() {
			t.Errorf("got asked %d times more (shut: %v), want a refusal in the pause", v.times()-before, g.TurnsAway())
		}
		time.Sleep(g.rules.LongestPause)
		if g.TurnsAway() {
			t.Error("got shut after the pause: nobody could ever try")
		}
		v.will(hanging)
		before := v.times()
		var trials sync.WaitGroup
		refused := make(chan error, 20)
		for range cap(refused) {
			trials.Go(func() { refused <- ask(t, c, http.MethodGet) })
		}
		synctest.Wait()
		if got := v.times() - before; got != 1 || len(refused) != cap(refused)-1 {
			t.Errorf("got %d trials and %d refused, want 1 and %d", got, len(refused), cap(refused)-1)
		}
		trials.Wait() // the trial times out
		if !g.TurnsAway() {
			t.Error("got a trial that failed and the breaker not pausing")
		}
	})
}

func TestAProviderThatAnswersAgainIsAskedByAll(t *testing.T) {
	for _, way := range []string{"at the trial", "a request older than the opening"} {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, v, c := newGuarded(DefaultRules())
				old := make(chan struct{})
				if way != "at the trial" {
					v.will(func(r *http.Request) (*http.Response, error) {
						time.Sleep(7 * time.Second)
						return status(http.StatusOK)(r)
					})
					go func() { defer close(old); _ = ask(t, c, http.MethodPost) }()
					synctest.Wait()
				}
				dead(t, g, v, c)
				v.will(status(http.StatusOK))
				if way == "at the trial" {
					time.Sleep(g.rules.LongestPause)
					if err := ask(t, c, http.MethodPost); err != nil {
						t.Fatalf("trial: %v", err)
					}
				} else {
					<-old
				}
				if r := g.Reading(); r.Open || g.TurnsAway() {
					t.Errorf("got %+v, want the breaker closed", r)
				}
				if err := ask(t, c, http.MethodPost); err != nil {
					t.Errorf("got %v after recovery, want an answer", err)
				}
			})
		})
	}
}

func TestPausesDoubleAndAreBounded(t *testing.T) {
	r := DefaultRules()
	now := time.Unix(0, 0)
	b := breaker{}
	for range r.Failures {
		b = b.failed(&r, false, now)
		now = now.Add(r.Span)
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 8} {
		if want *= time.Second; b.pause != want {
			t.Errorf("pause %d: got %v, want %v", i, b.pause, want)
		}
		if late := b.failed(&r, true, b.until.Add(-1)); late != b {
			t.Errorf("pause %d: a failure within it changed %+v to %+v", i, b, late)
		}
		b = b.failed(&r, true, b.until)
	}
}

func TestAPersonWhoLeavesGivesTheTrialBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, v, c := newGuarded(DefaultRules())
		dead(t, g, v, c)
		time.Sleep(g.rules.LongestPause)
		v.will(hanging)
		ctx, gone := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://vendor.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		left := make(chan error)
		go func() {
			resp, err := c.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			left <- err
		}()
		synctest.Wait()
		gone()
		<-left
		v.will(status(http.StatusOK))
		if err := ask(t, c, http.MethodPost); err != nil {
			t.Errorf("got %v, want the next one to be the trial", err)
		}
	})
}

func TestWhatOnlyAnAdapterCanTellOpensTheBreakerToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, v, c := newGuarded(DefaultRules())
		v.will(status(http.StatusBadRequest)) // Kakao's quota
		for range g.rules.Failures {
			if err := ask(t, c, http.MethodPost); err != nil {
				t.Fatal(err)
			}
			g.Trouble()
			time.Sleep(g.rules.Span/time.Duration(g.rules.Failures-1) + 1)
		}
		if !g.TurnsAway() {
			t.Errorf("got %+v, want the breaker open", g.Reading())
		}
	})
}

func TestBadCodesAreNobodysFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, v, c := newGuarded(DefaultRules())
		v.will(status(http.StatusBadRequest))
		for range 1000 {
			if err := ask(t, c, http.MethodPost); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if r := g.Reading(); r.Open || r.Limit != g.rules.Most {
			t.Errorf("got %+v, want nothing to have changed", r)
		}
	})
}

// Every request hangs until it times out, ten more come each second: what is
// under way falls to the least, and grows back once the provider answers.
// A machine that has no more files cannot ask, and the provider is not to blame.
func TestWhatIsRefusedBelowIsNobodysFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, v, c := newGuarded(DefaultRules())
		before := g.Reading()
		v.will(func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("%w: too many open files", ErrRefused)
		})
		for range 100 {
			if err := ask(t, c, http.MethodGet); !errors.Is(err, ErrRefused) {
				t.Fatalf("got %v, want ErrRefused", err)
			}
			time.Sleep(time.Second)
		}
		if after := g.Reading(); after.Open || after.Limit != before.Limit || after.UnderWay != 0 || after.Repeated != 0 {
			t.Errorf("got %+v, want %+v", after, before)
		}
	})
}
