package broker

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// abandoned is a world whose Naver hangs, and a browser that has come back.
type abandoned struct {
	*world

	br    *browser
	back  url.Values
	began time.Time
	ended chan time.Duration // of each load, when it was answered
}

func newAbandoned(t *testing.T) *abandoned {
	t.Helper()
	a := &abandoned{world: newWorld(t), ended: make(chan time.Duration, 10)}
	a.br = a.browser()
	to := must2(t)(a.br.begin(a.br.chooser(), "naver", nil))
	a.back = approve(t, to.Redirect)
	a.naver.gate = make(chan struct{})
	a.began = time.Now()
	return a
}

// load opens the callback, and hangs up when it is told to.
func (a *abandoned) load() (hangUp context.CancelFunc) {
	ctx, cancel := context.WithCancel(a.t.Context())
	r := a.br.request(http.MethodGet, "/callback/naver?"+a.back.Encode(), nil).WithContext(ctx)
	go func() {
		_, _ = a.b.Finish(httptest.NewRecorder(), r, "naver")
		a.ended <- time.Since(a.began)
	}()
	synctest.Wait()
	return cancel
}

func TestAnExchangeThatNobodyWaitsForIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAbandoned(t)
		time.Sleep(time.Second)
		a.load()()
		if got, want := <-a.ended, time.Second+abandonedIn; got != want {
			t.Errorf("the work ended after %v, want %v", got, want)
		}
		if a.lastErr == nil || a.lastErr.Colours() || a.lastErr.Code != codeGone {
			t.Errorf("got %+v, want somebody who left, and no colour", a.lastErr)
		}
		close(a.naver.gate)
		s, err := a.br.finish("naver", a.back) // much later; the proof is spent
		if err != nil || !strings.HasPrefix(s.Redirect, "https://naver.example/") {
			t.Errorf("got %+v %v, want Naver once more", s, err)
		}
	})
}

func TestAnExchangeGoesOnWhileAnyBrowserWaits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reload time.Duration // after the first load hung up
		want   time.Duration // the first load's work ends
	}{
		{"a reload in time keeps it", abandonedIn - time.Second, providerWait},
		{"a reload too late begins anew", abandonedIn + time.Second, abandonedIn},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAbandoned(t)
				a.load()()
				time.Sleep(tt.reload)
				a.load()
				if got := <-a.ended; got != tt.want {
					t.Errorf("the work ended after %v, want %v", got, tt.want)
				}
				<-a.ended
				if n := len(a.b.present.by); n != 0 {
					t.Errorf("got %d journeys still remembered", n)
				}
			})
		})
	}
}

func TestOfTwoLoadsOneMayHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAbandoned(t)
		first := a.load()
		second := a.load()
		first()
		time.Sleep(abandonedIn + time.Second)
		close(a.naver.gate)
		synctest.Wait()
		if len(a.ended) != 2 {
			t.Errorf("got %d loads ended, want both, by the answer", len(a.ended))
		}
		if a.lastErr != nil {
			t.Errorf("got %v, want a login", a.lastErr)
		}
		second()
	})
}
