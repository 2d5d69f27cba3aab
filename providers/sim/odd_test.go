package sim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestFaultsAnswerEveryServerLegAndNoPage(t *testing.T) {
	for _, id := range all() {
		for _, tt := range []struct {
			fault        Fault
			status       int
			header, want string
		}{
			{Loop, http.StatusTemporaryRedirect, "Location", ""},
			{Throttle, http.StatusTooManyRequests, "Retry-After", ""},
			{Quota, map[string]int{"kakao": http.StatusBadRequest}[id], "", map[string]string{"kakao": `"code":-10`}[id]},
		} {
			t.Run(id+" "+string(tt.fault), func(t *testing.T) {
				s := build(t, config(id))
				control(t, s, `{"fault":"`+string(tt.fault)+`","latency_ms":0}`)
				legs, pages := paths(id)
				for _, line := range legs {
					res := ask(s, request(t.Context(), line))
					want := tt.status
					if want == 0 {
						want = http.StatusServiceUnavailable
					}
					if res.status != want || !strings.Contains(res.body, tt.want) || tt.header != "" && res.header.Get(tt.header) == "" {
						t.Errorf("%s: got %d %v %s, want %d with %s%s", line, res.status, res.header, res.body, want, tt.header, tt.want)
					}
				}
				for _, line := range pages {
					if res := ask(s, request(t.Context(), line)); res.dropped || res.status >= 400 {
						t.Errorf("%s: got %d, want the page to work", line, res.status)
					}
				}
				control(t, s, `{"fault":""}`)
				if res := ask(s, request(t.Context(), legs[0])); res.status >= 500 || res.status == tt.status {
					t.Errorf("%s: got %d once lifted", legs[0], res.status)
				}
			})
		}
	}
}

func TestLostKeysAreNotFoundAndNothingElseIsLost(t *testing.T) {
	for _, id := range []string{"naver", "kakao", "oidc"} {
		s := build(t, config(id))
		control(t, s, `{"fault":"keys","latency_ms":0}`)
		legs, _ := paths(id)
		for _, line := range legs {
			res := ask(s, request(t.Context(), line))
			if keys := strings.Contains(line, "jwks"); keys != (res.status == http.StatusNotFound) {
				t.Errorf("%s %s: got %d", id, line, res.status)
			}
		}
	}
}

func TestADripIsAByteASecondAndEndsWithItsClient(t *testing.T) {
	s, client := start(t, config("oidc"))
	control(t, s, `{"fault":"drip"}`)
	ctx, gone := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.Base+"/jwks", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	began := time.Now()
	first := make([]byte, 64)
	n, err := resp.Body.Read(first)
	if n != 1 || err != nil || time.Since(began) > time.Minute {
		t.Errorf("got %d bytes (%v), want one", n, err)
	}
	gone()
	if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want our own hanging up", err)
	}
	until(t, "nothing is held", func() bool { return s.held.Load() == 0 })
}

func TestALiftedDripIsBrokenOff(t *testing.T) {
	s, client := start(t, config("oidc"))
	control(t, s, `{"fault":"drip"}`)
	resp, err := client.Get(s.cfg.Base + "/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	control(t, s, `{"fault":""}`)
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("got a whole answer, want it broken off")
	}
}

func TestAFloodIsAHundredMegabytes(t *testing.T) {
	s, client := start(t, config("oidc"))
	control(t, s, `{"fault":"flood"}`)
	resp, err := client.Get(s.cfg.Base + "/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n < floodBytes {
		t.Errorf("got %d bytes (%v), want %d", n, err, floodBytes)
	}
}
