package console

import (
	"net/http"
	"strings"
	"testing"
)

// Attack: clickjacking of operator pages. Nobody may put one into a frame, signed
// in or not, and no script of others runs in it.
func TestAttackClickjackingOfTheConsole(t *testing.T) {
	r := newRoom(t, jimin())
	in, out := r.browser().enter(), r.browser()
	for _, path := range []string{"/", "/providers/kakao", "/sites", "/devices", "/audit", "/audit?of=sign-ins", "/nowhere", "/static/console.css"} {
		for who, b := range map[string]*operatorBrowser{"signed in": in, "not signed in": out} {
			p := b.get(path).header.Get("Content-Security-Policy")
			if !strings.Contains(p, "frame-ancestors 'none'") || !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "unsafe") {
				t.Errorf("%s, %s: got policy %q", path, who, p)
			}
		}
	}
	if p := out.post("/sign-in", "name", "jimin", "password", "wrong").header.Get("Content-Security-Policy"); !strings.Contains(p, "frame-ancestors 'none'") {
		t.Errorf("a refused sign-in: got policy %q", p)
	}
}

// Attack: a default password. There is none: a console without anybody who may
// sign in is not made, and one with somebody takes nothing that is often tried.
func TestAttackDefaultPasswordOfTheConsole(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser()
	for _, name := range []string{"admin", "root", "jimin", ""} {
		for _, password := range []string{"", "admin", "password", "jimin", "sinho"} {
			got := b.post("/sign-in", "name", name, "password", password)
			if got.status != http.StatusUnauthorized && got.status != http.StatusTooManyRequests || strings.Contains(got.body, "카카오") {
				t.Fatalf("%q with %q: got %d", name, password, got.status)
			}
			r.now.Add(int64(ownEvery)) // each is judged, not only the first few
		}
	}
	if got := b.get("/"); strings.Contains(got.body, "카카오") {
		t.Error("somebody is in")
	}
	cfg := r.cfg
	cfg.Ways = Ways{}
	if _, err := New(cfg); err == nil {
		t.Error("got a console without anybody who may sign in")
	}
	one, two := NewOnce("demo"), NewOnce("demo")
	if one.Password() == two.Password() || len(one.Password()) < 16 {
		t.Errorf("got one-time passwords %q and %q, want long ones that are never the same", one.Password(), two.Password())
	}
}
