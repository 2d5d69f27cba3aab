package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
