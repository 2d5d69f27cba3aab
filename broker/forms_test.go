package broker

import (
	"context"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sinho/providers"
	"sinho/store"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func sampleRequest() request {
	return request{
		ID: id{1, 2, 3}, Ref: "7K3M-9QPX", Browser: id{4, 5}, Began: time.Unix(1_800_000_000, 0), Expires: time.Unix(1_800_001_800, 0),
		Client: "booking", RedirectURI: callback, State: "s\xff\x00\"", Nonce: "n", Challenge: pkce, Scope: scopeOpenID | scopeEmail,
		Prompt: promptLogin, MaxAge: 0, Need: providers.Verified, Locale: "ko", Hint: "kakao", LoginHint: "me", HintSub: "sub",
	}
}

// wideRequest has every field a site can fill beside those of sampleRequest.
func wideRequest() request {
	q := sampleRequest()
	q.FormPost, q.NeedOnly, q.Pushed, q.Proved = true, true, id{7, 7}, id{8, 8}
	q.Scope |= scopeIdentity
	q.Resources = []string{"https://api.example/a", "https://api.example/b"}
	q.Wants = wants{
		IDToken: claimNamed("name") | claimNamed("auth_time"), Userinfo: claimNamed("provider"),
		Must: []demand{{Claim: "birthdate", Values: []string{"1990-05-12", "1990-05-13"}, Essential: true, Userinfo: true}, {Claim: "sub", Values: []string{"x"}}},
	}
	return q
}

func wideGrant() grant {
	g := sampleGrant()
	g.Wants, g.Resources, g.Session = wideRequest().Wants, wideRequest().Resources, id{3}
	return g
}

func sampleJourney() journey {
	return journey{
		ID: id{9}, Request: sampleRequest(), Provider: "pass", Phase: phasePushed, Began: time.UnixMilli(1_800_000_000_123),
		Expires: time.Unix(1_800_001_800, 0), Nonce: "n2", Verifier: verifier, Light: "yellow",
		Pending: providers.Pending{Ref: "r", Opaque: "o", Expires: time.Unix(1_800_000_300, 0)},
		Code:    "c", Until: time.Unix(1_800_000_060, 0), Notice: NoticeAgain,
	}
}

func sampleSession() session {
	return session{
		ID: id{7}, Shard: store.Shard("shard"), Provider: "naver", Assurance: providers.Asserted, At: time.Unix(1_800_000_000, 0),
		Expires: time.Unix(1_800_043_200, 0), Continued: []byte("12345678"), Person: []byte("sealed"),
	}
}

func sampleGrant() grant {
	return grant{
		Person: []byte("person"), Who: providers.Identity{Provider: "naver", Issuer: "i", Subject: "s", Name: "홍길동", Assurance: providers.Asserted},
		Nonce: "n", At: time.Unix(1_800_000_000, 0), Scope: scopeOpenID | scopePhone, SID: "sid", Txn: "7K3M-9QPX.x",
	}
}

// Nodes of two versions read each other's forms: a golden file may only be
// rewritten when the format byte changes with it.
func TestSealedFormsAreStable(t *testing.T) {
	q, j, s, g := sampleRequest(), sampleJourney(), sampleSession(), sampleGrant()
	grantBytes, err := g.marshal()
	if err != nil {
		t.Fatal(err)
	}
	wideQ, wideG := wideRequest(), wideGrant()
	wideBytes, err := wideG.marshal()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range []struct {
		name  string
		bytes []byte
	}{{"request", q.marshal()}, {"journey", j.marshal()}, {"session", s.marshal()}, {"grant", grantBytes}, {"wide request", wideQ.marshal()}, {"wide grant", wideBytes}} {
		out.WriteString(f.name + " " + hex.EncodeToString(f.bytes) + "\n")
	}
	file := filepath.Join("testdata", "forms.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
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

func TestSealedFormsComeBackWhole(t *testing.T) {
	var q request
	if err := q.unmarshal(func() []byte { q := sampleRequest(); return q.marshal() }()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleRequest(), q); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if err := q.unmarshal(func() []byte { q := wideRequest(); return q.marshal() }()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wideRequest(), q); diff != "" {
		t.Errorf("wide request (-want +got):\n%s", diff)
	}
	told := sampleRequest()
	told.Term = rotaTerm{Told: true, Next: time.Unix(1_800_086_400, 0), Until: time.Unix(1_800_165_600, 0)}
	if err := q.unmarshal(told.marshal()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(told, q); diff != "" {
		t.Errorf("told request (-want +got):\n%s", diff)
	}
	none := sampleRequest()
	none.MaxAge = -1
	if err := q.unmarshal(none.marshal()); err != nil || q.MaxAge != -1 {
		t.Errorf("got max_age %d %v, want -1", q.MaxAge, err)
	}
	var j journey
	wantJ := sampleJourney()
	if err := j.unmarshal(wantJ.marshal()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantJ, j); diff != "" {
		t.Errorf("journey (-want +got):\n%s", diff)
	}
	var s session
	wantS := sampleSession()
	if err := s.unmarshal(wantS.marshal()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantS, s, cmpopts.IgnoreUnexported(session{})); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	var g grant
	wantG := sampleGrant()
	raw, err := wantG.marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantG, g); diff != "" {
		t.Errorf("grant (-want +got):\n%s", diff)
	}
	wideG := wideGrant()
	if raw, err = wideG.marshal(); err != nil {
		t.Fatal(err)
	}
	if err := g.unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wideGrant(), g); diff != "" {
		t.Errorf("wide grant (-want +got):\n%s", diff)
	}
	later := append(q.marshal(), 200, 3, 'n', 'e', 'w')
	if err := q.unmarshal(later); err != nil {
		t.Errorf("a field of a later version: %v", err)
	}
	if err := q.unmarshal(append([]byte{format + 1}, later[1:]...)); err == nil {
		t.Error("another format was read")
	}
}

func TestRecallIsBoundedAndForgets(t *testing.T) {
	now := time.Unix(1, 0)
	clock := func() time.Time { return now }
	m := newRecall[int, int](3, time.Minute)
	for i := range 10 {
		if v, err := m.do(t.Context(), i, clock, func(context.Context) (int, bool, error) { return i * i, true, nil }); v != i*i || err != nil {
			t.Fatalf("got %d %v", v, err)
		}
	}
	if _, ok := m.look(0, now); ok || len(m.live) > 4 {
		t.Errorf("got %d remembered, want about 3", len(m.live))
	}
	if v, ok := m.look(9, now); !ok || v != 81 {
		t.Errorf("got %d %v, want 81", v, ok)
	}
	now = now.Add(2 * time.Minute)
	if _, ok := m.look(9, now); ok {
		t.Error("an old result was given")
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = m.do(t.Context(), 99, clock, func(context.Context) (int, bool, error) { panic("boom") })
	}()
	if v, err := m.do(t.Context(), 99, clock, func(context.Context) (int, bool, error) { return 1, false, nil }); v != 1 || err != nil {
		t.Errorf("after a panic: got %d %v", v, err)
	}
	if len(m.live) != 0 {
		t.Errorf("got %d remembered, want 0", len(m.live))
	}
}

func TestLooksAreBounded(t *testing.T) {
	l := newLooks(4)
	for i := range 100 {
		if k := l.of(id{byte(i)}); k != l.of(id{byte(i)}) {
			t.Fatal("two looks of one push")
		}
	}
	if len(l.by) != 4 || len(l.order) != 4 {
		t.Errorf("got %d, want 4", len(l.by))
	}
}

func TestReferencesAreReadable(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		ref := NewReference()
		if len(ref) != 9 || ref[4] != '-' || strings.ContainsAny(ref, "ILOU") || seen[ref] {
			t.Fatalf("got %q", ref)
		}
		seen[ref] = true
	}
}
