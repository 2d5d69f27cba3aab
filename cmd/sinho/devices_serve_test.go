package main

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sinho/citizen"
)

// heldText is a configuration whose booking holds people to one device, by one
// provider that carries their CI.
func (w *world) heldText(more string, changes ...string) string {
	return w.text(more, append([]string{
		"sector: booking\n", "sector: booking\n    min_assurance: verified\n    one_device: refuse\n",
		"name: {ko: 나라, en: Nara}}", "name: {ko: 나라, en: Nara}, assurance: verified, asserts_ci: true, ci_claim: ci}",
	}, changes...)...)
}

// comes logs a browser in at this node; at is where it ends up.
func (w *world) comes(b *citizen.Browser) (out citizen.Outcome, at string) {
	w.t.Helper()
	out = citizen.Login(w.t.Context(), b, citizen.Walk{Start: w.site.URL + "/", Continue: true, Choose: citizen.Named("oidc")})
	if out.Page != nil {
		at = out.Page.URL.Path
	}
	return out, at
}

// refused expects the page of another device, and reads the reference on it out.
func (w *world) refused(b *citizen.Browser) (reference string) {
	w.t.Helper()
	out, at := w.comes(b)
	if out.In || at != "/device" {
		w.t.Fatalf("got %s (%v) at %s, want the page of another device", out.Why, out.Err, at)
	}
	m := regexp.MustCompile(`<p class="ref">.*<code>([0-9A-Z]{4}-[0-9A-Z]{4})</code>`).FindSubmatch(out.Page.Body)
	if m == nil {
		w.t.Fatalf("no reference in\n%s", out.Page.Body)
	}
	return string(m[1])
}

// released goes through the console's two forms, as an operator does on the phone.
func (o *officer) released(heard, reason string) (body string) {
	o.t.Helper()
	found := o.post("/devices", "reference", heard)
	_, form, is := strings.Cut(found, `id="release"`)
	m := regexp.MustCompile(`name="reference" value="([^"]*)"`).FindStringSubmatch(form)
	if !is || m == nil || !strings.Contains(found, "Booking") {
		o.t.Fatalf("%q: got no form that releases at the site in\n%s", heard, found)
	}
	return o.post("/devices", "reference", m[1], "do", "release", "reason", reason)
}

// A person is in on one device and refused on another; an operator at another node
// releases them by the reference on that page, and the second gets in.
func TestAnOperatorReleasesADeviceOnEveryNode(t *testing.T) {
	address, _ := redis(t)
	a, b := operated(t, "redis://"+address), operated(t, "redis://"+address)
	b.shareKeys(a)
	// One broker behind one address: people come to the first node, the operator to
	// the other.
	b.public, b.sims, b.site, b.hash = a.public, a.sims, a.site, a.hash
	for _, w := range []*world{a, b} {
		more := w.consoleText(t, "jimin") + "redis: {password_file: redis.txt}\n"
		w.write(w.heldText(more, "./data/sinho.db", "redis://"+address))
	}
	a.serve()
	b.serve()
	desk := b.officer()
	old, fresh := a.citizen(), a.citizen()

	if out, at := a.comes(old); !out.In {
		t.Fatalf("the first device: got %s (%v) at %s, want it in", out.Why, out.Err, at)
	}
	reference := a.refused(fresh)
	if body := desk.get("/devices"); strings.Contains(body, `id="release"`) {
		t.Error("there is something to release before a reference is given")
	}
	if body := desk.post("/devices", "reference", "0000-0000", "do", "release", "reason", "분실"); !strings.Contains(body, "막힌 로그인이 없습니다") {
		t.Errorf("a reference of nobody: got\n%s", body)
	}
	if again := a.refused(fresh); again == reference {
		t.Errorf("got %s for another login, want another reference", again)
	}

	heard := strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(reference, "-", " "), "0", "o"))
	if body := desk.released(heard, "휴대전화를 잃어버림"); !strings.Contains(body, "풀었습니다") {
		t.Fatalf("release: got\n%s", body)
	}
	if out, at := a.comes(fresh); !out.In {
		t.Fatalf("the second device: got %s (%v) at %s, want it in", out.Why, out.Err, at)
	}
	page, err := old.Open(t.Context(), a.site.URL+"/login")
	if err != nil || page.URL.Path != "/device" {
		t.Errorf("the first device: got %v (%v), want it refused now", page, err)
	}
	if body := desk.post("/devices", "reference", reference); !strings.Contains(body, "막힌 로그인이 없습니다") {
		t.Errorf("the reference once more: got\n%s", body)
	}

	trail := a.officer().get("/audit") // at the other node
	for _, want := range []string{"기기 이용 풀기 요청", "기기 이용 풀림", reference, "“휴대전화를 잃어버림”", "jimin"} {
		if !strings.Contains(trail, want) {
			t.Errorf("the trail lacks %q", want)
		}
	}
	for _, person := range []string{"홍길동", "1990-05-12", "01000000000"} {
		if strings.Contains(trail, person) {
			t.Errorf("the trail has %q of the person", person)
		}
	}
}

// Nobody releases anything without signing in, on a node's console or where
// citizens are.
func TestAttackReleasingADeviceOfARealNodeWithoutSigningIn(t *testing.T) {
	w := operated(t, "")
	w.write(w.heldText(w.consoleText(t, "jimin")))
	w.serve()
	old, fresh := w.citizen(), w.citizen()
	if out, at := w.comes(old); !out.In {
		t.Fatalf("got %s (%v) at %s, want it in", out.Why, out.Err, at)
	}
	reference := w.refused(fresh)
	for _, base := range []string{"http://" + w.aside.Addr().String(), w.public} {
		resp, err := w.client.PostForm(base+"/devices", url.Values{"reference": {reference}, "do": {"release"}, "reason": {"x"}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	w.refused(fresh)
	if trail := w.officer().get("/audit"); strings.Contains(trail, "기기 이용") {
		t.Errorf("the trail has a release by nobody:\n%s", trail)
	}
	if body := w.officer().released(reference, "확인"); !strings.Contains(body, "풀었습니다") {
		t.Errorf("signed in: got\n%s", body)
	}
	if out, at := w.comes(fresh); !out.In {
		t.Errorf("got %s (%v) at %s, want it in", out.Why, out.Err, at)
	}
}
