package sim

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// legs and pages of every simulator, as requests that need no credentials to
// be answered with something.
func paths(id string) (legs, pages []string) {
	ask := "?" + url.Values{"client_id": {testClient}, "redirect_uri": {testBack}, "response_type": {"code"}, "state": {"s"}}.Encode()
	switch id {
	case "naver":
		return []string{"GET /.well-known/openid-configuration", "GET /oauth2/jwks", "POST /oauth2/token", "POST /oauth2.0/token", "GET /v1/nid/me"},
			[]string{"GET /oauth2/authorize" + ask, "POST /oauth2/authorize" + ask, "GET /oauth2.0/authorize" + ask}
	case "kakao":
		return []string{"GET /.well-known/openid-configuration", "GET /.well-known/jwks.json", "POST /oauth/token", "GET /v1/oidc/userinfo", "GET /v2/user/me"},
			[]string{"GET /oauth/authorize" + ask, "POST /oauth/authorize" + ask}
	case "oidc":
		return []string{"GET /.well-known/openid-configuration", "GET /jwks", "POST /token", "GET /userinfo"},
			[]string{"GET /authorize" + ask, "POST /authorize" + ask}
	case "pass":
		return []string{"POST /pass/requests", "GET /pass/requests/x", "POST /pass/requests/x/verify"},
			[]string{"GET /phone", "POST /phone/x"}
	default:
		return []string{"POST /token", "GET /.well-known/toss-public-key.pem", "POST " + tossSign + "request", "POST " + tossSign + "status", "POST " + tossSign + "result", "GET /token", "GET /nowhere"},
			[]string{"GET /phone", "POST /phone/x"}
	}
}

func request(ctx context.Context, line string) *http.Request {
	method, path, _ := strings.Cut(line, " ")
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("approve=yes&person=0")
	}
	r := httptest.NewRequestWithContext(ctx, method, path, body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func all() []string { return []string{"naver", "kakao", "oidc", "pass", "toss"} }

// ending is how a held request ends.
type ending struct {
	name    string
	end     func(t *testing.T, s *Sim, gone context.CancelFunc)
	dropped bool
}

func endings(lift string) []ending {
	return []ending{
		{"the client goes", func(_ *testing.T, _ *Sim, gone context.CancelFunc) { gone() }, true},
		{"the fault is lifted", func(t *testing.T, s *Sim, _ context.CancelFunc) { control(t, s, lift) }, false},
		{"everything goes down", func(t *testing.T, s *Sim, _ context.CancelFunc) { control(t, s, `{"down":true}`) }, true},
		{"the simulator ends", func(_ *testing.T, s *Sim, _ context.CancelFunc) { s.Close() }, true},
		{"it has been held long enough", func(*testing.T, *Sim, context.CancelFunc) { time.Sleep(maxHold) }, true},
	}
}

// held sends the requests, expects them to hang, ends them, and expects them
// to have ended that way.
func held(t *testing.T, s *Sim, lines []string, how ending) {
	t.Helper()
	ctx, gone := context.WithCancel(t.Context())
	defer gone()
	var mu sync.Mutex
	ended := map[string]result{}
	var wg sync.WaitGroup
	for _, line := range lines {
		wg.Go(func() {
			res := ask(s, request(ctx, line))
			mu.Lock()
			defer mu.Unlock()
			ended[line] = res
		})
	}
	time.Sleep(time.Minute)
	mu.Lock()
	if len(ended) != 0 {
		t.Errorf("got answers %v while hanging, want none", ended)
	}
	mu.Unlock()
	how.end(t, s, gone)
	wg.Wait()
	for line, res := range ended {
		if res.dropped != how.dropped {
			t.Errorf("%s: got dropped %t (status %d), want %t", line, res.dropped, res.status, how.dropped)
		}
	}
	if n := s.held.Load(); n != 0 {
		t.Errorf("got %d still held, want none", n)
	}
}

func TestHangHoldsEveryServerLegAndNoPage(t *testing.T) {
	for _, id := range all() {
		for _, how := range endings(`{"hang":false}`) {
			t.Run(id+" until "+how.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := build(t, config(id))
					control(t, s, `{"hang":true}`)
					legs, pages := paths(id)
					for _, line := range pages {
						if res := ask(s, request(t.Context(), line)); res.dropped || res.status >= 400 {
							t.Errorf("%s: got %d (dropped: %t), want the page to work", line, res.status, res.dropped)
						}
					}
					held(t, s, legs, how)
				})
			})
		}
	}
}

