package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sinho/citizen"
	"sinho/signal"
)

// fromNow is a time as sinho.yaml has it, so long from now in Seoul.
func fromNow(d time.Duration) string {
	return time.Now().Add(d).In(time.FixedZone("KST", 9*60*60)).Format("2006-01-02 15:04")
}

func (w *world) light(id string) signal.Status {
	w.t.Helper()
	_, body := w.get("/signal")
	var b signal.Board
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range b.Providers {
		if s.ID == id {
			return s
		}
	}
	w.t.Fatalf("no %s in %s", id, body)
	return signal.Status{}
}

// TestMaintenanceIsTakenWhileRunning: it begins and ends with the settings, no
// light begins anew for it, and people are led around it.
func TestMaintenanceIsTakenWhileRunning(t *testing.T) {
	w := newWorld(t, "http")
	with := func(from, to time.Duration) string {
		return w.text("", "capacity: 1}", fmt.Sprintf("capacity: 1, maintenance: [{from: %s, to: %s, reason: {ko: 네이버 정기 점검, en: Naver is away}}]}", fromNow(from), fromNow(to)))
	}
	w.write(with(30*time.Minute, 2*time.Hour))
	r := w.serve()
	if s := w.light("naver"); s.Planned == nil || s.Light == signal.Grey || s.Planned.KO != "네이버 정기 점검" {
		t.Errorf("before: got %+v, want it planned and open", s)
	}
	// It begins while somebody is at Naver's page: they finish.
	b := citizen.New(citizen.Config{Transport: w.client.Transport})
	out := citizen.Login(t.Context(), b, citizen.Walk{Start: w.site.URL + "/", Choose: citizen.Named("naver"), Think: func() time.Duration {
		r.reload(with(-30*time.Minute, 2*time.Hour), `"lights_began_anew":false`)
		return 0
	}})
	if !out.In {
		t.Errorf("on the way as it begins: got %s (%v), want it in", out.Why, out.Err)
	}
	s := w.light("naver")
	if s.Light != signal.Grey || s.Reason.Code != signal.CodeMaintenance || s.Reason.EN != "Naver is away" || s.Until == nil {
		t.Errorf("during: got %+v, want grey with reason and end", s)
	}
	if out := w.login(t.Context(), citizen.Named("naver")); out.In {
		t.Errorf("during: got a login by naver, want none")
	}
	if out := w.login(t.Context(), citizen.Named("oidc")); !out.In {
		t.Errorf("by oidc: got %s (%v), want it in", out.Why, out.Err)
	}
	r.reload(w.text(""), `"lights_began_anew":false`)
	if out := w.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Errorf("after: got %s (%v), want it in", out.Why, out.Err)
	}
}

// TestTermsAreTakenWhileRunning: clients and notice, with the same adapters.
func TestTermsAreTakenWhileRunning(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	r := w.serve()
	adapter := func(text string) string {
		return w.text(text, "capacity: 1}", "capacity: 1, clients: [other], notice: {ko: 점검 뒤에는 느릴 수 있습니다}}")
	}
	other := fmt.Sprintf("  - {id: other, name: {ko: 다른 곳}, secret_sha256: \"%s\", redirect_uris: [\"http://127.0.0.1:1/cb\"]}\nproviders:\n", w.hash)
	r.reload(strings.Replace(adapter(""), "providers:\n", other, 1), `"lights_began_anew":false`)
	if out := w.login(t.Context(), citizen.Named("naver")); out.In {
		t.Error("got a login by naver, which is not for booking")
	}
	r.reload(strings.Replace(strings.Replace(adapter(""), "providers:\n", other, 1), "[other]", "[booking]", 1), `"lights_began_anew":false`)
	if out := w.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Errorf("got %s (%v), want it in", out.Why, out.Err)
	}
}
