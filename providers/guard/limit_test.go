package guard

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLimitFallsWithFailuresAndGrowsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := DefaultRules()
		r.Failures = 1 << 30 // the limit alone
		g, v, c := newGuarded(r)
		v.will(hanging)
		var people sync.WaitGroup
		refused := 0
		for range 1000 {
			if g.Reading().UnderWay >= g.Reading().Limit {
				refused++
			}
			people.Go(func() { _ = ask(t, c, http.MethodPost) })
			time.Sleep(100 * time.Millisecond)
			if n := g.Reading().UnderWay; n > 100 {
				t.Fatalf("got %d under way at ten a second and eight seconds each", n)
			}
		}
		if got := g.Reading(); got.Limit != r.Least || got.Full == 0 || refused == 0 {
			t.Errorf("got %+v, want the least limit and people refused", got)
		}
		people.Wait()
		v.will(status(http.StatusOK))
		for range 1000 {
			_ = ask(t, c, http.MethodPost)
			time.Sleep(50 * time.Millisecond)
		}
		if got := g.Reading(); got.Limit != r.Most || got.UnderWay != 0 {
			t.Errorf("got %+v, want the whole limit back and nothing under way", got)
		}
	})
}

func TestOneFailureInTwentyCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, v, c := newGuarded(DefaultRules())
		for i := range 2000 {
			v.will(status(http.StatusOK))
			if i%20 == 0 {
				v.will(status(http.StatusInternalServerError))
			}
			if err := ask(t, c, http.MethodPost); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if r := g.Reading(); r.Limit != g.rules.Most || r.Full+r.Opened > 0 {
			t.Errorf("got %+v, want nobody refused", r)
		}
	})
}

func TestRepeatsAreGETsWithinTheBudget(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method string
		answer func(*http.Request) (*http.Response, error)
		most   float64 // repeats for each request
	}{
		{"GETs after broken connections", http.MethodGet, broken, 0.1},
		{"GETs after 503", http.MethodGet, status(http.StatusServiceUnavailable), 0.1},
		{"no GET after 500", http.MethodGet, status(http.StatusInternalServerError), 0},
		{"no GET after a time-out", http.MethodGet, hanging, 0},
		{"no POST after a broken connection", http.MethodPost, broken, 0},
		{"no POST after 503", http.MethodPost, status(http.StatusServiceUnavailable), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := DefaultRules()
				r.Failures = 1 << 30
				g, v, c := newGuarded(r)
				v.will(tt.answer)
				const n = 500
				for range n {
					_ = ask(t, c, tt.method)
				}
				repeats := float64(v.times() - n)
				if repeats > tt.most*n+1 || tt.most > 0 && repeats < 0.9*tt.most*n {
					t.Errorf("got %v repeats of %d requests, want %v of them", repeats, n, tt.most)
				}
				if got := g.Reading().Repeated; float64(got) != repeats {
					t.Errorf("got %d counted, want %v", got, repeats)
				}
			})
		})
	}
}

func TestARepeatThatGoesWellIsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, v, c := newGuarded(DefaultRules())
		v.will(func(r *http.Request) (*http.Response, error) {
			v.will(status(http.StatusOK))
			return broken(r)
		})
		if err := ask(t, c, http.MethodGet); err != nil || v.times() != 2 {
			t.Errorf("got %v after %d requests, want the second one's answer", err, v.times())
		}
	})
}

// A body that is closed early, forgotten, broken, or never there gives its place
// back, once.
func TestEveryRequestGivesItsPlaceBack(t *testing.T) {
	body := func(b io.ReadCloser) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: b}, nil
		}
	}
	for name, tt := range map[string]struct {
		answer func(*http.Request) (*http.Response, error)
		use    func(*http.Response)
	}{
		"closed before its end, twice": {status(200), func(r *http.Response) { r.Body.Close(); r.Body.Close() }},
		"forgotten":                    {status(200), func(*http.Response) { time.Sleep(9 * time.Second) }},
		"read and closed": {status(200), func(r *http.Response) {
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}},
		"broken off": {body(io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{}))), func(r *http.Response) {
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}},
		"none": {body(http.NoBody), func(r *http.Response) { r.Body.Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, v, c := newGuarded(DefaultRules())
				v.will(tt.answer)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://vendor.example/", nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := c.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				tt.use(resp)
				synctest.Wait()
				if n := g.Reading().UnderWay; n != 0 {
					t.Errorf("got %d under way, want none", n)
				}
			})
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
