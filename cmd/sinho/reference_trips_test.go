package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/config"
	"sinho/providers"
	"sinho/store"
	"sinho/store/embedded"
)

// tripStore is a store that counts how often somebody waits for it.
type tripStore struct {
	records

	n *atomic.Int64
}

func (c tripStore) Apply(ctx context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	c.n.Add(1)
	return c.records.Apply(ctx, shard, attempt, durable, ops...)
}

func (c tripStore) Read(ctx context.Context, shard store.Shard, key string) ([]byte, error) {
	c.n.Add(1)
	return c.records.Read(ctx, shard, key)
}

func (c tripStore) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	c.n.Add(1)
	return c.records.ReadAll(ctx, shard, keys...)
}

func (c tripStore) Push(ctx context.Context, queue, id string, item []byte, due time.Time) error {
	c.n.Add(1)
	return c.records.Push(ctx, queue, id, item, due)
}

// countedCertification is what `sinho certify` serves, over a store that counts
// and without anything that runs behind requests.
func countedCertification(t *testing.T) (*certification, *atomic.Int64) {
	t.Helper()
	port := freeTrio(t)
	c := &certification{
		t: t, dir: filepath.Join(t.TempDir(), "certify"), suite: newSuite(t),
		base: fmt.Sprintf("https://127.0.0.1:%d", port), page: fmt.Sprintf("https://127.0.0.1:%d", port+1),
	}
	r := understood(t, certifyOptions{dir: c.dir, base: c.base, suite: c.suite.URL, alias: "smoke"})
	secret, err := r.prepare()
	if err != nil {
		t.Fatal(err)
	}
	c.trusting()
	one, err := r.simulator(secret)
	if err != nil {
		t.Fatal(err)
	}
	doors, err := r.doors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, ls := range doors {
		for _, l := range ls {
			server := &httptest.Server{Listener: l, Config: &http.Server{Handler: map[string]http.Handler{"provider": one.Handler(), "provider's page": pageOnly(one.Handler())}[name]}}
			server.Start()
			t.Cleanup(server.Close)
		}
	}
	t.Cleanup(one.Close)

	cfg, err := config.Load(filepath.Join(c.dir, "sinho.yaml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	for id, rule := range map[string]string{"one-device-older": client.DeviceEndOlder, "one-device-refuse": client.DeviceRefuse} {
		one := cfg.Clients[0]
		one.ID, one.OneDevice, one.MinAssurance = id, rule, config.Assurance(providers.Verified)
		cfg.Clients = append(cfg.Clients, one)
	}
	sec, err := openVault(cfg.KeysDir)
	if err != nil {
		t.Fatal(err)
	}
	file, err := embedded.Open(cfg.Store, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	log, n := slog.New(slog.DiscardHandler), new(atomic.Int64)
	counts, at := tripStore{file, n}, newStanding(log)
	told, err := newTelling(cfg.PublicURL, counts, nil, at.clock.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	g, err := nextGeneration(t.Context(), cfg, nil, sec, outside{store: counts, stands: at, telling: told}, log)
	if err != nil {
		t.Fatal(err)
	}
	told.use(g.clients, g.secrets)
	l, err := listenTCP(t.Context(), r.address(0))
	if err != nil {
		t.Fatal(err)
	}
	shown := tls.NewListener(l, tlsConfig(func() *certificate { return g.identity }))
	server := &httptest.Server{Listener: shown, Config: &http.Server{Handler: g.handler}}
	server.Start()
	t.Cleanup(server.Close)
	return c, n
}

// TestThePublishedTableOfTripsIsTrue counts how often each row of
// docs/reference/trips.md waits for the store, in the order of the table.
func TestThePublishedTableOfTripsIsTrue(t *testing.T) {
	body, err := os.ReadFile("../../docs/reference/trips.md")
	if err != nil {
		t.Fatal(err)
	}
	published := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+?) \| (\d+) \|`).FindAllStringSubmatch(string(body), -1) {
		published[m[1]], _ = strconv.Atoi(m[2])
	}
	c, n := countedCertification(t)
	seen := 0
	row := func(name string, walk func()) {
		t.Helper()
		seen++
		n.Store(0)
		walk()
		want, told := published[name]
		if got := int(n.Load()); !told || got != want {
			t.Errorf("%s: got %d, the table says %d (%t)", name, got, want, told)
		}
	}
	tripsOfLogins(t, c, row)
	tripsOfDevices(t, c, row)
	tripsOfTokens(t, c, row)
	tripsOfDepartures(t, c, row)
	if seen != len(published) {
		t.Errorf("got %d rows walked, the table has %d: %v", seen, len(published), published)
	}
}

func tripsOfLogins(t *testing.T, c *certification, row func(string, func())) {
	w := c.tester(t, "basic.json")
	row("the chooser, whoever comes", func() {
		a := w.request("openid")
		if _, err := w.browser.Open(t.Context(), w.op.Endpoint().AuthURL+"?"+a.params.Encode()); err != nil {
			t.Fatal(err)
		}
	})
	var a attempt
	var code string
	row("plain login: back from the provider", func() {
		a = w.request("openid")
		answer, _ := w.answer(a)
		code = answer.Get("code")
	})
	row("plain login: the code is redeemed", func() { w.redeem(a, code) })
	row("plain login, whole", func() {
		w.browser = c.browser()
		w.login("openid")
	})
	row("single sign-on, whole", func() { w.login("openid", "prompt", "none") })
	fapi := c.tester(t, "fapi2.json")
	row("plain login by PAR with private_key_jwt, whole", func() { fapi.pushedLogin(t) })
	row("single sign-on by PAR with private_key_jwt, whole", func() { fapi.pushedLogin(t) })
}

// pushedLogin is a login whose request was pushed; how it is answered is up to
// the browser's session.
func (w *tester) pushedLogin(t *testing.T) {
	t.Helper()
	full := w.request("openid")
	uri := w.push(full)
	a := full
	a.params = url.Values{"client_id": {w.client.ID}, "request_uri": {uri}, "state": full.params["state"]}
	answer, _ := w.answer(a)
	w.redeem(full, answer.Get("code"))
}

// tripsOfDevices are those at sites that hold each person to one device.
func tripsOfDevices(t *testing.T, c *certification, row func(string, func())) {
	w := c.tester(t, "basic.json")
	w.client.ID = "one-device-older"
	var tok tokens
	row("one device: plain login, whole", func() { tok = w.login("openid offline_access", "prompt", "consent") })
	row("one device: single sign-on of the device that is in, whole", func() { w.login("openid", "prompt", "none") })
	row("one device: refresh, rotating, of the device that is in", func() {
		if status, _, body := w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}}); status != http.StatusOK {
			t.Errorf("got %d %s", status, body)
		}
	})
	w.browser = c.browser()
	row("one device: another device takes over, no site to tell, whole", func() { w.login("openid") })
	w.client.ID = "one-device-refuse"
	w.browser = c.browser()
	w.login("openid")
	w.browser = c.browser()
	row("one device: another device is refused", func() {
		a := w.request("openid")
		if at := w.visit(t, w.browser, w.plan, w.op.Endpoint().AuthURL+"?"+a.params.Encode()); at.URL.Path != "/device" {
			t.Errorf("got to %s, want the page that says so", at.URL)
		}
	})
}

func tripsOfTokens(t *testing.T, c *certification, row func(string, func())) {
	w := c.tester(t, "basic.json")
	tok := w.login("openid offline_access", "prompt", "consent")
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}}
	demand := func(status int, _ http.Header, body []byte) {
		t.Helper()
		if status != http.StatusOK {
			t.Errorf("got %d %s", status, body)
		}
	}
	row("refresh, rotating", func() { demand(w.token(refresh)) })
	row("refresh, the same answer once more", func() { demand(w.token(refresh)) })
	fapi := c.tester(t, "fapi2.json")
	var kept tokens
	full := fapi.request("openid offline_access", "prompt", "consent")
	a := full
	a.params = url.Values{"client_id": {fapi.client.ID}, "request_uri": {fapi.push(full)}, "state": full.params["state"]}
	answer, _ := fapi.answer(a)
	kept = fapi.redeem(full, answer.Get("code"))
	row("refresh, constant, with private_key_jwt", func() {
		demand(fapi.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {kept.Refresh}}))
	})
	row("userinfo", func() { w.userinfo(http.MethodGet, tok.Access, false) })
	row("introspection", func() { demand(w.send(c.base+"/introspect", url.Values{"token": {tok.Access}})) })
	row("revocation", func() { demand(w.send(c.base+"/revoke", url.Values{"token": {tok.Refresh}})) })
	row("discovery, keys", func() {
		for _, path := range []string{"/.well-known/openid-configuration", "/jwks"} {
			resp, err := c.http.Get(c.base + path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
	})
}

func tripsOfDepartures(t *testing.T, c *certification, row func(string, func())) {
	for name, file := range map[string]string{
		"log-out, no site to tell": "basic.json", "log-out, one site told by its server": "backchannel-logout.json",
		"log-out, one site told in the browser": "frontchannel-logout.json",
	} {
		w := c.tester(t, file)
		tok := w.login("openid")
		row(name, func() {
			if at := w.leave(w.departure(tok.ID)); !strings.Contains(at, "post_logout_redirect") {
				t.Errorf("%s: got to %s", name, at)
			}
		})
	}
}
