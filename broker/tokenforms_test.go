package broker

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sampleAccess() access {
	return access{
		Shard: "shard", Name: []byte("0123456789abcdef"), Claims: []byte("sealed"), Client: "booking", Scope: scopeOpenID | scopeIdentity,
		Issued: time.Unix(1_800_000_000, 0), Expires: time.Unix(1_800_000_600, 0), Family: true,
		Resources: []string{"https://api.example/a", "https://api.example/b"},
	}
}

func sampleRefresh() refresh {
	return refresh{
		Shard: "shard", Name: []byte("0123456789abcdef"), Generation: 7, Scope: scopeOpenID | scopeOffline,
		Resources: []string{"https://api.example/a", "https://api.example/b"}, Issued: time.Unix(1_800_000_000, 0),
		Expires: time.Unix(1_802_592_000, 0), Snapshot: []byte("sealed"),
	}
}

// Nodes of two versions read each other's tokens, and refresh tokens of a year
// ago: a golden file may only be rewritten when the format byte changes with it.
func TestSealedTokensAreStable(t *testing.T) {
	a, r := sampleAccess(), sampleRefresh()
	var out strings.Builder
	for _, f := range []struct {
		name  string
		bytes []byte
	}{{"access", a.marshal()}, {"refresh", r.marshal()}, {"family", newFamily([]byte("share"))}} {
		out.WriteString(f.name + " " + hex.EncodeToString(f.bytes) + "\n")
	}
	file := filepath.Join("testdata", "tokens.golden")
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("forms changed (-want +got):\n%s", diff)
	}
}

func TestSealedTokensComeBackWhole(t *testing.T) {
	var a access
	wantA := sampleAccess()
	if err := a.unmarshal(append(wantA.marshal(), 200, 1, 'x')); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantA, a); diff != "" {
		t.Errorf("access (-want +got):\n%s", diff)
	}
	var r refresh
	wantR := sampleRefresh()
	if err := r.unmarshal(append(wantR.marshal(), 200, 1, 'x')); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantR, r); diff != "" {
		t.Errorf("refresh (-want +got):\n%s", diff)
	}
	for name, change := range map[string]func(*refresh){
		"no shard": func(r *refresh) { r.Shard = "" }, "a short name": func(r *refresh) { r.Name = r.Name[:8] },
		"no generation": func(r *refresh) { r.Generation = 0 }, "a generation past the last": func(r *refresh) { r.Generation = 1<<53 - 1 },
		"one below zero": func(r *refresh) { r.Generation = ^uint64(0) },
	} {
		bad := sampleRefresh()
		change(&bad)
		if err := r.unmarshal(bad.marshal()); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

// The longest of everything still fits what clients send and the store keeps.
func TestTheLargestRefreshTokenFitsAForm(t *testing.T) {
	w := tokenWorld(t)
	long := func(n int) string { return strings.Repeat("가", n/3) }
	who := &w.naver.who
	who.Name, who.Nickname, who.GivenName, who.FamilyName, who.MiddleName, who.Username = long(200), long(100), long(100), long(100), long(100), long(100)
	who.Profile, who.Website, who.Picture = long(200), long(200), long(400)
	tok := w.spend("rotating", w.browser().asking("naver", func(q *request) {
		q.Resources = []string{apiResource, otherResource, issuer}
	}, at("rotating", "scope", strings.Join(everyScope, " "), "prompt", "consent", "nonce", strings.Repeat("n", 700))...))
	if n := len(tok.Refresh); n > 8<<10 {
		t.Errorf("got a refresh token of %d bytes, want 8 KiB at most", n)
	}
	if got := w.wantInfo(w.refreshed("rotating", tok.Refresh).Access, 200); got["name"] != long(200) {
		t.Errorf("got %v", got)
	}
}
