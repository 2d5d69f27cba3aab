package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// SiteConfig is what a relying party must be told: an address, an issuer and a
// client registration. Everything else it discovers.
type SiteConfig struct {
	// Base is the site's public origin, without a trailing slash.
	Base string
	// Issuer is the OpenID Provider, exactly as it names itself.
	Issuer string
	// ClientID and ClientSecret of the registration. The site's cookies are
	// sealed under keys derived from the secret.
	ClientID     string
	ClientSecret string
	// Client speaks to the issuer; nil is one with a time-out of 15 s.
	Client *http.Client
	Log    *slog.Logger
	// Now is time.Now when nil.
	Now func() time.Time
}

// RedirectURI is what to register for the site.
func (c SiteConfig) RedirectURI() string { return c.Base + "/callback" }

// PostLogoutURI is what to register for the site.
func (c SiteConfig) PostLogoutURI() string { return c.Base + "/" }

// StartURI is the site's initiate_login_uri (OpenID Connect Core section 4).
func (c SiteConfig) StartURI() string { return c.Base + "/login" }

// Validate reports everything that is wrong at once.
func (c SiteConfig) Validate() error {
	var errs []error
	for name, value := range map[string]string{"base": c.Base, "issuer": c.Issuer} {
		u, err := url.Parse(value)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			errs = append(errs, fmt.Errorf("%s %q is not an http address", name, value))
		case name == "base" && u.Path != "":
			errs = append(errs, fmt.Errorf("base %q has a path", value))
		}
	}
	if c.ClientID == "" || c.ClientSecret == "" {
		errs = append(errs, errors.New("client id and secret are needed"))
	}
	return errors.Join(errs...)
}

// scopes a site asks for.
func scopes() []string { return []string{oidc.ScopeOpenID, "profile"} }

// party is the relying party both sites share.
type party struct {
	cfg  SiteConfig
	name string // prefix of its cookies
	// sources is what else of the Content-Security-Policy its pages need.
	sources string
	pages   *pages
	sealed  sealer
	now     func() time.Time
	log     *slog.Logger

	finding singleflight.Group
	mu      sync.Mutex // guards found
	found   *issuer
}

// issuer is what discovery told.
type issuer struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	logout   string // end_session_endpoint, "" when there is none
}

func newParty(name string, cfg SiteConfig, p *pages) (*party, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("%s site: %w", name, err)
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 15 * time.Second, Transport: SharedTransport()}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	sealed, err := newSealer(cfg.ClientSecret, name, cfg.ClientID)
	if err != nil {
		return nil, fmt.Errorf("%s site: %w", name, err)
	}
	return &party{cfg: cfg, name: name, sources: "img-src 'self' data:", pages: p, sealed: sealed, now: cfg.Now, log: cfg.Log.With("site", name)}, nil
}

// SharedTransport is a transport for many requests to few hosts: the default
// one keeps two idle connections a host and would open and close the rest.
func SharedTransport() *http.Transport {
	t := &http.Transport{
		MaxIdleConns: 256, MaxIdleConnsPerHost: 64, IdleConnTimeout: 60 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second, ExpectContinueTimeout: time.Second,
	}
	return t
}

// issuer discovers once, when first needed, so that it does not matter which
// starts first; a failure is not remembered.
func (p *party) issuer(ctx context.Context) (*issuer, error) {
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	if found != nil {
		return found, nil
	}
	answer := p.finding.DoChan("", func() (any, error) {
		// Not the first visitor's ctx: others wait for the same answer.
		found, err := p.discover(context.WithoutCancel(ctx))
		if err == nil {
			p.mu.Lock()
			p.found = found
			p.mu.Unlock()
		}
		return found, err
	})
	select {
	case a := <-answer:
		if a.Err != nil {
			return nil, a.Err
		}
		return a.Val.(*issuer), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("discover %s: %w", p.cfg.Issuer, ctx.Err())
	}
}

func (p *party) discover(ctx context.Context) (*issuer, error) {
	ctx = oidc.ClientContext(ctx, p.cfg.Client)
	provider, err := oidc.NewProvider(ctx, p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", p.cfg.Issuer, err)
	}
	var more struct {
		Logout  string   `json:"end_session_endpoint"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("discover %s: %w", p.cfg.Issuer, err)
	}
	endpoint := provider.Endpoint()
	// Said outright: a client that probes would spend the code on the first try.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &issuer{
		provider: provider,
		verifier: provider.VerifierContext(ctx, &oidc.Config{ClientID: p.cfg.ClientID, Now: p.now}),
		oauth: oauth2.Config{
			ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret,
			Endpoint: endpoint, RedirectURL: p.cfg.RedirectURI(), Scopes: scopes(),
		},
		logout: more.Logout,
	}, nil
}

// mount adds the routes every site has. home is where a person goes back to.
func (p *party) mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /login", p.handle(p.start))
	mux.HandleFunc("POST /login", p.handle(p.start))
	mux.HandleFunc("GET /callback", p.handle(p.callback))
	mux.HandleFunc("POST /logout", p.handle(p.logout))
	mux.HandleFunc("GET /me", p.me)
	mux.Handle("GET /static/", p.pages.static("/static/", strings.TrimSuffix(p.name, "-"), "site"))
}

// guard is around all of a site: no form of another site is taken, and every
// page says what it may load.
func (p *party) guard(next http.Handler) http.Handler {
	policy := "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; " +
		"form-action 'self' " + origin(p.cfg.Issuer) + "; " + p.sources // a form's redirects count, too
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		next.ServeHTTP(w, r)
	})
}

// handle turns a handler's error into a page; the handler has written nothing.
func (p *party) handle(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		t, ok := errors.AsType[*trouble](err)
		if !ok {
			t = &trouble{status: http.StatusInternalServerError, say: sayings["server_error"], cause: err}
		}
		if t.cause != nil {
			p.log.WarnContext(r.Context(), "login failed", "path", r.URL.Path, "error", t.cause)
		}
		p.pages.render(w, t.status, "trouble", troubleView{Saying: t.say, Code: t.code})
	}
}

// origin is scheme, host and port of an address that Validate has accepted.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "'none'"
	}
	return u.Scheme + "://" + u.Host
}
