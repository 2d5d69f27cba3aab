package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"sinho/citizen"
)

// rotaText is a configuration whose booking goes by a rota that opens now to people
// born in some years.
func (w *world) rotaText(from, to time.Duration, born string) string {
	rules := fmt.Sprintf("rotas:\n  - {id: vaccine, grace: 0s, rules: [{from: %s, to: %s%s}]}\n", fromNow(from), fromNow(to), born)
	return rules + w.text("", "sector: booking\n", "sector: booking\n    min_assurance: verified\n    rota: vaccine\n",
		"name: {ko: 나라, en: Nara}}", "name: {ko: 나라, en: Nara}, assurance: verified}")
}

// TestANodeGoesByTheRotaOfItsSettings: over HTTP, from the site to the site, with a
// reload between.
func TestANodeGoesByTheRotaOfItsSettings(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.rotaText(-time.Hour, time.Hour, ""))
	r := w.serve()
	if out := w.login(t.Context(), citizen.Named("oidc")); !out.In {
		t.Fatalf("everybody's turn: got %s (%v), want it in", out.Why, out.Err)
	}
	if out := w.login(t.Context(), citizen.Named("naver")); out.In {
		t.Error("got a login by naver, which vouches for no birthdate")
	}
	const reloaded = `"lights_began_anew":false`
	r.reload(w.rotaText(time.Hour, 2*time.Hour, ""), reloaded)
	at, err := time.Parse("2006-01-02 15:04", fromNow(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	refused := w.turnedAway(at.Format("15:04"))
	if refused.Query().Get("error") != "access_denied" || refused.Query().Get("state") == "" || refused.Query().Get("iss") != w.public {
		t.Errorf("the site gets %v, want access_denied with state and iss", refused.Query())
	}
	r.reload(w.rotaText(-time.Hour, time.Hour, ", born_from: 2200"), reloaded)
	w.turnedAway("남은 차례가 없습니다")
	r.reload(w.rotaText(-time.Hour, time.Hour, ""), reloaded)
	if out := w.login(t.Context(), citizen.Named("oidc")); !out.In {
		t.Errorf("again everybody's turn: got %s (%v), want it in", out.Why, out.Err)
	}
}

// Refusals are counted where they were decided, by what the metrics may say.
func TestRefusalsByARotaAreCounted(t *testing.T) {
	w := newWorld(t, "http")
	r, scrape := w.watched()
	listens := "metrics_listen: " + w.aside.Addr().String()
	with := func(from, to time.Duration) string {
		return strings.Replace(w.rotaText(from, to, ""), `metrics_listen: ""`, listens, 1)
	}
	const taken = "configuration taken"
	r.reload(with(-time.Hour, time.Hour), taken)
	series := func(when, reason string) string {
		return `sinho_rota_refused_total{reason="` + reason + `",rota="vaccine",when="` + when + `_provider"}`
	}
	want := func(before, after float64) {
		t.Helper()
		got := parseScrape(t, scrape())
		got.want(t, series("before", "turn"), before, before)
		got.want(t, series("after", "turn"), after, after)
		got.want(t, series("before", "birthdate"), 0, 0)
		got.want(t, series("after", "birthdate"), 0, 0)
	}
	want(0, 0)
	b := w.citizen()
	enter := func(start string) citizen.Outcome {
		return citizen.Login(t.Context(), b, citizen.Walk{Start: w.site.URL + start, Choose: citizen.Named("oidc")})
	}
	if out := enter("/"); !out.In {
		t.Fatalf("everybody's turn: got %s (%v), want it in", out.Why, out.Err)
	}
	want(0, 0)
	r.reload(with(time.Hour, 2*time.Hour), taken)
	w.turnedAway("")
	want(0, 1)
	if out := enter("/login"); out.In || len(out.Tries) != 0 || out.Page.URL.Query().Get("error") != "access_denied" {
		t.Errorf("by the session: got to %v after %d providers, want it refused before any", out.Page.URL, len(out.Tries))
	}
	want(1, 1)
}

// turnedAway walks a login up to the page of whose turn it is not, demands words on
// it, and goes back to the site, whose address with the answer it gives.
func (w *world) turnedAway(words string) *url.URL {
	w.t.Helper()
	b := citizen.New(citizen.Config{Transport: w.client.Transport})
	out := citizen.Login(w.t.Context(), b, citizen.Walk{Start: w.site.URL + "/", Choose: citizen.Named("oidc")})
	if out.In || out.Page == nil || out.Page.URL.Path != "/turn" {
		w.t.Fatalf("got %+v (%v), want the page of whose turn it is not", out, out.Err)
	}
	if !strings.Contains(out.Page.Text(), words) {
		w.t.Errorf("the page lacks %q:\n%s", words, out.Page.Text())
	}
	form, err := out.Page.Form("")
	if err != nil {
		w.t.Fatal(err)
	}
	back, err := b.Submit(w.t.Context(), form, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return back.URL
}
