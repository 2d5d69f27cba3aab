package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/config"
	"sinho/console"
	"sinho/signal"
	"sinho/signal/alert"
	"sinho/store/embedded"
)

const alertSecret = "a secret of thirty-two bytes ....."

// alert is an endpoint in the settings, with its secret in a file.
func (w *world) alert(url string) string {
	w.t.Helper()
	writeFile(w.t, filepath.Join(w.dir, "alert.secret"), "whsec_"+base64.StdEncoding.EncodeToString([]byte(alertSecret))+"\n")
	return "\nalerts: [{id: ops, url: \"" + url + "\", secret_file: alert.secret, language: en}]"
}

// alertHook takes what a node sends, and checks who has signed it.
func alertHook(t *testing.T) (address string, got <-chan map[string]any) {
	t.Helper()
	all := make(chan map[string]any, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(alertSecret))
		fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
		var doc map[string]any
		if err != nil || json.Unmarshal(body, &doc) != nil || r.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Errorf("got %s with %v (%v), want it signed", body, r.Header, err)
		}
		all <- doc
	}))
	t.Cleanup(server.Close)
	return server.URL + "/hook", all
}

// TestANodeTellsThatALightHasChanged: an alert that comes with new settings, a
// light that turns grey by maintenance, and one that is known again after it.
func TestANodeTellsThatALightHasChanged(t *testing.T) {
	w := newWorld(t, "http")
	address, told := alertHook(t)
	w.write(w.text(""))
	r := w.serve()
	with := func(changes ...string) string {
		return w.text("", append(changes, `metrics_listen: ""`, `metrics_listen: ""`+w.alert(address))...)
	}
	r.reload(with(), "alerts begin")
	r.reload(with("capacity: 1}", fmt.Sprintf("capacity: 1, maintenance: [{from: %s, to: %s, reason: {ko: 정기 점검, en: Naver is away}}]}", fromNow(-time.Hour), fromNow(2*time.Hour))), "configuration taken")
	for _, want := range []string{"✕ Naver: Smooth → Closed. Naver is away", "▲ Naver: Closed → Slow. "} {
		doc := <-told
		data, _ := doc["data"].(map[string]any)
		if text, _ := doc["text"].(string); !strings.HasPrefix(text, want) || doc["type"] != "lights.changed" || data["issuer"] != w.public {
			t.Errorf("got %v, want %q", doc, want)
		}
		r.reload(with(), "configuration taken")
	}
	r.log.waitFor(t, `"result":"told"`, 2)
	if n := r.log.count("127.0.0.1:" + strings.Split(address, ":")[2]); n > 0 {
		t.Errorf("the log has the address of the alert %d times; it may have a token in it", n)
	}
}

func TestOperatorsAreShownHowAlertsGo(t *testing.T) {
	st, err := embedded.Open(filepath.Join(t.TempDir(), "sinho.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	at := time.Now().Truncate(time.Second)
	a, err := newAlerting("https://login.example", func() signal.Board { return signal.Board{} }, st, st, nil, func() time.Time { return at }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	show := a.beside(func(context.Context) (console.Sites, error) { return console.Sites{Waiting: 3}, nil })
	if got, err := show(t.Context()); err != nil || got.Alerts != nil || got.Waiting != 3 {
		t.Errorf("without alerts: got %+v %v", got, err)
	}
	a.use(&config.Config{Alerts: []config.Alert{{ID: "ops"}, {ID: "night"}}})
	a.count("ops", alert.ResultTold)
	a.count("gone", alert.ResultTold)
	if err := st.Push(t.Context(), "alerts", "ops", nil, at); err != nil {
		t.Fatal(err)
	}
	got, err := show(t.Context())
	if err != nil || got.Alerts == nil || got.Alerts.Waiting != 1 || got.Alerts.Oldest.IsZero() {
		t.Fatalf("got %+v %v, want one that waits", got.Alerts, err)
	}
	want := []console.SiteTold{
		{ID: "ops", Results: []console.SiteResult{{Result: "told", Count: 1, Last: at}, {Result: "refused"}, {Result: "retry"}, {Result: "given_up"}}},
		{ID: "night", Results: []console.SiteResult{{Result: "told"}, {Result: "refused"}, {Result: "retry"}, {Result: "given_up"}}},
	}
	if diff := cmp.Diff(want, got.Alerts.Told); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}