func TestPageHangHoldsEveryPageAndNoServerLeg(t *testing.T) {
	for _, id := range all() {
		for _, how := range endings(`{"page_hang":false}`) {
			t.Run(id+" until "+how.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := build(t, config(id))
					control(t, s, `{"page_hang":true}`)
					legs, pages := paths(id)
					for _, line := range legs {
						if res := ask(s, request(t.Context(), line)); res.dropped || res.status == 0 || res.status >= 500 {
							t.Errorf("%s: got %d (dropped: %t), want an answer", line, res.status, res.dropped)
						}
					}
					held(t, s, pages, how)
				})
			})
		}
	}
}

func TestDownDropsEverythingButTheControl(t *testing.T) {
	for _, id := range all() {
		t.Run(id, func(t *testing.T) {
			s, client := start(t, config(id))
			control(t, s, `{"down":true}`)
			legs, pages := paths(id)
			for _, line := range append(append(legs, pages...), "GET /", "GET /static/sim.css", "GET /nowhere") {
				method, path, _ := strings.Cut(line, " ")
				r, err := http.NewRequestWithContext(t.Context(), method, s.cfg.Base+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := client.Do(r)
				if err == nil {
					t.Errorf("%s: got %s, want a dropped connection", line, resp.Status)
					resp.Body.Close()
				} else if !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
					t.Errorf("%s: got %v, want the connection closed", line, err)
				}
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.cfg.Base+"/control", strings.NewReader(`{"down":false}`))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatalf("lift: %v", err)
			}
			if body := read(t, resp); resp.StatusCode != http.StatusOK || !strings.Contains(body, `"down":false`) {
				t.Errorf("got %d %s, want the control to answer", resp.StatusCode, body)
			}
			if resp, err = client.Get(s.cfg.Base + "/"); err != nil {
				t.Fatalf("after the fault: %v", err)
			}
			resp.Body.Close()
		})
	}
}

// A real connection: the simulator notices that the client of a hanging
// request has hung up, also when the request had a body.
func TestAHangingRequestIsLetGoWithItsClient(t *testing.T) {
	s, client := start(t, config("oidc"))
	control(t, s, `{"hang":true}`)
	ctx, gone := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.Base+"/token", strings.NewReader("grant_type=authorization_code"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		resp, err := client.Do(r)
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	until(t, "the request is held", func() bool { return s.held.Load() == 1 })
	gone()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the client's own cancellation", err)
	}
	until(t, "nothing is held", func() bool { return s.held.Load() == 0 })
}

// until waits for a condition that a few scheduler turns bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("gave up waiting until %s", what)
		}
	}
}

func TestErrorRateAnswersTheVendorsOwn5xx(t *testing.T) {
	for _, tt := range []struct{ id, line, want string }{
		{"naver", "POST /oauth2/token", `"error":"server_error"`},
		{"naver", "GET /v1/nid/me", `"resultcode":"500"`},
		{"kakao", "POST /oauth/token", `"error_code":"KOE003"`},
		{"kakao", "GET /v2/user/me", `"code":-1`},
		{"oidc", "GET /jwks", `"error":"server_error"`},
		{"pass", "GET /pass/requests/x", `"code":-99999`},
		{"toss", "POST " + tossSign + "status", `"errorCode":"CE9999"`},
	} {
		t.Run(tt.id+" "+tt.line, func(t *testing.T) {
			s := build(t, config(tt.id))
			control(t, s, `{"error_rate":1}`)
			res := ask(s, request(t.Context(), tt.line))
			if res.status != http.StatusInternalServerError || !strings.Contains(res.body, tt.want) {
				t.Errorf("got %d %s, want 500 with %s", res.status, res.body, tt.want)
			}
			_, pages := paths(tt.id)
			if res := ask(s, request(t.Context(), pages[0])); res.status != http.StatusOK {
				t.Errorf("got %d for a page, want 200", res.status)
			}
			control(t, s, `{"error_rate":0}`)
			if res := ask(s, request(t.Context(), tt.line)); res.status >= 500 {
				t.Errorf("got %d afterwards, want no 5xx", res.status)
			}
		})
	}
}

