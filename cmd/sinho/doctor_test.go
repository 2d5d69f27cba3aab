package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/providers/sim"
)

// clinic is simulated providers and a configuration that names them.
type clinic struct {
	t       *testing.T
	path    string
	sims    map[string]*sim.Sim
	fronts  map[string]*httptest.Server
	answer  map[string]http.HandlerFunc // by path, instead of the simulator
	doctor  *doctor
	options doctorOptions
}

const clinicPublic = "https://id.example.kr"

// newClinic opens it with the providers named, or all of them; certificate, if
// there is one, is shown by the oidc provider.
func newClinic(t *testing.T, certificate *tls.Certificate, only ...string) *clinic {
	t.Helper()
	c := &clinic{
		t: t, path: filepath.Join(t.TempDir(), "sinho.yaml"), sims: map[string]*sim.Sim{}, fronts: map[string]*httptest.Server{},
		answer: map[string]http.HandlerFunc{}, options: doctorOptions{timeout: 10 * time.Second},
	}
	for _, p := range simulatedProviders() {
		if len(only) > 0 && !slices.Contains(only, p.id) {
			continue
		}
		front := httptest.NewUnstartedServer(nil)
		base := "http://" + front.Listener.Addr().String()
		secured := certificate != nil && p.id == "oidc"
		if secured {
			base = "https://" + front.Listener.Addr().String()
		}
		one, err := sim.New(sim.Config{
			ID: p.id, Base: base, ClientID: "sinho", ClientSecret: "secret-of-" + p.id, SendCI: true,
			RedirectURIs: []string{clinicPublic + "/callback/" + p.id}, Control: &sim.Control{CapacityPerS: 10_000, Approve: sim.Auto},
		})
		if err != nil {
			t.Fatal(err)
		}
		front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if instead := c.answer[r.URL.Path]; instead != nil {
				instead(w, r)
				return
			}
			one.Handler().ServeHTTP(w, r)
		})
		front.Config.ErrorLog = log.New(io.Discard, "", 0)
		if secured {
			front.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}}
			front.StartTLS()
		} else {
			front.Start()
		}
		t.Cleanup(func() { one.Close(); front.Close() })
		front.URL = base
		c.sims[p.id], c.fronts[p.id] = one, front
	}
	c.options.path, c.doctor = c.path, newDoctor(c.options)
	c.write()
	return c
}

// write makes the configuration; changes are pairs of what to replace by what.
func (c *clinic) write(changes ...string) {
	c.t.Helper()
	text := "public_url: " + clinicPublic + "\nlisten: [\"127.0.0.1:8080\"]\nmetrics_listen: \"\"\nproviders:\n"
	for _, p := range simulatedProviders() {
		front, open := c.fronts[p.id]
		if !open {
			continue
		}
		more := "base: " + front.URL
		switch p.id {
		case "toss":
			key := filepath.Join(filepath.Dir(c.path), "toss.pem")
			writeFile(c.t, key, string(c.sims["toss"].TossPublicKey()))
			more += ", public_key_file: " + key
		case "oidc":
			more = "issuer: " + front.URL + ", name: {ko: 나라, en: Nara}"
		}
		text += fmt.Sprintf("  - {id: %s, client_id: sinho, secret: \"${SECRET_%s}\", %s}\n", p.id, p.id, more)
	}
	writeFile(c.t, c.path, strings.NewReplacer(changes...).Replace(text))
}

func (c *clinic) env(name string) (string, bool) {
	id, ok := strings.CutPrefix(name, "SECRET_")
	return "secret-of-" + id, ok
}

// control turns something on a simulator.
func (c *clinic) control(id, body string) {
	c.t.Helper()
	if _, err := c.sims[id].SetControl([]byte(body)); err != nil {
		c.t.Fatal(err)
	}
}

