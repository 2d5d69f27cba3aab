package peers

import (
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"
)

// TestUpstreams is every provider that nobody here wrote: logins, keys that
// rotate, and everything that a bad one could send.
func TestUpstreams(t *testing.T) {
	a := newAbroad(t, upstreams()...)
	for _, one := range upstreams() {
		s := a.at[one.name]
		t.Run(one.name, func(t *testing.T) {
			t.Run("logs in", func(t *testing.T) { testTravel(t, a, s) })
			t.Run("knows us without a secret", func(t *testing.T) {
				v := a.traveller(t, s, asPublic)
				v.arrived(v.travel("/login"))
			})
			if s.keyed {
				t.Run("knows us by a key", func(t *testing.T) { testKeyed(t, a, s) })
			}
			t.Run("is asked beforehand", func(t *testing.T) { testPushed(t, a, s) })
			t.Run("answers by form_post", func(t *testing.T) { testFormPost(t, a, s) })
			t.Run("is asked for a fresh login", func(t *testing.T) { testFreshLogin(t, a, s) })
			t.Run("is left by cancelling", func(t *testing.T) { testCancel(t, a, s) })
			t.Run("changes its keys", func(t *testing.T) { testRotation(t, a, s) })
			t.Run("misbehaves", func(t *testing.T) { testMisbehaviour(t, a, s) })
			t.Run("is set up wrongly", func(t *testing.T) { testWrongSettings(t, a, s) })
			if s.alters {
				t.Run("changes its algorithm", func(t *testing.T) { testAlgorithm(t, a, s) })
			}
		})
	}
	t.Run("mixed up", func(t *testing.T) { testMixUp(t, a) })
	for _, one := range upstreams() {
		t.Run(one.name+" and its light", func(t *testing.T) { testLight(t, a, a.at[one.name]) })
	}
}

// testTravel is one login in a new browser, and one of the same person in
// another.
func testTravel(t *testing.T, a *abroad, s *station) {
	v := a.traveller(t, s, "")
	first := v.arrived(v.travel("/login"))
	if v.asked != 1 {
		t.Errorf("%s asked for %d passwords, want 1", s.name, v.asked)
	}
	other := a.traveller(t, s, "")
	second := other.arrived(other.travel("/login"))
	if first.Claims["sub"] != second.Claims["sub"] {
		t.Errorf("sub: got %v and %v, want the same person's", first.Claims["sub"], second.Claims["sub"])
	}
	if acr := first.Claims["acr"]; acr != "urn:sinho:acr:asserted" {
		t.Errorf("acr: got %v, want asserted: nobody has said more of it", acr)
	}
}

func testKeyed(t *testing.T, a *abroad, s *station) {
	v := a.traveller(t, s, asKeyed)
	v.arrived(v.travel("/login"))
	used := s.lastRequest()
	if used.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || used.Has("client_secret") {
		t.Errorf("the code was redeemed with %q, want an assertion and no secret", slices.Sorted(maps.Keys(used)))
	}
}

// testPushed: what is asked never stands in an address where the upstream takes
// it beforehand (RFC 9126).
func testPushed(t *testing.T, a *abroad, s *station) {
	v := a.traveller(t, s, "")
	v.arrived(v.travel("/login"))
	i := slices.IndexFunc(v.window.seen, func(u *url.URL) bool { return "http://"+u.Host == s.origin() && u.Path == s.paths.authorize })
	if i < 0 {
		t.Fatal("the person was never sent to the upstream")
	}
	asked := v.window.seen[i].Query()
	if asked.Has("request_uri") != s.pushes || asked.Has("nonce") == s.pushes {
		t.Errorf("the address has %v, want a request_uri alone: %v", slices.Sorted(maps.Keys(asked)), s.pushes)
	}
}

// testFormPost asks for a form; a provider that knows none answers by the query,
// and the login succeeds all the same.
func testFormPost(t *testing.T, a *abroad, s *station) {
	v := a.traveller(t, s, asPost)
	v.arrived(v.travel("/login"))
	inAddress := slices.ContainsFunc(v.window.seen, func(u *url.URL) bool { return v.isReturn(u) && u.Query().Has("code") })
	if inAddress == s.post {
		t.Errorf("the code came in an address: %v, want %v", inAddress, !s.post)
	}
}

// testFreshLogin asks for a new login where the upstream still knows the person,
// who has to prove it again, at a time the broker tells.
func testFreshLogin(t *testing.T, a *abroad, s *station) {
	for _, as := range []string{"", asFresh} {
		v := a.traveller(t, s, as)
		v.arrived(v.travel("/login"))
		v.asked = 0
		before := time.Now().Unix()
		who := v.arrived(v.travel("/login?prompt=login"))
		if v.asked != 1 {
			t.Errorf("%s asked for %d passwords, want 1", v.provider(), v.asked)
		}
		if at, _ := who.Claims["auth_time"].(float64); int64(at) < before-1 {
			t.Errorf("auth_time %v is before the login at %d", who.Claims["auth_time"], before)
		}
	}
}

func testCancel(t *testing.T, a *abroad, s *station) {
	if s.leaves == nil {
		s.denies(t, a)
		return
	}
	v := a.traveller(t, s, "")
	mark := a.broker.out.mark()
	page := v.leave("/login")
	for range 10 {
		next, ok := s.leaves(v, page)
		if ok {
			page = next
			break
		}
		form, button := v.answer(page)
		page = v.submit(form, button)
	}
	v.turnedBack(page, mark, refusal{"cancelled", "access_denied", "cancelled"})
	v.again(page)
}

// denies: no page of the upstream has a way out, so its refusal is made of its
// answer.
func (s *station) denies(t *testing.T, a *abroad) {
	t.Helper()
	v := a.traveller(t, s, "")
	mark := a.broker.out.mark()
	v.onReturn(func(q url.Values) {
		q.Del("code")
		q.Set("error", "access_denied")
	})
	page := v.travel("/login")
	v.turnedBack(page, mark, refusal{"cancelled", "access_denied", "cancelled"})
	v.onReturn(nil)
	v.again(page)
}

// onReturn changes what the browser brings back from the upstream.
func (v *traveller) onReturn(change func(url.Values)) {
	v.window.change = func(u *url.URL) {
		if change == nil || !v.isReturn(u) {
			return
		}
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
	}
}