func TestErrorRateIsAShareAndRepeatsWithItsSeed(t *testing.T) {
	var patterns [2]bytes.Buffer
	for i := range patterns {
		s := build(t, config("oidc"))
		control(t, s, `{"error_rate":0.3}`)
		failed := 0
		for range 2000 {
			status := get(s, "/jwks").status
			fmt.Fprint(&patterns[i], status)
			if status == http.StatusInternalServerError {
				failed++
			}
		}
		if failed < 500 || failed > 700 {
			t.Errorf("got %d of 2000 failing, want about 600", failed)
		}
	}
	if !bytes.Equal(patterns[0].Bytes(), patterns[1].Bytes()) {
		t.Error("got two different runs from one seed")
	}
}

func TestAFullQueueIsWordedByTheVendor(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cfg    Config
		line   string
		status int
		want   string
	}{
		{"naver", config("naver"), "POST /oauth2/token", 503, "server_error"},
		{"kakao by its quota", config("kakao"), "GET /v2/user/me", 400, `"code":-10`},
		{"kakao by its quota at the token endpoint", config("kakao"), "POST /oauth/token", 400, `"code":-10`},
		{"kakao when set to say so plainly", func() Config { c := config("kakao"); c.Plain503 = true; return c }(), "GET /v2/user/me", 503, `"code":-1`},
		{"oidc", config("oidc"), "POST /token", 503, "temporarily_unavailable"},
		{"pass", config("pass"), "GET /pass/requests/x", 503, "-99999"},
		{"toss", config("toss"), "POST /token", 503, "server_error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := build(t, tt.cfg)
				control(t, s, `{"capacity_per_s":1,"latency_ms":1000}`)
				var wg sync.WaitGroup
				for range 11 { // ten seconds of backlog and one of service
					wg.Go(func() { ask(s, request(t.Context(), tt.line)) })
				}
				synctest.Wait()
				res := ask(s, request(t.Context(), tt.line))
				if res.status != tt.status || !strings.Contains(res.body, tt.want) || res.took != 0 {
					t.Errorf("got %d %s after %v, want %d with %s at once", res.status, res.body, res.took, tt.status, tt.want)
				}
				legs, pages := paths(tt.cfg.ID)
				for _, line := range append(pages, legs[0]) {
					if strings.Contains(line, "well-known") || strings.HasPrefix(line, "GET /phone") {
						if res := ask(s, request(t.Context(), line)); res.status != http.StatusOK {
							t.Errorf("%s: got %d, want it served beside the queue", line, res.status)
						}
					}
				}
				wg.Wait()
			})
		})
	}
}

func TestLatencyIsThatOfTheServerLegs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, config("pass"))
		control(t, s, `{"latency_ms":400}`)
		r := request(t.Context(), "GET /pass/requests/x")
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(testClient+":"+testSecret)))
		if res := ask(s, r); res.took < 100*time.Millisecond || res.took > 1600*time.Millisecond || res.status != http.StatusNotFound {
			t.Errorf("got %d after %v, want 404 after about 400ms", res.status, res.took)
		}
		if res := get(s, "/phone"); res.took != 0 {
			t.Errorf("got %v for a page, want none", res.took)
		}
	})
}

func TestABodyTooLargeIsRefused(t *testing.T) {
	s := build(t, config("oidc"))
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(strings.Repeat("a", maxBody+1)))
	if res := ask(s, r); res.status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d, want 413", res.status)
	}
}
