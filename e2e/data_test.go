package e2e

import (
	"net/http"
	"testing"

	"sinho/citizen"
)

// TestDataFolderKeepsKeysAndSessions runs the demo twice over one folder: the
// second one signs with the same keys and still knows a person who logged in
// during the first.
func TestDataFolderKeepsKeysAndSessions(t *testing.T) {
	dir := t.TempDir()
	var base int
	var kid any
	b := citizen.New(citizen.Config{})
	t.Run("first run", func(t *testing.T) {
		d := startDemo(t, "--rate", "0", "--data", dir)
		base = d.base
		kid = d.getJSON(atBroker, "/jwks")["keys"].([]any)[0].(map[string]any)["kid"]
		out := citizen.Login(t.Context(), b, citizen.Walk{Start: d.url(atBooking, "/"), Choose: citizen.Named("kakao")})
		if !out.In {
			t.Fatalf("no login: %+v", out)
		}
	})
	t.Run("second run", func(t *testing.T) {
		d := startDemoAt(t, base, "--rate", "0", "--data", dir)
		if got := d.getJSON(atBroker, "/jwks")["keys"].([]any)[0].(map[string]any)["kid"]; got != kid {
			t.Errorf("kid %v, want %v of the first run", got, kid)
		}
		page, err := b.Open(t.Context(), d.url(atSchool, "/login"))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := page.Continue(); !ok || page.Status != http.StatusOK {
			t.Errorf("the chooser does not offer to continue after a restart: status %d\n%.800s", page.Status, page.Text())
		}
	})
}
