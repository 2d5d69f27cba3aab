package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"sinho/broker"
)

// headers puts the bound on every answer. Pages with forms that lead elsewhere
// widen form-action by allowForms.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		strict(w.Header())
		next.ServeHTTP(w, r)
	})
}

func strict(h http.Header) {
	h.Set("Content-Security-Policy", ownPolicy)
	h.Set("Referrer-Policy", "same-origin") // not no-referrer: docs/decisions/0006
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

// allowForms lets this page's forms end at the origins of l: Chromium applies
// form-action to every redirect that follows a POST, so the providers a person
// may choose here and the site that asked must be named.
func allowForms(h http.Header, l broker.Login) {
	origins := make([]string, 0, len(l.Routes)+1)
	for _, p := range l.Routes {
		origins = append(origins, strings.Fields(p.Origin)...)
	}
	h.Set("Content-Security-Policy", policy(append(origins, l.Site.Origin)))
}

// closed is what every page keeps to, but for where its forms may lead.
const closed = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "

// policyOnly lets forms lead to one origin and nowhere else, not even to us.
func policyOnly(origin string) string {
	if origin = source(origin); origin == "" {
		origin = "'none'"
	}
	return closed + origin
}

// ownPolicy is that of a page whose forms stay here.
const ownPolicy = closed + "'self'"

// policy lets forms lead to the origins too.
func policy(origins []string) string {
	var b strings.Builder
	b.WriteString(ownPolicy)
	seen := map[string]bool{"": true}
	for _, o := range origins {
		if o = source(o); !seen[o] {
			seen[o] = true
			b.WriteString(" " + o)
		}
	}
	return b.String()
}

// source is an origin as a CSP source (CSP 3 §2.3.1), or "" when it is none: it
// goes into a header, so nothing but scheme, host and port may pass. A native
// app's own scheme stays a scheme. The grammar has no IPv6 literals, so these
// fall back to their scheme too.
func source(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	switch u.Scheme {
	case "javascript", "data", "blob", "filesystem", "about", "vbscript":
		return ""
	case "http", "https":
	default:
		return u.Scheme + ":" // url.Parse has lowered and checked the scheme
	}
	host := u.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		return u.Scheme + ":"
	}
	for _, c := range host + u.Port() {
		if c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return ""
		}
	}
	if host == "" || (u.Path != "" && u.Path != "/") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
