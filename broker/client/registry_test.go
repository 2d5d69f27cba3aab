package client

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/providers"
)

func shop() Client {
	return Client{
		ID:           "shop",
		SecretHash:   sha256.Sum256([]byte("a secret")),
		Name:         providers.Text{KO: "가게", EN: "Shop"},
		RedirectURIs: []string{cb},
	}
}

func with(change func(*Client)) Client {
	c := shop()
	change(&c)
	return c
}

// mistakes lists what is wrong as "client field".
func mistakes(err error) (list []string) {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			if m, ok := errors.AsType[*Mistake](e); ok {
				list = append(list, m.Client+" "+m.Field)
			}
		}
	}
	return list
}

func TestRegistryFindsClientsWithTheirDefaults(t *testing.T) {
	r, err := NewRegistry(shop(), with(func(c *Client) {
		c.ID, c.Name, c.Sector = "school", providers.Text{EN: "School"}, "example.kr"
		c.Algorithm, c.MinAssurance, c.Scopes = RS256, providers.Verified, []string{"openid", "profile"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := shop()
	want.Sector, want.Algorithm, want.MinAssurance = "shop.example.kr", ES256, providers.Asserted
	want.Refresh, want.SessionRule, want.PushRule = RefreshNone, SessionShared, PushAllowed
	got, ok := r.Lookup("shop")
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("shop: %v (-want +got):\n%s", ok, diff)
	}
	got, _ = r.Lookup("school")
	if got.Name.KO != "School" || got.Sector != "example.kr" || got.Algorithm != RS256 || got.MinAssurance != providers.Verified {
		t.Errorf("school: got %+v, want what it said", got)
	}
	if got, ok := r.Lookup("Shop"); ok || !cmp.Equal(got, Client{}) {
		t.Errorf("unknown: got %+v, %v, want the zero Client", got, ok)
	}
}

func TestARegistryMayBeEmpty(t *testing.T) {
	r, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Lookup(""); ok {
		t.Error("got a client, want none")
	}
}

func TestARegistryKeepsItsOwnCopy(t *testing.T) {
	mine := shop()
	r, err := NewRegistry(mine)
	if err != nil {
		t.Fatal(err)
	}
	mine.RedirectURIs[0] = "https://evil.example/"
	if c, _ := r.Lookup("shop"); !c.AllowsRedirect(cb) || c.AllowsRedirect("https://evil.example/") {
		t.Errorf("got %v, want what was registered", c.RedirectURIs)
	}
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	_, err := NewRegistry(
		shop(),
		shop(),
		Client{},
		with(func(c *Client) {
			c.ID = "school"
			c.RedirectURIs = []string{cb, "http://school.example.kr/", cb, "https://school.example.kr/cb"}
			c.PostLogoutURIs = []string{"school"}
			c.Start = "javascript:alert(1)"
			c.Scopes = []string{"profile", "profile", "a b"}
			c.Algorithm, c.MinAssurance = "none", 9
			c.Support = "help\nme"
		}),
	)
	want := []string{
		"shop id",
		"#3 id", "#3 secret_hash", "#3 name", "#3 redirect_uris",
		"school support", "school redirect_uris[1]", "school redirect_uris[2]", "school post_logout_uris[0]",
		"school start", "school sector", "school scopes[1]", "school scopes[2]", "school scopes", "school algorithm", "school min_assurance",
	}
	if diff := cmp.Diff(want, mistakes(err)); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
	if err != nil && !strings.Contains(err.Error(), `client "school": redirect_uris[1]: "http://school.example.kr/" must be https`) {
		t.Errorf("got %v, want client, field, value and reason in one line", err)
	}
}

func TestOneMistakeAtATime(t *testing.T) {
	long := strings.Repeat("a", 1000)
	for _, tc := range []struct {
		name   string
		client Client
		want   string // "" for none
	}{
		{"all well", shop(), ""},
		{"an ID with a colon", with(func(c *Client) { c.ID = "a:b" }), "a:b id"},
		{"an ID with a line break", with(func(c *Client) { c.ID = "a\nb" }), "a\nb id"},
		{"an ID too long", with(func(c *Client) { c.ID = strings.Repeat("a", 65) }), strings.Repeat("a", 65) + " id"},
		{"a public client", with(func(c *Client) { c.Public, c.SecretHash = true, [32]byte{} }), ""},
		{"a public client with a secret", with(func(c *Client) { c.Public = true }), "shop secret_hash"},
		{"a confidential client without a secret", with(func(c *Client) { c.SecretHash = [32]byte{} }), "shop secret_hash"},
		{"the empty secret", with(func(c *Client) { c.SecretHash = sha256.Sum256(nil) }), "shop secret_hash"},
		{"a name in Korean only", with(func(c *Client) { c.Name = providers.Text{KO: "가게"} }), ""},
		{"a name of blanks", with(func(c *Client) { c.Name = providers.Text{KO: "  "} }), "shop name"},
		{"a name that turns the writing around", with(func(c *Client) { c.Name.EN = "Bank\u202egpj.exe" }), "shop name.en"},
		{"a name with an invisible character", with(func(c *Client) { c.Name.KO = "네이\u200b버" }), "shop name.ko"},
		{"a name in broken UTF-8", with(func(c *Client) { c.Name.KO = "\xff" }), "shop name.ko"},
		{"a name too long", with(func(c *Client) { c.Name.EN = long }), "shop name.en"},
		{"a name of markup, which pages escape", with(func(c *Client) { c.Name.EN = "<b>&" }), ""},
		{"no redirect URI", with(func(c *Client) { c.RedirectURIs = nil }), "shop redirect_uris"},
		{"too many redirect URIs", with(func(c *Client) { c.RedirectURIs = many(65); c.Sector = "a.kr" }), "shop redirect_uris"},
		{"many redirect URIs", with(func(c *Client) { c.RedirectURIs = many(64) }), ""},
		{"a post-logout URI with a query", with(func(c *Client) { c.PostLogoutURIs = []string{"https://a.kr/?code=1"} }), ""},
		{"a post-logout URI with a state", with(func(c *Client) { c.PostLogoutURIs = []string{"https://a.kr/?state=1"} }), "shop post_logout_uris[0]"},
		{"a start", with(func(c *Client) { c.Start = "https://a.kr/login?from=sinho" }), ""},
		{"a start in an app", with(func(c *Client) { c.Native = true; c.Start = "com.example.app:/login" }), "shop start"},
		{"a start that has an iss", with(func(c *Client) { c.Start = "https://a.kr/login?iss=x" }), "shop start"},
		{"scopes without openid", with(func(c *Client) { c.Scopes = []string{"profile"} }), "shop scopes"},
		{"too many scopes", with(func(c *Client) { c.Scopes = make([]string, 33) }), "shop scopes"},
		{"a scope too long", with(func(c *Client) { c.Scopes = []string{"openid", long} }), "shop scopes[1]"},
		{"a scope with a quote", with(func(c *Client) { c.Scopes = []string{"openid", `a"b`} }), "shop scopes[1]"},
		{"HS256", with(func(c *Client) { c.Algorithm = "HS256" }), "shop algorithm"},
		{"an algorithm in small letters", with(func(c *Client) { c.Algorithm = "es256" }), "shop algorithm"},
		{"support as text", with(func(c *Client) { c.Support = "고객센터 1588-0000" }), ""},
		{"support too long", with(func(c *Client) { c.Support = long }), "shop support"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := NewRegistry(tc.client)
			if got := strings.Join(mistakes(err), ", "); got != tc.want {
				t.Errorf("got %q (%v), want %q", got, err, tc.want)
			}
			if (err != nil) != (tc.want != "") {
				t.Errorf("got error %v, want one: %v", err, tc.want != "")
			}
		})
	}
}

func many(n int) (uris []string) {
	for i := range n {
		uris = append(uris, fmt.Sprintf("https://a.kr/%d", i))
	}
	return uris
}

func TestSectorComesFromTheRedirectHost(t *testing.T) {
	for _, tc := range []struct {
		name   string
		client Client
		want   string // "" for a mistake, "-" for none and no mistake
	}{
		{"one host", Client{RedirectURIs: []string{"https://a.kr/1", "https://a.kr:8443/2"}}, "a.kr"},
		{"several hosts", Client{RedirectURIs: []string{"https://a.kr/1", "https://b.kr/2"}}, ""},
		{"a subdomain is another host", Client{RedirectURIs: []string{"https://a.kr/1", "https://www.a.kr/2"}}, ""},
		{"several hosts and a sector", Client{RedirectURIs: []string{"https://a.kr/1", "https://b.kr/2"}, Sector: "a.kr"}, "a.kr"},
		{"several hosts and public subjects", Client{RedirectURIs: []string{"https://a.kr/1", "https://b.kr/2"}, PublicSubject: true}, "-"},
		{"a sector of its own", Client{RedirectURIs: []string{"https://a.kr/1"}, Sector: "group.kr"}, "group.kr"},
		{"a sector that is a URL", Client{RedirectURIs: []string{"https://a.kr/1"}, Sector: "https://group.kr"}, ""},
		{"a sector with a capital", Client{RedirectURIs: []string{"https://a.kr/1"}, Sector: "Group.kr"}, ""},
		{"a sector that poses as an app", Client{RedirectURIs: []string{"https://a.kr/1"}, Sector: "client:app"}, ""},
		{"a site on loopback", Client{RedirectURIs: []string{"http://localhost:8081/cb"}}, "localhost"},
		{"a site on IPv6 loopback", Client{RedirectURIs: []string{"http://[::1]:8081/cb"}}, "::1"},
		{"an app on every loopback host", Client{Native: true, RedirectURIs: []string{"http://127.0.0.1/", "http://[::1]/", "http://localhost/"}}, "client:c"},
		{"an app by its scheme", Client{Native: true, RedirectURIs: []string{"com.example.app:/cb"}}, "client:c"},
		{"an app with a claimed host", Client{Native: true, RedirectURIs: []string{"http://127.0.0.1/", "https://app.a.kr/cb"}}, "app.a.kr"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.client.ID, tc.client.Public, tc.client.Name.EN = "c", true, "C"
			r, err := NewRegistry(tc.client)
			if tc.want == "" {
				if got := strings.Join(mistakes(err), ", "); got != "c sector" {
					t.Errorf("got %v, want one mistake in sector", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := r.Lookup("c"); got.Sector != strings.Trim(tc.want, "-") {
				t.Errorf("got sector %q, want %q", got.Sector, tc.want)
			}
		})
	}
}

func TestManyGoroutinesShareARegistry(t *testing.T) {
	r, err := NewRegistry(shop())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c, ok := r.Lookup("shop")
			if !ok || !c.AllowsRedirect(cb) || !c.CheckSecret("a secret") {
				t.Error("got refused, want the registered client")
			}
		})
	}
	wg.Wait()
}
