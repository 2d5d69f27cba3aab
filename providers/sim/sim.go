// Package sim holds faithful simulated identity providers: Naver, Kakao and a
// generic one as real OpenID Providers with a login page, PASS and Toss as
// push vendors with a phone. Each speaks its vendor's wire over HTTP, serves
// at a limited capacity, keeps everything in bounded memory, and can be made
// slow, wrong, hung or dead through PUT /control.
//
// It imports nothing of ours, so it cannot agree with our adapters by sharing
// code with them. It does not listen (its caller does), does not log, and
// holds made-up people only: never let it face anybody real.
package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"html/template"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Config of one simulator. The zero value of every optional field works.
type Config struct {
	// ID is naver, kakao, oidc, pass or toss.
	ID string
	// Base is the public URL without a trailing slash; for the redirect
	// simulators it is the issuer too.
	Base string
	// ClientID and ClientSecret of the one client that is known here.
	ClientID, ClientSecret string
	// ClientName is shown on the login page and the phone; empty: ClientID.
	ClientName string
	// RedirectURIs are allowed exactly as written; needed by the redirect
	// simulators, not read by the push ones.
	RedirectURIs []string
	// Seed repeats the jitter and the choice of failing requests.
	Seed uint64
	// Crowd is how many made-up people there are beside People, 0 to MaxCrowd. The
	// login page shows one of them, another each time, and has them preselected:
	// whoever presses a button is somebody else.
	Crowd int
	// Control to begin with; nil: Defaults.
	Control *Control
	// Plain503 makes Kakao answer a full queue with 503 as the others do,
	// instead of its quota error, HTTP 400 with code -10.
	Plain503 bool
	// SendCI makes the oidc simulator's userinfo carry a ci claim. The others
	// do as their vendors do: Kakao, PASS and Toss send it, Naver does not.
	SendCI bool
	// Quirks to begin with; see SetQuirks.
	Quirks []Quirk
}

// Sim is one simulated provider. Use New.
type Sim struct {
	cfg     Config
	people  atomic.Pointer[populace]
	desk    *desk
	queue   *queue
	vendor  vendor
	pushes  *pushes // nil at the redirect simulators
	handler http.Handler
	views   *template.Template
	held    atomic.Int64
	tally   tally
	seconds seconds
	quirks  atomic.Pointer[[]Quirk]

	mu   sync.Mutex // guards dice
	dice *rand.Rand
}

// tally counts what happened since the start; shown on the control page.
type tally struct {
	answered, refused, failed, dropped, logins atomic.Int64
}

// vendor is what differs from one provider to the next.
type vendor interface {
	// mount adds the vendor's own routes.
	mount(*routes)
	// trouble words a failure of the vendor's own (http.StatusInternalServerError)
	// or a full queue (http.StatusServiceUnavailable) at path.
	trouble(path string, status int) *refusal
	// names of the provider, Korean and English.
	names() (ko, en string)
	// home is a page of the vendor's worth opening, as a path.
	home() string
}

// New makes a simulator; every mistake in cfg is reported at once.
func New(cfg Config) (*Sim, error) {
	if cfg.ClientName == "" {
		cfg.ClientName = cfg.ClientID
	}
	control := Defaults()
	if cfg.Control != nil {
		control = *cfg.Control
	}
	if err := cfg.validate(control); err != nil {
		return nil, fmt.Errorf("new simulator %q: %w", cfg.ID, err)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(cfg.ID)) // cannot fail
	seed := cfg.Seed ^ h.Sum64()
	views, err := parseViews()
	if err != nil {
		return nil, fmt.Errorf("new simulator %q: %w", cfg.ID, err)
	}
	s := &Sim{
		cfg: cfg, desk: newDesk(control), views: views,
		queue: newQueue(control.CapacityPerS, control.latency(), seed),
		dice:  rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // repeatable faults, not a secret
	}
	if err = s.SetCrowd(cfg.Crowd, nil); err != nil {
		return nil, fmt.Errorf("new simulator %q: %w", cfg.ID, err)
	}
	switch cfg.ID {
	case "naver":
		s.vendor, err = newNaver(s)
	case "kakao":
		s.vendor, err = newKakao(s)
	case "oidc":
		s.vendor, err = newGeneric(s)
	case "pass":
		s.vendor = newPass(s)
	case "toss":
		s.vendor, err = newToss(s)
	}
	if err == nil {
		err = s.SetQuirks(cfg.Quirks)
	}
	if err != nil {
		return nil, fmt.Errorf("new simulator %q: %w", cfg.ID, err)
	}
	s.handler = s.mount()
	return s, nil
}

func (cfg Config) validate(control Control) error {
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	redirect := slices.Contains([]string{"naver", "kakao", "oidc"}, cfg.ID)
	if !redirect && cfg.ID != "pass" && cfg.ID != "toss" {
		say("ID must be naver, kakao, oidc, pass or toss")
	}
	if u, err := url.Parse(cfg.Base); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") ||
		strings.HasSuffix(cfg.Base, "/") || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		say("Base %q must be http(s)://host[:port] and nothing more", cfg.Base)
	}
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		say("ClientID and ClientSecret are needed")
	}
	if redirect && len(cfg.RedirectURIs) == 0 {
		say("RedirectURIs are needed")
	}
	for _, uri := range cfg.RedirectURIs {
		if u, err := url.Parse(uri); err != nil || u.Scheme == "" || u.Host == "" || u.Fragment != "" {
			say("redirect URI %q must be absolute and without a fragment", uri)
		}
	}
	if control.LatencyMS < 0 || control.LatencyMS > maxLatencyMS || control.ErrorRate < 0 || control.ErrorRate > 1 ||
		control.CapacityPerS < minCapacity || control.CapacityPerS > maxCapacity ||
		!slices.Contains([]Approve{Auto, Manual, Reject}, control.Approve) || !slices.Contains(faults(), control.Fault) {
		say("Control has a value out of range: %+v", control)
	}
	return errors.Join(wrong...)
}

// Handler is the whole simulator: vendor wire, pages and control.
func (s *Sim) Handler() http.Handler { return s.handler }

// Close drops every request that is held or queued, and from then on every
// path but the control's drops its connection. It can be called again.
func (s *Sim) Close() { s.desk.close() }

// Control is the control in force.
func (s *Sim) Control() Control { return s.desk.control() }

// SetControl lays body, a JSON object, over the control in force, as
// PUT /control does; the error is a *FieldError.
func (s *Sim) SetControl(body []byte) (Control, error) {
	return s.desk.change(
		func(c Control) (Control, error) { return c.Merge(body) },
		func(old, next Control) {
			if s.pushes != nil {
				s.pushes.settle(old)
			}
			s.queue.tune(next.CapacityPerS, next.latency())
		})
}

// somebody of the crowd, by number.
func (s *Sim) somebody(who *populace) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(who.all) - who.crowd + s.dice.IntN(who.crowd)
}

// unlucky draws whether this request is one of the failing share.
func (s *Sim) unlucky(rate float64) bool {
	if rate <= 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dice.Float64() < rate
}
