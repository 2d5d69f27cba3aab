package broker

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

// deviceWorld is a world in which clinic and pharmacy are one group that holds
// people to one device by rule. naver and kakao are agencies there that carry the
// same person's CI. What the sites are told goes to the returned list.
func deviceWorld(t testing.TB, rule string, changes ...func(*Config)) (*world, *endings) {
	t.Helper()
	told := &endings{}
	w := newWorld(t, append([]func(*Config){func(cfg *Config) {
		var all []client.Client
		for _, id := range []string{"clinic", "pharmacy"} {
			all = append(all, client.Client{
				ID: id, Public: true, Name: providers.Text{EN: id}, RedirectURIs: []string{"https://" + id + ".example/cb"},
				MinAssurance: providers.Verified, OneDevice: rule, DeviceGroup: "vaccine", DeviceLock: 10 * time.Minute,
				BackchannelLogoutURI: "https://" + id + ".example/backchannel", Refresh: client.RefreshRotating,
			})
		}
		withClients(t, cfg, all...)
		for _, p := range cfg.Providers[:2] {
			v := p.(redirector).vendor
			v.info.Assurance, v.who.Assurance = providers.Verified, providers.Verified
			v.info.AssertsCI, v.who.CI = true, aCI
			v.info.Fresh = providers.FreshRequested
		}
		cfg.Hooks.Tell = told.tell
		cfg.Post = func(http.ResponseWriter, *http.Request, *FormPost) {}
	}}, changes...)...)
	return w, told
}

// endings are what sites have been told.
type endings struct {
	mu  sync.Mutex // guards all
	all []Ending
}

func (e *endings) tell(_ context.Context, one Ending) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, one)
	return nil
}

func (e *endings) clients() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []string
	for _, one := range e.all {
		all = append(all, one.Client)
	}
	return strings.Join(all, " ")
}

func siteAt(id string, changes ...string) []string {
	return append([]string{"client_id", id, "redirect_uri", "https://" + id + ".example/cb"}, changes...)
}

// enter logs in by a provider at a site.
func (br *browser) enter(provider, site string, changes ...string) (Step, error) {
	br.w.t.Helper()
	to := must2(br.w.t)(br.begin(br.chooser(siteAt(site, changes...)...), provider, nil))
	return br.finish(provider, approve(br.w.t, to.Redirect))
}

func (br *browser) wantIn(s Step, err error) string {
	br.w.t.Helper()
	if err != nil {
		br.w.t.Fatal(err)
	}
	code := query(br.w.t, s.Redirect).Get("code")
	if code == "" {
		br.w.t.Fatalf("got %+v, want a code", s)
	}
	return code
}

// wantHeld expects the page of another device, and gives what it tells.
func (br *browser) wantHeld(s Step, err error) HeldElsewhere {
	br.w.t.Helper()
	if err != nil {
		br.w.t.Fatal(err)
	}
	u, err := url.Parse(s.Redirect)
	if err != nil || u.Path != "/device" {
		br.w.t.Fatalf("got %+v, want /device", s)
	}
	h, err := br.b.Elsewhere(br.request(http.MethodGet, "/device", nil), u.Query().Get("r"))
	if err != nil {
		br.w.t.Fatal(err)
	}
	return h
}

func (br *browser) deviceBack(r string) (Step, error) {
	return br.step(http.MethodPost, "/device", nil, func(w http.ResponseWriter, q *http.Request) (Step, error) {
		return br.b.ElsewhereBack(w, q, r)
	})
}

// tokensAt redeems a code at a public site.
func (w *world) tokensAt(site, code string) tokens {
	w.t.Helper()
	rec := w.post("/token", codeForm(code, "redirect_uri", "https://"+site+".example/cb", "client_id", site))
	return decode[tokens](w.t, rec)
}
