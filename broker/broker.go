package broker

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"sinho/broker/client"
	"sinho/broker/keys"
	"sinho/providers"
	"sinho/seal"
	"sinho/store"
)

// Config is everything a Broker depends on. All fields are needed unless they
// say otherwise.
type Config struct {
	// Issuer is the public origin, https or http on a loopback host: scheme, host
	// and port, nothing behind it.
	Issuer  string
	Clients *client.Registry
	Keys    *keys.Set
	Ring    *seal.Ring
	// Pepper makes person keys: 32 random bytes at least, never rotated, the same
	// on every node, apart from the ring.
	Pepper    []byte
	Store     store.Store
	Providers []providers.Provider // in the order in which they are shown
	Hooks     Hooks
	// Page shows a Problem and logs it once (nil: plain text).
	Page func(http.ResponseWriter, *http.Request, *Problem)
	// Post shows the page of a FormPost (nil: form_post is not offered).
	Post func(http.ResponseWriter, *http.Request, *FormPost)
	Log  *slog.Logger // nil: none
	// Now is the clock (nil: time.Now).
	Now func() time.Time
	// PushesPerMinute is how often one phone number may be reached within a
	// minute by this node (0: 3).
	PushesPerMinute int
	// PushesPerAddress and PushesPerNetwork are how many pushes this node asks for
	// within a minute for one address (IPv6: /64) and for one network (IPv4: /24,
	// IPv6: /48), 0: 60 and 1200. RemoteAddr of a request is the person's; loopback
	// addresses are not counted. At most 60,000 each.
	PushesPerAddress, PushesPerNetwork int
}

// Broker is the OpenID Provider. It is safe for concurrent use.
type Broker struct {
	issuer    string
	secure    bool // the issuer is https
	node      []byte
	lease     time.Duration // of a push that is approved
	clients   *client.Registry
	keys      *keys.Set
	ring      *seal.Ring
	peppered  sync.Pool // of HMAC-SHA256 under the pepper
	store     store.Store
	order     []string
	providers map[string]providers.Provider
	infos     map[string]providers.Info // as configured: shape, assurance, freshness
	hooks     Hooks
	page      func(http.ResponseWriter, *http.Request, *Problem)
	post      func(http.ResponseWriter, *http.Request, *FormPost)
	logger    *slog.Logger
	now       func() time.Time
	box       boxes
	metadata  []byte
	marked    map[[markSize]byte]client.Client // by mark, for lists
	entry     int                              // bytes of a list's entry
	counting  bool                             // a client bounds the people of a browser
	named     time.Duration                    // so long a browser keeps its name
	locks     []string                         // keys of a person's locks, sorted

	answers *recall[id, answer]
	present *presence
	pushes  *recall[[32]byte, sentPush]
	firsts  *recall[id, id] // the browser a pushed request belongs to
	looks   *looks
	limit   *limiter
	asks    asks
}

// boxes are the purposes this package seals for; none opens another's.
type boxes struct {
	request, posted, callback, pushed, state, journey, code, codeRecord, access, claims, refresh, snapshot, session, person, logout, visit, refusal, people *seal.Box
}

