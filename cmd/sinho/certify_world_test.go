package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sinho/citizen"
)

// certification is `sinho certify` under way, and what stands around it: a
// server in the place of the conformance suite, and browsers and clients that
// trust the certificate.
type certification struct {
	t     *testing.T
	dir   string
	base  string
	page  string // the provider's
	suite *suite
	trust *x509.CertPool
	http  *http.Client
}

// certify runs the command, as the command line gives it, until the test ends.
func certify(t *testing.T) *certification {
	t.Helper()
	port := freeTrio(t)
	c := &certification{
		t: t, dir: filepath.Join(t.TempDir(), "certify"), suite: newSuite(t),
		base: fmt.Sprintf("https://127.0.0.1:%d", port), page: fmt.Sprintf("https://127.0.0.1:%d", port+1),
	}
	ctx, end := context.WithCancel(context.Background())
	ended, said, log := make(chan error, 1), newLines(), newLines()
	go func() {
		ended <- run(ctx, []string{"certify", "--dir", c.dir, "--base-url", c.base, "--suite", c.suite.URL, "--alias", "smoke"}, said, log)
	}()
	said.wait(t, ended, "ready "+c.base)
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Errorf("certify ended with %v, want a clean end; log:\n%s", err, log)
		}
	})
	c.trusting()
	return c
}

// trusting makes a client that knows the certificate in the folder.
func (c *certification) trusting() {
	c.t.Helper()
	pem, err := os.ReadFile(filepath.Join(c.dir, "tls.crt"))
	c.trust = x509.NewCertPool()
	if err != nil || !c.trust.AppendCertsFromPEM(pem) {
		c.t.Fatalf("got no certificate: %v", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.trust}}
	c.t.Cleanup(transport.CloseIdleConnections)
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// freeTrio finds three ports in a row that nobody has.
func freeTrio(t *testing.T) int {
	t.Helper()
	for port := 32_100 + os.Getpid()%20_000; port < 60_000; port += 3 {
		var held []net.Listener
		for offset := range 3 {
			if ls, err := bind(t.Context(), place{"a test", offset}, port); err == nil {
				held = append(held, ls[0])
				shut(ls[1:])
			}
		}
		shut(held)
		if len(held) == 3 {
			return port
		}
	}
	t.Fatal("no free ports")
	return 0
}

// browser is a new one, without JavaScript.
func (c *certification) browser() *citizen.Browser {
	return citizen.New(citizen.Config{Transport: c.http.Transport})
}

// plan reads the settings that were written for the suite.
func (c *certification) plan(file string) suiteSettings {
	c.t.Helper()
	body, err := os.ReadFile(filepath.Join(c.dir, "plans", file))
	if err != nil {
		c.t.Fatal(err)
	}
	var s suiteSettings
	if err := json.Unmarshal(body, &s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// visit opens an address and does there what the plan tells the suite's browser
// to do. What happens by script in that one is done here by pressing the button
// that stands beside it.
func (c *certification) visit(t *testing.T, b *citizen.Browser, s suiteSettings, address string) *citizen.Page {
	t.Helper()
	page, err := b.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	page = answered(t, b, page)
	i := slices.IndexFunc(s.Browser, func(cmd suiteCommands) bool { return matches(cmd.Match, address) })
	if i < 0 {
		t.Fatalf("no commands of the plan match %s", address)
	}
	for _, task := range s.Browser[i].Tasks {
		if !matches(task.Match, page.URL.String()) {
			if !task.Optional {
				t.Fatalf("task %q wants %s, the browser is at %s", task.Task, task.Match, page.URL)
			}
			continue
		}
		for _, command := range task.Commands {
			page = c.obey(t, b, page, command)
		}
	}
	return page
}

// matches as the suite's browser does: * is anything.
func matches(pattern, address string) bool {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(address)
}

func (c *certification) obey(t *testing.T, b *citizen.Browser, page *citizen.Page, command []any) *citizen.Page {
	t.Helper()
	what, kind, target := command[0].(string), command[1].(string), command[2].(string)
	switch what + " " + kind {
	case "click id":
		next := clicked(t, b, page, target)
		switch {
		case next != nil:
			return answered(t, b, next)
		case len(command) > 3 && command[3] == "optional":
			return page
		}
		t.Fatalf("no button #%s at %s, only %v", target, page.URL, page.IDs())
	case "wait id":
		if !slices.Contains(page.IDs(), target) {
			t.Fatalf("no #%s at %s:\n%s", target, page.URL, page.Body)
		}
	case "wait xpath":
		if target != "//main" || !strings.Contains(string(page.Body), "<main") {
			t.Fatalf("no %s at %s:\n%s", target, page.URL, page.Body)
		}
	case "wait contains":
		if link, err := page.Link("#back"); err == nil { // the page's script follows it
			if page, err = b.Follow(t.Context(), link); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(page.URL.String(), target) {
			t.Fatalf("got to %s, want %s", page.URL, target)
		}
	default:
		t.Fatalf("the suite knows no %v", command)
	}
	return page
}

// clicked is the page behind a button, nil if there is none of that id.
func clicked(t *testing.T, b *citizen.Browser, page *citizen.Page, id string) *citizen.Page {
	t.Helper()
	for _, form := range page.Forms() {
		if _, err := form.Button("#" + id); err == nil {
			next, err := b.Submit(t.Context(), form, "#"+id)
			if err != nil {
				t.Fatal(err)
			}
			return next
		}
	}
	return nil
}

// answered takes a form_post answer to the suite, as the page's script does.
func answered(t *testing.T, b *citizen.Browser, page *citizen.Page) *citizen.Page {
	t.Helper()
	if next := clicked(t, b, page, "post"); next != nil {
		return next
	}
	return page
}

// suite stands where the conformance suite would.
type suite struct {
	*httptest.Server

	came chan visit
}

// visit is a request that came to an endpoint of the suite.
type visit struct {
	endpoint string
	method   string
	query    url.Values
	form     url.Values
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{came: make(chan visit, 64)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		endpoint, ours := strings.CutPrefix(r.URL.Path, "/test/a/smoke/")
		if !ours {
			http.NotFound(w, r)
			return
		}
		s.came <- visit{endpoint: endpoint, method: r.Method, query: r.URL.Query(), form: form}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>suite</title><p id="submission_complete">done</p>`)
	}))
	t.Cleanup(s.Close)
	return s
}

// next is the next visit to an endpoint; the others before it are passed over.
func (s *suite) next(t *testing.T, endpoint string) visit {
	t.Helper()
	for {
		select {
		case v := <-s.came:
			if v.endpoint == endpoint {
				return v
			}
		case <-t.Context().Done():
			t.Fatalf("nothing came to %s", endpoint)
		case <-time.After(30 * time.Second):
			t.Fatalf("nothing came to %s", endpoint)
		}
	}
}

// quiet says that nothing has come to an endpoint, and forgets what has come to
// the others.
func (s *suite) quiet(t *testing.T, endpoint string) {
	t.Helper()
	for {
		select {
		case v := <-s.came:
			if v.endpoint == endpoint {
				t.Errorf("got %s %s with %v %v, want nothing there", v.method, v.endpoint, v.query, v.form)
			}
		default:
			return
		}
	}
}