// run looks at the providers named, all of them when none is, and gives the exit
// code and what was printed, without what differs from run to run.
func (c *clinic) run(only ...string) (code int, out string) {
	c.t.Helper()
	c.options.only = only
	c.doctor.timeout, c.doctor.token = c.options.timeout, !c.options.noToken
	said := newLines()
	err := runDoctor(c.t.Context(), c.options, c.doctor, c.env, said)
	if err != nil {
		code = exitCode(err)
	}
	out = said.String()
	for id, front := range c.fronts {
		out = strings.ReplaceAll(out, front.URL, "http://"+id)
		out = strings.ReplaceAll(out, front.Listener.Addr().String(), id)
	}
	// Dates are in whole seconds: what is off by 30 s may look like 31.
	out = strings.NewReplacer("29s", "30s", "31s", "30s", "9m59s", "10m0s", "10m1s", "10m0s").Replace(out)
	return code, regexp.MustCompile(`\d{4}-\d\d-\d\d`).ReplaceAllString(out, "YYYY-MM-DD")
}

// golden compares the output with testdata/doctor/name.golden.
func (c *clinic) golden(name, got string) {
	c.t.Helper()
	file := filepath.Join("testdata", "doctor", strings.ReplaceAll(name, " ", "-")+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			c.t.Fatal(err)
		}
		writeFile(c.t, file, got)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		c.t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	for _, tc := range []struct {
		name string
		only string // "" for all
		code int
		with func(*clinic)
	}{
		{"all are well", "", 0, func(*clinic) {}},
		{"one is down", "naver", 1, func(c *clinic) { c.control("naver", `{"down":true}`) }},
		{"a push provider is down", "toss", 1, func(c *clinic) { c.control("toss", `{"down":true}`) }},
		{"server legs hang", "oidc", 1, func(c *clinic) {
			c.options.timeout = time.Second
			c.control("oidc", `{"hang":true}`)
		}},
		{"the page hangs", "kakao", 1, func(c *clinic) {
			c.options.timeout = time.Second
			c.control("kakao", `{"page_hang":true}`)
		}},
		{"everything fails", "kakao", 1, func(c *clinic) { c.control("kakao", `{"error_rate":1}`) }},
		{"nobody listens", "pass", 1, func(c *clinic) { c.fronts["pass"].Close() }},
		{"our secrets are wrong", "", 1, func(c *clinic) { c.write("${SECRET_", "${SECRET_not_") }},
		{"our redirect URI is not registered", "oidc", 0, func(c *clinic) {
			c.write(clinicPublic, "https://elsewhere.example.kr")
		}},
		{"another issuer", "oidc", 1, func(c *clinic) {
			c.write("issuer: "+c.fronts["oidc"].URL, "issuer: http://localhost:1, discovery_url: "+c.fronts["oidc"].URL+"/.well-known/openid-configuration")
		}},
		{"keys of no use", "oidc", 1, func(c *clinic) { c.write("issuer:", "algorithms: [EdDSA], issuer:") }},
		{"the page sends straight back", "oidc", 1, func(c *clinic) {
			c.answer["/authorize"] = status(302, "Location", clinicPublic+"/callback/oidc?error=unauthorized_client")
		}},
		{"the page fails", "oidc", 1, func(c *clinic) { c.answer["/authorize"] = status(502) }},
		{"asked too often", "oidc", 0, func(c *clinic) {
			for _, path := range []string{"/authorize", "/token"} {
				c.answer[path] = status(429)
			}
		}},
		{"no credentials shown", "oidc", 0, func(c *clinic) { c.options.noToken = true }},
		{"a clock a little off", "naver", 0, func(c *clinic) { c.off(-30 * time.Second) }},
		{"a clock far off", "naver", 1, func(c *clinic) { c.off(10 * time.Minute) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClinic(t, nil, strings.Fields(tc.only)...)
			tc.with(c)
			code, out := c.run(strings.Fields(tc.only)...)
			if code != tc.code {
				t.Errorf("got exit code %d, want %d; it said\n%s", code, tc.code, out)
			}
			c.golden(tc.name, out)
		})
	}
}

// off sets the doctor's clock, which is that of its machine.
func (c *clinic) off(by time.Duration) {
	c.doctor.now = func() time.Time { return time.Now().Add(by) }
}

// issue makes an authority, and a certificate by it for 127.0.0.1 or a name.
func issue(t *testing.T, name string, from, until time.Duration) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	now := time.Now()
	keyOf := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Clinic CA"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caKey, key := keyOf(), keyOf()
	caDER, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: now.Add(from), NotAfter: now.Add(until + time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if name == "" {
		leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	} else {
		leaf.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return &tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key}, pool
}