var providerID = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// New checks cfg and reports everything that is wrong with it at once.
func New(cfg Config) (*Broker, error) {
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf("new broker: "+format, args...)) }
	secure, err := checkIssuer(cfg.Issuer)
	if err != nil {
		bad("issuer: %w", err)
	}
	if cfg.Clients == nil || cfg.Keys == nil || cfg.Ring == nil || cfg.Store == nil {
		bad("Clients, Keys, Ring and Store are needed")
	}
	if len(cfg.Pepper) < 32 {
		bad("pepper has %d bytes, want 32 at least", len(cfg.Pepper))
	}
	b := &Broker{
		issuer: cfg.Issuer, secure: secure, node: []byte(rand.Text()), lease: leaseTTL,
		clients: cfg.Clients, keys: cfg.Keys, ring: cfg.Ring, store: cfg.Store,
		providers: map[string]providers.Provider{}, infos: map[string]providers.Info{},
		hooks: cfg.Hooks, page: cfg.Page, post: cfg.Post, logger: cfg.Log, now: cfg.Now,
		answers: newRecall[id, answer](rememberAnswers, answerTTL),
		present: newPresence(),
		pushes:  newRecall[[32]byte, sentPush](rememberPushes, pushTwice),
		firsts:  newRecall[id, id](rememberFirsts, claimTTL),
		looks:   newLooks(rememberLooks),
	}
	pepper := bytes.Clone(cfg.Pepper)
	b.peppered.New = func() any { return hmac.New(sha256.New, pepper) }
	for _, p := range cfg.Providers {
		info := p.Info()
		switch _, redirector := p.(providers.Redirector); {
		case !providerID.MatchString(info.ID) || info.ID == "continue":
			bad("provider id %q: want 1 to 32 of a-z, 0-9 and -, not \"continue\"", info.ID)
		case b.providers[info.ID] != nil:
			bad("provider %s is there twice", info.ID)
		case info.Shape == providers.Redirect && !redirector:
			bad("provider %s says redirect and is no Redirector", info.ID)
		case info.Shape == providers.Push && !isPusher(p):
			bad("provider %s says push and is no Pusher", info.ID)
		case info.Shape != providers.Redirect && info.Shape != providers.Push:
			bad("provider %s has no shape", info.ID)
		case info.Assurance != providers.Asserted && info.Assurance != providers.Verified:
			bad("provider %s has no assurance", info.ID)
		}
		b.order = append(b.order, info.ID)
		b.providers[info.ID], b.infos[info.ID] = p, info
	}
	if len(cfg.Providers) == 0 {
		bad("no providers")
	}
	if cfg.Hooks.Doors != nil && !cfg.Hooks.Doors.complete() {
		bad("Hooks.Doors is incomplete")
	}
	if cfg.Clients != nil && (cfg.Hooks.Rota == nil || cfg.Hooks.Today == nil) {
		for c := range cfg.Clients.All() {
			if c.Rota != "" {
				bad("client %s has a rota, and Hooks.Rota or Hooks.Today is missing", c.ID)
			}
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if b.logger == nil {
		b.logger = slog.New(slog.DiscardHandler)
	}
	if b.now == nil {
		b.now = time.Now
	}
	if b.page == nil {
		b.page = b.plainProblem
	}
	b.limit = newLimiter(
		cmp.Or(max(0, cfg.PushesPerMinute), pushesPerPhone),
		cmp.Or(max(0, cfg.PushesPerAddress), pushesPerAddress),
		cmp.Or(max(0, cfg.PushesPerNetwork), pushesPerNetwork),
	)
	r := cfg.Ring
	b.box = boxes{
		request: r.Box("request"), posted: r.Box("posted"), callback: r.Box("callback"), pushed: r.Box("pushed"), state: r.Box("state"),
		journey: r.Box("journey"), code: r.Box("code"), codeRecord: r.Box("code record"), access: r.Box("access"),
		claims: r.Box("claims"), refresh: r.Box("refresh"), snapshot: r.Box("refresh snapshot"), session: r.Box("session"), person: r.Box("session person"), logout: r.Box("logout"),
		visit: r.Box("visit"), refusal: r.Box("refusal"), people: r.Box("people"),
	}
	b.marked, b.named = map[[markSize]byte]client.Client{}, browserTTL
	for c := range cfg.Clients.All() {
		b.marked[[markSize]byte(mark(c.ID))] = c
		b.counting, b.named = b.counting || c.PeoplePerDevice > 0, max(b.named, c.PeopleWindow)
		if key := gripKey(c); c.OneDevice != "" && !slices.Contains(b.locks, key) {
			b.locks = append(b.locks, key)
		}
	}
	slices.Sort(b.locks)
	sample, err := b.sealVisit(make([]byte, 32), make([]byte, visitName), &visit{Until: b.now().Add(sessionTTL)})
	if err != nil {
		return nil, fmt.Errorf("new broker: %w", err)
	}
	b.entry = len(sample)
	b.metadata, err = b.discovery()
	if err != nil {
		return nil, fmt.Errorf("new broker: discovery: %w", err)
	}
	return b, nil
}

func isPusher(p providers.Provider) bool {
	_, ok := p.(providers.Pusher)
	return ok
}

// checkIssuer takes an origin in its one spelling.
func checkIssuer(issuer string) (secure bool, err error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return false, errors.New("is not a URL")
	}
	if u.Host == "" || issuer != u.Scheme+"://"+u.Host || issuer != strings.ToLower(issuer) {
		return false, fmt.Errorf("%q: want scheme://host[:port] and nothing more", issuer)
	}
	switch u.Scheme {
	case "https":
		return true, nil
	case "http":
		host := u.Hostname()
		if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
			return false, nil
		}
	}
	return false, fmt.Errorf("%q: want https, or http on a loopback host", issuer)
}

// Handler is the broker's own endpoints: /authorize, /par, /token, /introspect,
// /revoke, /userinfo, /logout, /jwks and discovery. Cross-site POSTs to them are
// legitimate.
func (b *Broker) Handler() http.Handler {
	mux := http.NewServeMux()
	// GET patterns take HEAD too; a look at a link must not log anybody in or out.
	for _, path := range []string{"HEAD /authorize", "HEAD /logout"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", "GET, POST")
			w.WriteHeader(http.StatusMethodNotAllowed)
		})
	}
	mux.HandleFunc("GET /authorize", b.handle(b.authorize))
	mux.HandleFunc("POST /authorize", b.handle(b.authorize))
	mux.HandleFunc("POST /par", b.handle(b.par))
	mux.HandleFunc("POST /token", readable(b.handle(b.token)))
	mux.HandleFunc("GET /userinfo", readable(b.handle(b.userinfo)))
	mux.HandleFunc("POST /userinfo", readable(b.handle(b.userinfo)))
	mux.HandleFunc("POST /introspect", b.handle(b.introspect))
	mux.HandleFunc("POST /revoke", readable(b.handle(b.revoke)))
	mux.HandleFunc("GET /logout", b.handle(b.logout))
	mux.HandleFunc("POST /logout", b.handle(b.logout))
	mux.HandleFunc("GET /.well-known/openid-configuration", readable(cacheable(func() []byte { return b.metadata })))
	mux.HandleFunc("GET /jwks", readable(cacheable(b.keys.JWKS)))
	for _, path := range []string{"/token", "/revoke", "/userinfo", "/jwks", "/.well-known/openid-configuration"} {
		mux.HandleFunc("OPTIONS "+path, readable(preflight))
	}
	return mux
}

// plain are the headers of everything that concerns one login.
func plain(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache") // RFC 6749 §5.1 still asks for it
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// readable lets scripts of any origin read the answer: these endpoints look at
// no cookie.
func readable(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
		h(w, r)
	}
}

func preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}
