package peers

import (
	"context"
	"net/url"
	"testing"
	"time"
)

// lamp is what /signal says of one provider.
type lamp struct {
	Light    string
	Measured bool
	Reason   struct{ Code string }
}

// board is /signal.
func (a *abroad) board(t *testing.T, provider string) (lamp, time.Time) {
	t.Helper()
	doc := struct {
		At        time.Time
		Providers []struct {
			ID string
			lamp
		}
	}{}
	readInto(t, a.issuer+"/signal", &doc)
	for _, p := range doc.Providers {
		if p.ID == provider {
			return p.lamp, doc.At
		}
	}
	t.Fatalf("/signal knows no %s", provider)
	return lamp{}, time.Time{}
}

// judged waits until the light of a provider satisfies ok.
func (a *abroad) judged(t *testing.T, provider, what string, ok func(lamp, time.Time) bool) lamp {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		now, at := a.board(t, provider)
		if ok(now, at) {
			return now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the light of %s is %+v after 30 s, want %s", provider, now, what)
		}
	}
}

// testLight: a dozen logins in a row that are refused for what a provider said
// say nothing about how it is doing, nor do errors that anybody can write into
// an address; a dozen that it answered with 503 do.
func testLight(t *testing.T, a *abroad, s *station) {
	fail := func(now meddling, back func(url.Values), want refusal) {
		t.Helper()
		s.during(now, func() {
			for range 12 {
				if now, _ := a.board(t, s.name+asLight); now.Light == "grey" {
					return // nobody can choose it any more
				}
				v := a.traveller(t, s, asLight)
				v.onReturn(back)
				mark := a.broker.out.mark()
				v.turnedBack(v.travel("/login"), mark, want)
			}
		})
	}
	fail(s.says(func(c map[string]any) { c["nonce"] = "replayed" }), nil, bad("nonce"))
	fail(meddling{}, func(q url.Values) { q.Del("code"); q.Set("error", "server_error") }, refusal{"down", "server_error", "failed"})
	since := time.Now()
	// Three judgements later at least, by the board's own clock.
	now := a.judged(t, s.name+asLight, "a judgement of it", func(_ lamp, at time.Time) bool { return at.After(since.Add(3 * time.Second)) })
	if worse(now) { // another colour may be the machine's: slow is not failing
		t.Errorf("after two dozen refused logins the light is %+v, want nothing of failures", now)
	}
	fail(meddling{tokenStatus: 503}, nil, refusal{"down", "http-503", "failed"})
	a.judged(t, s.name+asLight, "a worse colour", func(l lamp, _ time.Time) bool { return worse(l) })
}

// worse says that a light has a colour for failures.
func worse(l lamp) bool {
	return l.Light == "grey" || l.Reason.Code == "errors" || l.Reason.Code == "breaker"
}
