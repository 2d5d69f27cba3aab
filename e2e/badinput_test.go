package e2e

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// answer is one HTTP answer, not followed.
type answer struct {
	status   int
	location string
	body     string
}

func fetch(t *testing.T, client *http.Client, method, target string, form url.Values) answer {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Location"), string(text)}
}

// stranger is a client that keeps cookies if told so and follows nothing.
func stranger(t *testing.T, cookies bool) *http.Client {
	t.Helper()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if cookies {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Jar = jar
	}
	return c
}

const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636, appendix B

func (d *demo) authorize(changes ...string) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"booking"}, "scope": {"openid profile"},
		"redirect_uri": {d.url(atBooking, "/callback")}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
	}
	return d.url(atBroker, "/authorize?"+q.Encode())
}

// TestBadInput sends a quiet demo everything that goes wrong in the field. Each
// must be a clear message with the right status, and lose nothing.
func TestBadInput(t *testing.T) {
	d := startDemo(t, "--rate", "0")
	t.Run("unknown client", func(t *testing.T) {
		a := fetch(t, stranger(t, true), http.MethodGet, d.authorize("client_id", "nobody"), nil)
		expectPage(t, a, http.StatusBadRequest, "문의번호", "nobody")
	})
	t.Run("bad redirect URI is a page that shows received against registered", func(t *testing.T) {
		bad := d.url(atBooking, "/callback/../steal")
		a := fetch(t, stranger(t, true), http.MethodGet, d.authorize("redirect_uri", bad), nil)
		expectPage(t, a, http.StatusBadRequest, "문의번호", bad, d.url(atBooking, "/callback"))
	})
	t.Run("state of one megabyte", func(t *testing.T) {
		form := url.Values{}
		parsed, err := url.Parse(d.authorize("state", strings.Repeat("s", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(form, parsed.Query())
		expectPage(t, fetch(t, stranger(t, true), http.MethodGet, parsed.String(), nil), http.StatusRequestURITooLong, "문의번호")
		expectPage(t, fetch(t, stranger(t, true), http.MethodPost, d.url(atBroker, "/authorize"), form), http.StatusRequestEntityTooLarge, "문의번호")
	})
	t.Run("state over its limit goes back to the site, naming the limit", func(t *testing.T) {
		a := fetch(t, stranger(t, true), http.MethodGet, d.authorize("state", strings.Repeat("s", 2000)), nil)
		if !strings.Contains(a.location, "error=invalid_request") || !strings.Contains(a.location, "1024") {
			t.Errorf("got %d %q, want invalid_request naming 1024 bytes", a.status, a.location)
		}
	})
	t.Run("tampered sealed request", func(t *testing.T) {
		client := stranger(t, true)
		login := fetch(t, client, http.MethodGet, d.authorize(), nil).location
		mid := len(login) / 2
		flipped := login[:mid] + string('A'+(login[mid]+1)%2) + login[mid+1:]
		expectPage(t, fetch(t, client, http.MethodGet, absolute(d, flipped), nil), http.StatusBadRequest, "문의번호")
		if a := fetch(t, client, http.MethodGet, absolute(d, login), nil); a.status != http.StatusOK {
			t.Errorf("the true request afterwards: got status %d, want 200", a.status)
		}
	})
	t.Run("cookies refused", func(t *testing.T) {
		client := stranger(t, false)
		login := fetch(t, client, http.MethodGet, d.authorize(), nil).location
		expectPage(t, fetch(t, client, http.MethodGet, absolute(d, login), nil), http.StatusBadRequest, "쿠키", "cookies")
	})
	t.Run("a copied login link in another browser", func(t *testing.T) {
		login := fetch(t, stranger(t, true), http.MethodGet, d.authorize(), nil).location
		other := stranger(t, true)
		fetch(t, other, http.MethodGet, d.authorize(), nil) // it has a cookie of its own
		expectPage(t, fetch(t, other, http.MethodGet, absolute(d, login), nil), http.StatusBadRequest, "문의번호")
	})
	t.Run("unknown provider", func(t *testing.T) {
		client := stranger(t, true)
		login := fetch(t, client, http.MethodGet, d.authorize(), nil).location
		sealed := strings.TrimPrefix(login[strings.Index(login, "?r="):], "?r=")
		a := fetch(t, client, http.MethodPost, d.url(atBroker, "/login/nonesuch"), url.Values{"r": {sealed}})
		expectPage(t, a, http.StatusNotFound, "문의번호")
	})
	t.Run("someone else's callback", func(t *testing.T) { testForeignCallback(t, d) })
	t.Run("replayed code", func(t *testing.T) { testReplayedCode(t, d) })
	t.Run("taken port", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), binary, "demo", "--base-port", fmt.Sprint(d.base)).CombinedOutput()
		if err == nil || !strings.Contains(string(out), fmt.Sprint(d.base)) || !strings.Contains(string(out), "--base-port") {
			t.Errorf("got %v: %s; want an error naming port %d and --base-port", err, out, d.base)
		}
	})
	t.Run("unwritable data folder", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), binary, "demo", "--base-port", fmt.Sprint(freeBase(t)), "--data", file+"/below").CombinedOutput()
		if err == nil || !strings.Contains(string(out), file) {
			t.Errorf("got %v: %s; want an error naming %s", err, out, file)
		}
	})
}

func absolute(d *demo, location string) string {
	if strings.HasPrefix(location, "/") {
		return d.url(atBroker, location)
	}
	return location
}

func expectPage(t *testing.T, a answer, status int, words ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("got status %d, want %d", a.status, status)
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			t.Errorf("the page does not say %q:\n%.1500s", w, a.body)
		}
	}
}
