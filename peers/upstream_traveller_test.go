package peers

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sinho/citizen"
)

// traveller is somebody who logs in abroad.
type traveller struct {
	*visitor
	a     *abroad
	s     *station
	as    string // the registration that is chosen
	asked int    // passwords typed
}

func (a *abroad) traveller(t *testing.T, s *station, as string) *traveller {
	t.Helper()
	return &traveller{visitor: a.visitor(t, a.site), a: a, s: s, as: as}
}

func (v *traveller) provider() string { return v.s.name + v.as }

// leave goes from the site's link to the first page that is not the chooser.
func (v *traveller) leave(link string) *citizen.Page {
	v.t.Helper()
	return v.choose(v.open(v.p.site() + link))
}

// choose takes the provider on the chooser.
func (v *traveller) choose(page *citizen.Page) *citizen.Page {
	v.t.Helper()
	page, err := v.Click(v.t.Context(), page, "#login-"+v.provider())
	if err != nil {
		v.t.Fatalf("%v; the page is %s: %s", err, where(page), says(page))
	}
	return page
}

// sign does what the upstream's pages ask until they lead elsewhere.
func (v *traveller) sign(page *citizen.Page) *citizen.Page {
	v.t.Helper()
	for range 10 {
		if "http://"+page.URL.Host != v.s.origin() {
			return page
		}
		form, button := v.answer(page)
		if form == nil {
			v.t.Fatalf("%s shows no form at %s: %s", v.s.name, where(page), says(page))
		}
		page = v.submit(form, button)
	}
	v.t.Fatalf("%s asks and asks: %s", v.s.name, says(page))
	return nil
}

func (v *traveller) submit(form *citizen.Form, button string) *citizen.Page {
	v.t.Helper()
	page, err := v.Submit(v.t.Context(), form, button)
	if err != nil {
		v.t.Fatal(err)
	}
	return page
}

// answer fills in the form of an upstream's page and says which button to press.
func (v *traveller) answer(page *citizen.Page) (*citizen.Form, string) {
	for _, form := range page.Forms() {
		if form.Method != "POST" && form.Method != "post" {
			continue
		}
		for name, value := range v.s.types {
			if _, ok := form.Field(name); !ok {
				continue
			}
			if err := form.Set(name, value); err != nil {
				v.t.Fatal(err)
			}
			if name == "password" {
				v.asked++
			}
		}
		if _, err := form.Button("allow"); err == nil {
			return form, "allow"
		}
		return form, ""
	}
	return nil, ""
}

// codeInHand goes so far that the upstream has given the code, and is the
// address at which the browser would bring it back.
func (v *traveller) codeInHand() string {
	v.t.Helper()
	back := ""
	v.window.hold = func(u *url.URL) bool {
		if v.isReturn(u) {
			back = u.String()
		}
		return back != ""
	}
	defer func() { v.window.hold = nil }()
	page := v.leave("/login")
	for range 10 {
		form, button := v.answer(page)
		if form == nil {
			v.t.Fatalf("%s shows no form at %s: %s", v.s.name, where(page), says(page))
		}
		next, err := v.Submit(v.t.Context(), form, button)
		switch {
		case errors.Is(err, errHeld):
			return back
		case err != nil:
			v.t.Fatal(err)
		}
		page = next
	}
	v.t.Fatalf("%s asks and asks: %s", v.s.name, says(page))
	return ""
}

// isReturn says that the browser is coming back from the upstream.
func (v *traveller) isReturn(u *url.URL) bool {
	return "http://"+u.Host == v.a.issuer && u.Path == "/callback/"+v.provider()
}

// travel is a whole login by the upstream from a link of the site.
func (v *traveller) travel(link string) *citizen.Page {
	v.t.Helper()
	v.window.seen = nil
	return v.sign(v.leave(link))
}

// arrived demands that the site knows who it is.
func (v *traveller) arrived(page *citizen.Page) person {
	v.t.Helper()
	if "http://"+page.URL.Host != v.p.site() || page.Status != 200 {
		v.t.Fatalf("the login by %s ended at %s, want the site's page; it says: %s", v.provider(), where(page), gist(page))
	}
	who := v.person(page)
	if sub := who.Claims["sub"]; sub == nil || sub == "" || sub != who.Userinfo["sub"] {
		v.t.Errorf("sub: ID token %v, userinfo %v; want the same", sub, who.Userinfo["sub"])
	}
	for claim, want := range v.s.claims {
		if got := who.Userinfo[claim]; got != want {
			v.t.Errorf("userinfo: %s: got %v, want %v", claim, got, want)
		}
	}
	return who
}

// refusal is how a login ends that nobody may believe.
type refusal struct {
	class, code string // as the log has it
	notice      string // on the chooser
}

// turnedBack demands that the person is at the chooser, is told so kindly, and
// that the site has been given nothing.
func (v *traveller) turnedBack(page *citizen.Page, mark int, want refusal) {
	v.t.Helper()
	if "http://"+page.URL.Host != v.a.issuer || page.URL.Path != "/login" || page.Status != 200 {
		v.t.Fatalf("the person is at %s, want the chooser; it says: %s", where(page), says(page))
	}
	if got := page.URL.Query().Get("notice"); got != want.notice {
		v.t.Errorf("notice: got %q, want %q", got, want.notice)
	}
	said, ok := page.TextOf("notice")
	if !ok || !strings.ContainsFunc(said, func(r rune) bool { return r >= '가' && r <= '힣' }) {
		v.t.Errorf("the chooser says %q, want a sentence in Korean", said)
	}
	offered := slices.ContainsFunc(page.Choices(), func(c citizen.Choice) bool { return c.Provider == v.provider() })
	if !offered {
		v.t.Error("the same way is not offered again")
	}
	if slices.ContainsFunc(v.window.seen, func(u *url.URL) bool { return "http://"+u.Host+u.Path == v.p.callback() }) {
		v.t.Error("the browser was sent on to the site")
	}
	v.a.broker.says(v.t, mark, `"provider failed"`, `"provider":"`+v.provider()+`"`,
		`"code":"`+want.class+`"`, `"vendor_code":"`+want.code+`"`)
}

// again takes the same way once more, which must succeed with the same request.
func (v *traveller) again(page *citizen.Page) {
	v.t.Helper()
	v.arrived(v.sign(v.choose(page)))
}

// gist is why the chooser is there again, or all that another page says.
func gist(page *citizen.Page) string {
	if notice, ok := page.TextOf("notice"); ok {
		return notice
	}
	return says(page)
}
