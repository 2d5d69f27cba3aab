package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sinho/citizen"
)

// runOAuth2Proxy puts oauth2-proxy with the guide's settings in front of a page.
func runOAuth2Proxy(t *testing.T, env []string) *process {
	t.Helper()
	given := map[string]string{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		given[name] = value
	}
	site := "http://localhost:" + given["PORT"]
	behind := httptest.NewServer(plainPage{t: t, issuer: given["ISSUER"], client: given["CLIENT_ID"], site: site})
	t.Cleanup(behind.Close)
	more := []string{}
	if scope := given["SCOPE"]; scope != "" {
		// It refreshes what is older than a second, unasked, and wants a nonce in the
		// new ID token, too, which has none (Core §12.2).
		more = append(more, "OAUTH2_PROXY_SCOPE="+scope, "OAUTH2_PROXY_COOKIE_REFRESH=1s", "OAUTH2_PROXY_INSECURE_OIDC_SKIP_NONCE=true")
	}
	return start(t, "oauth2-proxy", t.TempDir(), append(more, []string{
		"OAUTH2_PROXY_OIDC_ISSUER_URL=" + given["ISSUER"],
		"OAUTH2_PROXY_CLIENT_ID=" + given["CLIENT_ID"],
		"OAUTH2_PROXY_CLIENT_SECRET=" + given["CLIENT_SECRET"],
		"OAUTH2_PROXY_REDIRECT_URL=" + site + "/oauth2/callback",
		"OAUTH2_PROXY_UPSTREAMS=" + behind.URL + "/",
		"OAUTH2_PROXY_HTTP_ADDRESS=127.0.0.1:" + given["PORT"],
		"OAUTH2_PROXY_WHITELIST_DOMAINS=" + strings.TrimPrefix(given["ISSUER"], "http://"),
		"OAUTH2_PROXY_COOKIE_SECRET=" + newSecret()[:32],
		"OAUTH2_PROXY_COOKIE_NAME=proxy-" + given["PORT"],
		"OAUTH2_PROXY_COOKIE_SECURE=false", // http
	}...), func(s string) bool { return strings.Contains(s, "OAuthProxy configured") },
		installed(t, "oauth2-proxy"), "--config", filepath.Join(root, "testdata/peers/oauth2-proxy/oauth2-proxy.cfg"))
}

// byProxy asks by the parameter that oauth2-proxy would have to be configured
// to send.
func byProxy(v *visitor) *citizen.Page {
	v.t.Helper()
	return v.openWithPromptNone("/oauth2/start?rd=%2F")
}

// refreshByProxy looks at the page until oauth2-proxy has refreshed by itself.
func refreshByProxy(v *visitor) *citizen.Page {
	v.t.Helper()
	_, before := v.w.front.last()
	ctx, cancel := context.WithTimeout(v.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		page := v.open(v.p.site() + "/")
		if _, now := v.w.front.last(); now > before {
			return page
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			v.t.Fatal("oauth2-proxy has refreshed nothing within 20 s")
		}
	}
}

// plainPage is what stands behind oauth2-proxy: it reads headers and nothing
// else.
type plainPage struct {
	t                    *testing.T
	issuer, client, site string
}

func (p plainPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><title>page</title><form id="login" action="/oauth2/start"><input type="hidden" name="rd" value="/"><button>login</button></form>`)
	raw, signedIn := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if r.URL.Path == "/welcome" || !signedIn {
		return
	}
	who, err := p.read(r.Context(), raw, r.Header.Get("X-Forwarded-Access-Token"), r.Header.Get("X-Forwarded-User"))
	if err != nil {
		p.t.Errorf("what oauth2-proxy passes on: %v", err)
		return
	}
	logout := p.issuer + "/logout?" + url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {p.site + "/welcome"}}.Encode()
	fmt.Fprintf(w, `<pre id="person">%s</pre><form id="logout" action="/oauth2/sign_out"><input type="hidden" name="rd" value="%s"><button>logout</button></form>`,
		html.EscapeString(string(who)), html.EscapeString(logout))
}

// read verifies the ID token again and asks userinfo with the access token.
func (p plainPage) read(ctx context.Context, raw, access, user string) ([]byte, error) {
	provider, err := oidc.NewProvider(ctx, p.issuer)
	if err != nil {
		return nil, err
	}
	idToken, err := provider.Verifier(&oidc.Config{ClientID: p.client}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if user != idToken.Subject {
		return nil, fmt.Errorf("X-Forwarded-User: got %q, want the sub %q", user, idToken.Subject)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access}))
	if err != nil {
		return nil, err
	}
	var who person
	if err := idToken.Claims(&who.Claims); err != nil {
		return nil, err
	}
	if err := info.Claims(&who.Userinfo); err != nil {
		return nil, err
	}
	return json.Marshal(who)
}
