// Package citizen is a browser without JavaScript that follows forms: it keeps
// cookies, follows redirects and meta refresh, fills forms and presses buttons,
// and Login walks a whole login the way a person does, from a site's page to
// the site's page. Tests, the demo and load runs share it.
//
// It imports nothing of Sinho's and knows no protocol: only pages. It draws
// nothing, runs no script, loads no image or style, and does not model the
// SameSite attribute (every service it walks is on one site).
package citizen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Limits used where Config leaves a field zero.
const (
	DefaultTimeout   = 20 * time.Second
	DefaultMaxBody   = 1 << 20
	DefaultRedirects = 20
)

// maxCookie is what browsers keep of name and value together; a longer cookie
// silently vanishes (RFC 6265 section 6.1).
const maxCookie = 4096

// Sentinels. Compare with errors.Is.
var (
	// ErrTooLarge: a page is longer than Config.MaxBody.
	ErrTooLarge = errors.New("citizen: page too large")
	// ErrRedirects: more redirects in a row than Config.MaxRedirects.
	ErrRedirects = errors.New("citizen: too many redirects")
	// ErrAddress: a link, form or redirect leads to something that is not http.
	ErrAddress = errors.New("citizen: address is not http or https")
)

// Config of a Browser. The zero value works.
type Config struct {
	// Transport carries the requests; share one among many browsers so that
	// connections are reused. Nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds each request with its body, not a whole chain of them.
	Timeout time.Duration
	// MaxBody is the most bytes of one page.
	MaxBody int64
	// MaxRedirects is the most redirects in a row.
	MaxRedirects int
	// Language is sent as Accept-Language; "" is "ko".
	Language string
	// UserAgent is sent as it is; "" is "sinho-citizen/1".
	UserAgent string
}

// Browser is one person's browser with its own cookies. It is not safe for
// concurrent use: a person looks at one page at a time.
type Browser struct {
	cfg Config
	jar *cookiejar.Jar
}

// New opens a browser without any cookie.
func New(cfg Config) *Browser {
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.MaxRedirects <= 0 {
		cfg.MaxRedirects = DefaultRedirects
	}
	if cfg.Language == "" {
		cfg.Language = "ko"
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "sinho-citizen/1"
	}
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil { // cookiejar.New never fails; its signature is older than that promise
		panic(fmt.Sprintf("citizen: cookie jar: %v", err))
	}
	return &Browser{cfg: cfg, jar: jar}
}

// Cookies are those the browser would send to address.
func (b *Browser) Cookies(address string) ([]*http.Cookie, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("cookies for %q: %w", address, err)
	}
	return b.jar.Cookies(jarURL(u)), nil
}

// SetCookies puts cookies into the jar as if address had set them.
func (b *Browser) SetCookies(address string, cookies ...*http.Cookie) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("set cookies for %q: %w", address, err)
	}
	b.keep(u, cookies)
	return nil
}

// keep stores what a browser stores: cookies over 4,096 bytes vanish.
func (b *Browser) keep(u *url.URL, cookies []*http.Cookie) {
	kept := make([]*http.Cookie, 0, len(cookies))
	for _, c := range cookies {
		if len(c.Name)+len(c.Value) <= maxCookie {
			kept = append(kept, c)
		}
	}
	if len(kept) > 0 {
		b.jar.SetCookies(jarURL(u), kept)
	}
}

// Open goes to an address as if it were typed, and follows redirects.
// A page with an error status is a page, not an error.
func (b *Browser) Open(ctx context.Context, address string) (*Page, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", address, err)
	}
	return b.visit(ctx, visit{method: http.MethodGet, to: u})
}

// Follow clicks a link found on a page.
func (b *Browser) Follow(ctx context.Context, l *Link) (*Page, error) {
	return b.visit(ctx, visit{method: http.MethodGet, to: l.URL, from: l.page})
}

// Click follows the link or presses the submit button of p that selector names
// (see Page.Link and Form.Button); links come first. Neither is an *AbsentError.
func (b *Browser) Click(ctx context.Context, p *Page, selector string) (*Page, error) {
	l, err := p.Link(selector)
	if err == nil {
		return b.Follow(ctx, l)
	}
	var found []string
	if absent, ok := errors.AsType[*AbsentError](err); ok {
		found = absent.Found
	}
	for _, f := range p.Forms() {
		for _, button := range f.Buttons {
			if button.is(selector) {
				return b.Submit(ctx, f, selector)
			}
			found = append(found, named(button.ID, button.Text))
		}
	}
	return nil, p.absent("link or button", selector, found)
}

// Refresh waits as long as p's meta refresh says and goes where it says. A page
// without one is an *AbsentError.
func (b *Browser) Refresh(ctx context.Context, p *Page) (*Page, error) {
	r, ok := p.Refresh()
	if !ok {
		return nil, p.absent("meta refresh", "", nil)
	}
	if err := pause(ctx, r.After); err != nil {
		return nil, fmt.Errorf("wait for refresh of %s: %w", where(p.URL), err)
	}
	return b.visit(ctx, visit{method: http.MethodGet, to: r.URL, from: p})
}

// pause waits for d or until ctx ends, whose error it then gives.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// jarURL is u as the cookie jar should see it: browsers trust loopback hosts
// with Secure cookies over plain http, the jar of net/http does not.
func jarURL(u *url.URL) *url.URL {
	if u.Scheme != "http" || !loopback(u.Hostname()) {
		return u
	}
	trusted := *u
	trusted.Scheme = "https"
	return &trusted
}

// loopback says whether a host is this machine by its name alone.
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// where names an address in errors: without query, which may carry secrets.
func where(u *url.URL) string {
	if u == nil {
		return "nowhere"
	}
	return u.Scheme + "://" + u.Host + u.Path
}
