package providers

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The secret goes in the body, the verifier with it, and state where a vendor
// wants it; the code is spent in one try.
func TestTokenRequest(t *testing.T) {
	for _, kind := range []string{"naver", "kakao", "oidc"} {
		t.Run(kind, func(t *testing.T) {
			u := newUpstream(t, kind)
			if _, err := u.provider(t).Exchange(t.Context(), testAsk(), codeParams()); err != nil {
				t.Fatal(err)
			}
			want := url.Values{
				"grant_type": {"authorization_code"}, "code": {"the-code"}, "code_verifier": {testVerifier},
				"redirect_uri": {"https://sinho.example/callback/x"}, "client_id": {"client"}, "client_secret": {"secret"},
			}
			if kind == "naver" {
				want.Set("state", testState)
			}
			if diff := cmp.Diff(want, u.form); diff != "" {
				t.Errorf("form (-want +got):\n%s", diff)
			}
			if u.count("token") != 1 {
				t.Errorf("got %d token calls, want 1", u.count("token"))
			}
		})
	}
}

// Naver's older path has no ID token, and asks for nothing that would be needed to
// judge one.
func TestNaverByItsOlderPath(t *testing.T) {
	u := newUpstream(t, "naver")
	u.token["id_token"] = nil
	s := u.settings()
	s.OAuth2 = true
	p := redirector(t, s, u.hosts(t).client())
	if err := p.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, err := p.Exchange(t.Context(), testAsk(), codeParams())
	if err != nil || id.Subject != "person-1" || id.Issuer != u.issuer {
		t.Fatalf("got %+v, %v", id, err)
	}
	if u.form.Get("state") != testState || u.form.Get("code_verifier") != testVerifier || !u.form.Has("client_secret") {
		t.Errorf("got form %v", u.form)
	}
	if u.count("keys") != 0 || u.count("discovery") != 0 {
		t.Errorf("got %v, want no keys and no discovery", u.calls)
	}
	if probes := p.Info().Probes; len(probes) != 1 || probes[0].Name != "page" {
		t.Errorf("got %v, want the page alone", probes)
	}
	// An ID token that comes all the same is nobody's: it is not looked at.
	u.token["id_token"] = "nonsense"
	if _, err := p.Exchange(t.Context(), testAsk(), codeParams()); err != nil {
		t.Error(err)
	}
}

// A provider that takes the secret only in a header is told from its metadata,
// never by trying.
func TestSecretInHeaderOnly(t *testing.T) {
	u := newUpstream(t, "oidc")
	u.metadata = map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}}
	if _, err := u.provider(t).Exchange(t.Context(), testAsk(), codeParams()); err != nil {
		t.Fatal(err)
	}
	if u.form.Has("client_secret") || u.count("token") != 1 {
		t.Errorf("got form %v in %d calls", u.form, u.count("token"))
	}
}

// Keys and metadata are read once for many logins, each ID token is verified
// by what is at hand.
func TestManyLoginsReadKeysOnce(t *testing.T) {
	u := newUpstream(t, "oidc")
	p := u.provider(t)
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			if _, err := p.Exchange(t.Context(), testAsk(), codeParams()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if u.count("discovery") != 1 || u.count("keys") != 1 || u.count("token") != 30 {
		t.Errorf("got %v, want one discovery and one read of keys for 30 logins", u.calls)
	}
}

// A new key is found by its unknown kid; made-up kids make us ask no more than
// the limit.
func TestKeyRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, "oidc")
		p := u.provider(t)
		if err := p.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		u.keys = map[string]any{"k2": testKeys()["other"]}
		u.idToken = func(c map[string]any) string { return sign(t, "ES256", "k2", testKeys()["other"], c) }
		if _, err := p.Exchange(t.Context(), testAsk(), codeParams()); err != nil {
			t.Fatal(err)
		}
		u.idToken = func(c map[string]any) string { return sign(t, "ES256", "made-up", testKeys()["other"], c) }
		for range 10 {
			_, err := p.Exchange(t.Context(), testAsk(), codeParams())
			wantError(t, err, BadCode, "kid")
		}
		if u.count("keys") != 2 {
			t.Errorf("got %d reads of keys, want 2", u.count("keys"))
		}
	})
}

