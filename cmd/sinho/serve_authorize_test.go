package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sinho/citizen"
)

// What discovery names is served by the broker, not by a page that says there is
// no such thing; and an answer by form goes the whole way, by a pushed request.
func TestAPushedRequestIsAnsweredByFormThroughServe(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	defer w.serve().end()
	_, doc := w.getJSON("/.well-known/openid-configuration")
	for name, value := range doc {
		at, _ := value.(string)
		if !strings.HasSuffix(name, "_endpoint") || !strings.HasPrefix(at, w.public) {
			continue
		}
		resp, err := w.client.PostForm(at, url.Values{"client_id": {"nobody"}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed {
			t.Errorf("%s: POST %s: got %d, want it served", name, at, resp.StatusCode)
		}
	}

	b := citizen.New(citizen.Config{})
	if out := citizen.Login(t.Context(), b, citizen.Walk{Start: w.site.URL + "/", Choose: citizen.Named("naver")}); !out.In {
		t.Fatalf("got %s (%v), want a login", out.Why, out.Err)
	}
	callback := w.site.URL + "/callback"
	pushed := url.Values{
		"response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {callback}, "state": {"s t"}, "response_mode": {"form_post"},
		"client_id": {"booking"}, "client_secret": {w.secret},
	}
	resp, err := w.client.PostForm(doc["pushed_authorization_request_endpoint"].(string), pushed)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		RequestURI string `json:"request_uri"`
	}
	if err := json.Unmarshal(body, &got); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST /par: got %d %s %v, want 201", resp.StatusCode, body, err)
	}
	page, err := b.Open(t.Context(), w.public+"/authorize?"+url.Values{"client_id": {"booking"}, "request_uri": {got.RequestURI}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	form, err := page.Form("#answer")
	if err != nil {
		t.Fatal(err)
	}
	code, _ := form.Field("code")
	state, _ := form.Field("state")
	if form.Action.String() != callback || code == nil || code.Value == "" || state == nil || state.Value != "s t" {
		t.Errorf("got %s %+v %+v, want a code and the state for %s", form.Action, code, state, callback)
	}
}
