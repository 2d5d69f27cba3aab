package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckWarnsOfASiteAtWhichNobodyCanLogIn(t *testing.T) {
	dir := t.TempDir()
	if err := keysInit(filepath.Join(dir, "keys"), newLines()); err != nil {
		t.Fatal(err)
	}
	const asserted, pass = "{id: nara, kind: oidc, name: {ko: 나라, en: Nara}, issuer: 'https://nara.example.kr', client_id: us}",
		"{id: pass, base: 'https://pass.example.kr', issuer: 'https://pass.example.kr', client_id: us, secret_env: S, assurance: verified}"
	for name, tt := range map[string]struct {
		client, providers string
		warns             bool
	}{
		"verified people, and nobody verifies":          {"min_assurance: verified", asserted, true},
		"verified people, and somebody does":            {"min_assurance: verified", asserted + ", " + pass, false},
		"whoever verifies is not for it":                {"min_assurance: verified", asserted + ", " + strings.Replace(pass, "assurance", "clients: [other], assurance", 1), true},
		"whoever verifies is switched off":              {"min_assurance: verified", asserted + ", " + strings.Replace(pass, "assurance", "enabled: false, assurance", 1), true},
		"no push, and all there is reaches a phone":     {"push: none", pass, true},
		"no push, and another":                          {"push: none", pass + ", " + asserted, false},
		"verified people without push, one for neither": {"push: none, min_assurance: verified", pass + ", " + asserted, true},
		"anybody": {"push: allowed", asserted, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "sinho.yaml")
			text := "public_url: https://id.example.kr\nkeys_dir: ./keys\nclients:\n" +
				"  - {id: booking, name: {ko: 예약}, public: true, redirect_uris: ['https://booking.example.kr/cb'], " + tt.client + "}\n" +
				"  - {id: other, name: {ko: 다른}, public: true, redirect_uris: ['https://other.example.kr/cb']}\n" +
				"providers: [" + tt.providers + "]\n"
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out := newLines()
			if err := runCheck(path, func(string) (string, bool) { return "x", true }, out); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(out.String(), "warning: nobody can log in at booking"); got != tt.warns || strings.Contains(out.String(), "log in at other") {
				t.Errorf("got a warning: %v, want %v\n%s", got, tt.warns, out)
			}
		})
	}
}