// Keys that cannot be read stop a login before its code is spent.
func TestKeysAreAtHandBeforeTheCodeIsSpent(t *testing.T) {
	u := newUpstream(t, "naver")
	u.override["keys"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }
	_, err := u.provider(t).Exchange(t.Context(), testAsk(), codeParams())
	wantError(t, err, Down, "http-503")
	if u.count("token") != 0 {
		t.Error("the code was spent")
	}
}

// Vendors whose addresses are known need nothing from them to send a person
// there; others are waited for two seconds at most.
func TestAuthURLOfAHungProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, kind := range []string{"naver", "kakao", "oidc"} {
			u := newUpstream(t, kind)
			for _, leg := range []string{"discovery", "keys", "token", "profile"} {
				u.override[leg] = never
			}
			p := u.provider(t)
			began := time.Now()
			_, err := p.AuthURL(t.Context(), testAsk())
			waited := time.Since(began)
			if kind == "oidc" {
				if e := wantError(t, err, Down, "timeout"); e.Seen || waited != patience {
					t.Errorf("got seen %v after %v, want false after %v", e.Seen, waited, patience)
				}
			} else if err != nil || waited != 0 {
				t.Errorf("%s: got %v after %v, want an address at once", kind, err, waited)
			}
			if len(p.Info().Probes) == 0 || p.Info().Origin == "" {
				t.Errorf("%s: got %+v without metadata", kind, p.Info())
			}
			synctest.Wait()
			time.Sleep(time.Minute) // let the fetches behind end
		}
	})
}

// Every leg that hangs ends within the client's time-out, as Down, counted by
// the transport; the provider beside it does not notice.
func TestHungLegs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := newUpstream(t, "kakao")
		beside := good.provider(t)
		for _, leg := range []string{"discovery", "keys", "token", "profile"} {
			u := newUpstream(t, "oidc")
			u.override[leg] = never
			p := u.provider(t)
			done := make(chan error)
			began := time.Now()
			go func() {
				_, err := p.Exchange(t.Context(), testAsk(), codeParams())
				done <- err
			}()
			synctest.Wait()
			if _, err := beside.Exchange(t.Context(), testAsk(), codeParams()); err != nil || time.Since(began) != 0 {
				t.Errorf("beside a hung %s: got %v after %v", leg, err, time.Since(began))
			}
			e := wantError(t, <-done, Down, "timeout")
			if took := time.Since(began); took != 5*time.Second || !e.Seen {
				t.Errorf("%s: got seen %v after %v, want true after 5s", leg, e.Seen, took)
			}
		}
	})
}

// A caller's deadline is a time-out, a caller who left is nobody's fault.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, leg := range []string{"keys", "token", "profile"} {
			u := newUpstream(t, "naver")
			u.override[leg] = never
			p := u.provider(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := p.Exchange(ctx, testAsk(), codeParams())
			cancel()
			wantError(t, err, Down, "timeout")
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err = p.Exchange(ctx, testAsk(), codeParams())
			cancel()
			wantError(t, err, Cancelled, "gone")
			time.Sleep(time.Minute)
		}
	})
}

// Endless answers are cut off at 256 KiB.
func TestEndlessAnswers(t *testing.T) {
	flood := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		block := []byte(strings.Repeat(" ", 64<<10))
		for range 32 {
			w.Write(block)
		}
		w.Write([]byte(`{"sub":"person-1","keys":[]}`))
	}
	for leg, code := range map[string]string{
		"discovery": "too-large", "keys": "too-large", "token": "too-large", "profile": "too-large",
	} {
		t.Run(leg, func(t *testing.T) {
			u := newUpstream(t, "oidc")
			u.override[leg] = flood
			_, err := u.provider(t).Exchange(t.Context(), testAsk(), codeParams())
			wantError(t, err, Down, code)
		})
	}
}