func TestDoctorLooksAtCertificates(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		name, host  string
		from, until time.Duration
		stranger    bool
		code        int
	}{
		{name: "a certificate", from: -day, until: 90 * day},
		{name: "a certificate that ends soon", from: -day, until: 3 * day},
		{name: "an expired certificate", from: -90 * day, until: -2 * day, code: 1},
		{name: "a certificate that has not begun", from: 2 * day, until: 90 * day, code: 1},
		{name: "a certificate for another name", host: "other.example.kr", from: -day, until: 90 * day, code: 1},
		{name: "a certificate of nobody known", from: -day, until: 90 * day, stranger: true, code: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cert, roots := issue(t, tc.host, tc.from, tc.until)
			c := newClinic(t, cert, "oidc")
			if c.doctor.roots = roots; tc.stranger {
				c.doctor.roots = x509.NewCertPool()
			}
			code, out := c.run("oidc")
			if code != tc.code {
				t.Errorf("got exit code %d, want %d; it said\n%s", code, tc.code, out)
			}
			c.golden(tc.name, out)
		})
	}
}

func TestDoctorNamesAHostThatCannotBeResolved(t *testing.T) {
	c := newClinic(t, nil, "naver")
	c.options.timeout = 2 * time.Second
	c.doctor.resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	c.write(c.fronts["naver"].URL, "https://nobody.invalid")
	code, out := c.run("naver")
	if code != 1 || !strings.Contains(out, "wrong dns       nobody.invalid: no such host\n") || !strings.Contains(out, "→ correct the name") || strings.Contains(out, "  ok ") {
		t.Errorf("got exit code %d and\n%s", code, out)
	}
	c.doctor.resolve = func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if code, out = c.run("naver"); code != 1 || !strings.Contains(out, "wrong dns       nobody.invalid: no answer within 2s") {
		t.Errorf("a resolver that hangs: got exit code %d and\n%s", code, out)
	}
}

func TestDoctorPrintsJSON(t *testing.T) {
	c := newClinic(t, nil)
	c.options.json = true
	c.control("kakao", `{"down":true}`)
	code, out := c.run()
	var got chart
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if code != 1 || len(got.Providers) != 5 || got.Wrong < 3 || got.Checks <= got.Wrong {
		t.Errorf("got exit code %d and %d providers, %d of %d wrong", code, len(got.Providers), got.Wrong, got.Checks)
	}
	c.golden("one is down in JSON", out)
}

func TestDoctorTellsBadUsageByItsExitCode(t *testing.T) {
	c := newClinic(t, nil, "naver")
	for name, args := range map[string][]string{
		"an unknown flag":      {"doctor", "--nonsense"},
		"an argument":          {"doctor", "naver"},
		"no such file":         {"doctor", "--config", c.path + ".none"},
		"a time-out too short": {"doctor", "--config", c.path, "--timeout", "1ms"},
		"no duration":          {"doctor", "--timeout", "soon"},
	} {
		if out, err := command(t, args...); err == nil || exitCode(err) != 2 || out != "" {
			t.Errorf("%s: got %v and %q, want exit code 2 and nothing printed", name, err, out)
		}
	}
	c.options.only = []string{"naver", "never"}
	if err := runDoctor(t.Context(), c.options, c.doctor, c.env, newLines()); exitCode(err) != 2 || !strings.Contains(err.Error(), "never") {
		t.Errorf("an unknown provider: got %v, want exit code 2", err)
	}
	if code := exitCode(errors.New("anything")); code != 1 {
		t.Errorf("any other error: got exit code %d, want 1", code)
	}
}

func TestDoctorLooksAtAProviderThatIsNotEnabledWhenAsked(t *testing.T) {
	c := newClinic(t, nil, "naver", "kakao")
	c.write("{id: kakao,", "{id: kakao, enabled: false,")
	if _, out := c.run(); strings.Contains(out, "kakao") {
		t.Errorf("got kakao in\n%s", out)
	}
	if code, out := c.run("kakao"); code != 0 || !strings.HasPrefix(out, "kakao  카카오 Kakao\n") {
		t.Errorf("got exit code %d and\n%s", code, out)
	}
}
