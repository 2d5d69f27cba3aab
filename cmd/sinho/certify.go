package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sinho/providers/sim"
)

// certifyOptions are the command line of `sinho certify`.
type certifyOptions struct {
	dir   string
	base  string // public_url
	bind  string // host to listen on
	suite string // where the conformance suite is
	alias string // of the test plans there
	cert  string
	key   string
}

func certifyCommand() *cobra.Command {
	var o certifyOptions
	cmd := &cobra.Command{
		Use:   "certify",
		Short: "a broker set up for the OpenID Foundation's conformance suite",
		Long: `Serves over TLS what the conformance suite's plans for an OpenID Provider want to
meet: the broker with a client for each plan, and a simulated provider whose
preselected person has every claim there is. The folder gets keys, secrets, a
certificate unless one is given, sinho.yaml, and for each plan the settings to
paste into the suite, browser automation included. docs/certification.md tells
how a run goes.

The broker is at --base-url; the provider's login page at the same host, one
port higher; the provider's other endpoints one port above that, on loopback.
Anybody can log in there as somebody made up: never let a real site trust it.

sinho.yaml and the plans are written anew at each start from these switches.
Keys, secrets and the certificate stay.`,
		Example: `  sinho certify
  sinho certify --base-url https://op.example.org:9443 --cert cert.pem --key key.pem \
    --suite https://www.certification.openid.net --alias sinho-example`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runCertify(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "certify", "the folder for keys, secrets, certificate, sinho.yaml and plans")
	f.StringVar(&o.base, "base-url", "https://localhost:9443", "the broker's public_url: https, host and port")
	f.StringVar(&o.bind, "bind", "", "host to listen on (default: loopback when --base-url is, otherwise every address)")
	f.StringVar(&o.suite, "suite", "https://localhost.emobix.co.uk:8443", "the conformance suite's address, https, or http on loopback")
	f.StringVar(&o.alias, "alias", "sinho", "alias of the plans in the suite; their addresses there are made from it")
	f.StringVar(&o.cert, "cert", "", "certificate chain in PEM for the host in --base-url (default: a self-signed one)")
	f.StringVar(&o.key, "key", "", "its private key in PEM")
	return cmd
}

// certifyRun is a command line that has been understood.
type certifyRun struct {
	certifyOptions

	host     string // of base, without port
	port     int    // of base; the provider's page and its endpoints are next
	page     string // address of the provider's page
	provider string // issuer: its address on loopback
	test     string // where the suite's endpoints for the alias are
}

func (o certifyOptions) understood() (certifyRun, error) {
	r := certifyRun{certifyOptions: o}
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	u, err := url.Parse(o.base)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || o.base != "https://"+u.Host || o.base != strings.ToLower(o.base) {
		say("--base-url %q: it must be https, host and port, as in https://localhost:9443", o.base)
	} else {
		r.host, r.port = u.Hostname(), 443
		if p := u.Port(); p != "" {
			r.port, _ = strconv.Atoi(p)
		}
		if r.port < 1 || r.port > 65533 {
			say("--base-url %q: its port and the two above it are used, so it must be from 1 to 65533", o.base)
		}
	}
	suite, err := url.Parse(o.suite)
	if err != nil || suite.Host == "" || suite.RawQuery != "" || suite.Fragment != "" ||
		suite.Scheme != "https" && (suite.Scheme != "http" || !loopbackHost(suite.Hostname())) {
		say("--suite %q: it must be https (http only on loopback) and a host", o.suite)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString(o.alias) {
		say("--alias %q: it must be 1 to 64 of A-Z a-z 0-9 _ and -", o.alias)
	}
	if (o.cert == "") != (o.key == "") {
		say("--cert and --key go together")
	}
	r.page = "https://" + net.JoinHostPort(r.host, strconv.Itoa(r.port+1))
	r.provider = fmt.Sprintf("http://localhost:%d", r.port+2)
	r.test = strings.TrimSuffix(o.suite, "/") + "/test/a/" + o.alias
	if r.bind == "" && loopbackHost(r.host) {
		r.bind = r.host
		if r.host == "localhost" {
			r.bind = "127.0.0.1"
		}
	}
	return r, errors.Join(wrong...)
}

func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// address is a listener's, by its distance from the broker's port.
func (r certifyRun) address(offset int) string {
	return net.JoinHostPort(r.bind, strconv.Itoa(r.port+offset))
}

// runCertify serves until ctx ends, which is a clean end.
func runCertify(ctx context.Context, o certifyOptions, stdout, stderr io.Writer) error {
	r, err := o.understood()
	if err != nil {
		return err
	}
	secret, err := r.prepare()
	if err != nil {
		return fmt.Errorf("certify: %w", err)
	}
	one, err := r.simulator(secret)
	if err != nil {
		return fmt.Errorf("certify: %w", err)
	}
	defer one.Close()
	doors, err := r.doors(ctx)
	if err != nil {
		return fmt.Errorf("certify: %w", err)
	}
	defer func() {
		for _, ls := range doors {
			shut(ls)
		}
	}()
	r.welcome(stdout)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		handlers := map[string]http.Handler{"provider": one.Handler(), "provider's page": pageOnly(one.Handler())}
		return serve(ctx, doors, handlers, one.Close)
	})
	g.Go(func() error {
		return runServe(ctx, serveOptions{
			path: filepath.Join(r.dir, "sinho.yaml"), env: func(string) (string, bool) { return "", false },
			stdout: stdout, stderr: stderr, listen: listenTCP, after: time.After,
		})
	})
	return g.Wait()
}

// simulator is the provider behind the broker. Its people answer at once.
func (r certifyRun) simulator(secret string) (*sim.Sim, error) {
	control := sim.Defaults()
	control.LatencyMS, control.CapacityPerS = 0, 1000
	return sim.New(sim.Config{
		ID: certifyProvider, Base: r.provider, ClientID: "sinho", ClientSecret: secret, ClientName: "Sinho",
		RedirectURIs: []string{r.base + "/callback/" + certifyProvider}, Control: &control,
	})
}

// doors are the provider's: its page by TLS where the broker is, the rest on
// loopback.
func (r certifyRun) doors(ctx context.Context) (map[string][]net.Listener, error) {
	pair, err := tls.LoadX509KeyPair(r.certFile(), r.keyFile())
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	inner, err := bind(ctx, place{"provider", 2}, r.port)
	if err != nil {
		return nil, err
	}
	outer, err := listenTCP(ctx, r.address(1))
	if err != nil {
		shut(inner)
		return nil, fmt.Errorf("listen for the provider's page: %w", err)
	}
	shown := tlsConfig(func() *certificate { return &certificate{pair: &pair, leaf: pair.Leaf} })
	return map[string][]net.Listener{"provider": inner, "provider's page": {tls.NewListener(outer, shown)}}, nil
}

// pageOnly lets through what a browser needs: the switches that break the
// provider stay on loopback.
func pageOnly(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/authorize", h)
	mux.Handle("/static/", h)
	return mux
}

func (r certifyRun) welcome(w io.Writer) {
	fmt.Fprintf(w, `Set up for the conformance suite at %s

  discovery  %s/.well-known/openid-configuration
  provider   %s (log in as anybody there; the first has every claim)
`, r.suite, r.base, r.page)
	for _, p := range certifyPlans() {
		fmt.Fprintf(w, "  %-36s %s\n", filepath.Join(r.dir, "plans", p.file), strings.Join(p.plans, ", "))
	}
}