// A real server that accepts and never answers, one that breaks off in the
// middle, and one that is not there.
func TestRealSockets(t *testing.T) {
	var config net.ListenConfig
	deaf, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deaf.Close() })
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(`{"keys":[`))
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(half.Close)
	stalled := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"keys":[`))
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(stalled.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tt := range []struct {
		name, base, code string
	}{
		{"never answers", "http://" + deaf.Addr().String(), "timeout"},
		{"breaks off", half.URL, "connection"},
		{"stalls in the middle", stalled.URL, "timeout"},
		{"is not there", gone.URL, "connection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			hc := &http.Client{Transport: transport, Timeout: time.Second}
			s := Settings{ID: "naver", Base: tt.base, ClientID: "client", ClientSecret: "secret"}
			p := redirector(t, s, hc)
			if e := wantError(t, p.Warm(t.Context()), Down, tt.code); !e.Seen {
				t.Error("reading keys: the transport has seen it")
			}
			_, err := p.redeem(t.Context(), *p.fixed, testAsk(), "code")
			if e := wantError(t, err, Down, tt.code); !e.Seen {
				t.Error("redeeming: the transport has seen it")
			}
		})
	}
}

func TestInfo(t *testing.T) {
	u := newUpstream(t, "oidc")
	p := u.provider(t)
	if got, want := p.Info().Probes, []Probe{{Name: "discovery", URL: testIssuer + "/.well-known/openid-configuration"}}; !cmp.Equal(got, want) {
		t.Errorf("before metadata: got %v, want %v", got, want)
	}
	if err := p.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := Info{
		ID: "oidc", Name: Text{KO: "일반", EN: "Generic"}, Shape: Redirect, Assurance: Asserted, Fresh: FreshRequested,
		Origin: testIssuer, Probes: []Probe{
			{Name: "discovery", URL: testIssuer + "/.well-known/openid-configuration"}, {Name: "keys", URL: testIssuer + "/jwks"}, {Name: "page", URL: testIssuer + "/authorize"},
		},
	}
	if diff := cmp.Diff(want, p.Info()); diff != "" {
		t.Errorf("after metadata (-want +got):\n%s", diff)
	}
	naver := newUpstream(t, "naver").provider(t).Info()
	if naver.Name != (Text{KO: "네이버", EN: "Naver"}) || naver.Origin != "https://nid.naver.com" || len(naver.Probes) != 3 {
		t.Errorf("got %+v", naver)
	}
	if got := newUpstream(t, "kakao").provider(t).Info().Fresh; got != FreshProved {
		t.Errorf("kakao: got freshness %v", got)
	}
}

// Failures during a pause are told to whoever comes, as not yet counted.
func TestPauseAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(t, "oidc")
		u.override["discovery"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }
		p := u.provider(t)
		for i := range 5 {
			_, err := p.AuthURL(t.Context(), testAsk())
			if e := wantError(t, err, Down, "http-503"); e.Seen != (i == 0) {
				t.Errorf("try %d: got seen %v", i, e.Seen)
			}
		}
		if u.count("discovery") != 1 {
			t.Errorf("got %d tries at once, want 1", u.count("discovery"))
		}
		delete(u.override, "discovery")
		time.Sleep(retryFirst)
		if _, err := p.AuthURL(t.Context(), testAsk()); err != nil {
			t.Errorf("after the pause: got %v", err)
		}
		synctest.Wait()
	})
}

func TestErrorsAreErrors(t *testing.T) {
	u := newUpstream(t, "oidc")
	u.override["token"] = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	_, err := u.provider(t).Exchange(t.Context(), testAsk(), codeParams())
	if _, ok := errors.AsType[*url.Error](err); !ok {
		t.Errorf("got %v, want the cause kept", err)
	}
}
