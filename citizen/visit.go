package citizen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Hop is one request of a visit.
type Hop struct {
	Method string
	URL    *url.URL
	// Status is the HTTP status, 0 when no answer came.
	Status int
	// Took is the time until the answer's headers, or until the failure.
	Took time.Duration
}

// VisitError is a visit that ended without a page. Its text names addresses
// without their queries.
type VisitError struct {
	// Chain is every request made, the last one being the one that failed.
	Chain []Hop
	Err   error
}

// Error names the request that failed.
func (e *VisitError) Error() string {
	if len(e.Chain) == 0 {
		return "citizen: visit: " + e.Err.Error()
	}
	last := e.Chain[len(e.Chain)-1]
	return fmt.Sprintf("citizen: %s %s (request %d of the visit): %v", last.Method, where(last.URL), len(e.Chain), e.Err)
}

// Unwrap gives the cause.
func (e *VisitError) Unwrap() error { return e.Err }

// visit is what the person asks for: one request and the redirects after it.
type visit struct {
	method      string
	to          *url.URL
	body        []byte
	contentType string
	from        *Page // nil: typed
}

// site is how a request stands to who asked for it (Fetch Metadata).
type site int

const (
	siteNone site = iota
	siteSameOrigin
	siteSameSite
	siteCross
)

// visit makes the request and follows redirects (Fetch, HTTP-redirect fetch).
func (b *Browser) visit(ctx context.Context, v visit) (*Page, error) {
	var chain []Hop
	relation := siteNone
	for {
		if v.to.Scheme != "http" && v.to.Scheme != "https" || v.to.Host == "" {
			return nil, &VisitError{Chain: append(chain, Hop{Method: v.method, URL: v.to}), Err: ErrAddress}
		}
		if len(chain) > b.cfg.MaxRedirects {
			return nil, &VisitError{Chain: chain, Err: fmt.Errorf("%w: %d", ErrRedirects, len(chain))}
		}
		if v.from != nil {
			relation = max(relation, relate(v.from.URL, v.to))
		}
		began := time.Now()
		page, next, err := b.once(ctx, v, relation)
		hop := Hop{Method: v.method, URL: v.to, Took: time.Since(began)}
		if page != nil {
			hop.Status = page.Status
		}
		chain = append(chain, hop)
		if err != nil {
			return nil, &VisitError{Chain: chain, Err: err}
		}
		if next == nil {
			page.Chain = chain
			return page, nil
		}
		switch {
		case page.Status == http.StatusSeeOther && v.method != http.MethodHead,
			(page.Status == http.StatusMovedPermanently || page.Status == http.StatusFound) && v.method == http.MethodPost:
			v.method, v.body, v.contentType = http.MethodGet, nil, ""
		}
		if next.Fragment == "" {
			next.Fragment = v.to.Fragment
		}
		v.to = next
	}
}

// once makes one request. next is set when the answer is a redirect.
func (b *Browser) once(ctx context.Context, v visit, relation site) (page *Page, next *url.URL, err error) {
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	req, err := b.request(ctx, v, relation)
	if err != nil {
		return nil, nil, err
	}
	resp, err := b.cfg.Transport.RoundTrip(req)
	if err != nil {
		return nil, nil, patience(whole, b.cfg.Timeout, err)
	}
	defer resp.Body.Close()
	b.keep(v.to, resp.Cookies())
	page = &Page{URL: v.to, Status: resp.StatusCode, Header: resp.Header}
	if to := resp.Header.Get("Location"); to != "" && redirects(resp.StatusCode) {
		next, err = v.to.Parse(to)
		if err != nil {
			return page, nil, fmt.Errorf("redirect to a bad address: %w", err)
		}
		// What is left of a short body is read so that the connection is kept.
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
		return page, next, nil
	}
	page.Body, err = io.ReadAll(io.LimitReader(resp.Body, b.cfg.MaxBody+1))
	if err != nil {
		return page, nil, patience(whole, b.cfg.Timeout, fmt.Errorf("read page: %w", err))
	}
	if int64(len(page.Body)) > b.cfg.MaxBody {
		return page, nil, fmt.Errorf("%w: over %d bytes", ErrTooLarge, b.cfg.MaxBody)
	}
	page.parse()
	return page, nil, nil
}

// request builds what a browser would send.
func (b *Browser) request(ctx context.Context, v visit, relation site) (*http.Request, error) {
	plain := *v.to
	plain.Fragment = ""
	req, err := http.NewRequestWithContext(ctx, v.method, plain.String(), bytes.NewReader(v.body))
	if err != nil {
		return nil, err
	}
	h := req.Header
	h.Set("User-Agent", b.cfg.UserAgent)
	h.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	h.Set("Accept-Language", b.cfg.Language)
	h.Set("Sec-Fetch-Mode", "navigate")
	h.Set("Sec-Fetch-Dest", "document")
	h.Set("Sec-Fetch-Site", map[site]string{
		siteNone: "none", siteSameOrigin: "same-origin", siteSameSite: "same-site", siteCross: "cross-site",
	}[relation])
	if v.method == http.MethodPost {
		h.Set("Origin", originOf(v.from))
		h.Set("Content-Type", v.contentType)
	}
	for _, c := range b.jar.Cookies(jarURL(v.to)) {
		req.AddCookie(c)
	}
	return req, nil
}

// originOf is the Origin header of a form post: null when the page's referrer
// policy hides it, as browsers do (Fetch, append a request Origin header).
func originOf(p *Page) string {
	if p == nil || p.Header.Get("Referrer-Policy") == "no-referrer" {
		return "null"
	}
	return p.URL.Scheme + "://" + p.URL.Host
}

// relate compares two addresses: ports do not matter to a site, schemes do.
func relate(from, to *url.URL) site {
	switch {
	case from.Scheme == to.Scheme && from.Host == to.Host:
		return siteSameOrigin
	case from.Scheme == to.Scheme && registrable(from.Hostname()) == registrable(to.Hostname()):
		return siteSameSite
	default:
		return siteCross
	}
}

func registrable(host string) string {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// patience tells the browser's own time-out from the end of the caller's ctx.
func patience(whole context.Context, limit time.Duration, err error) error {
	if whole.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v: %w", limit, err)
	}
	return err
}
