package broker

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What an acr and a login's proof add to the sealed forms, as in
// TestSealedFormsAreStable.
func TestSealedFormsOfProofAreStable(t *testing.T) {
	q, g, s := sampleRequest(), sampleGrant(), sampleSession()
	q.ACR, g.ACR = acrVerified|acrFresh, acrFresh
	g.Fresh, g.Undated, s.Fresh, s.Undated = true, true, true, true
	grantBytes, err := g.marshal()
	if err != nil {
		t.Fatal(err)
	}
	out := "request " + hex.EncodeToString(q.marshal()) + "\ngrant " + hex.EncodeToString(grantBytes) + "\nsession " + hex.EncodeToString(s.marshal()) + "\n"
	file := filepath.Join("testdata", "proof.golden")
	if *update {
		if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out); diff != "" {
		t.Errorf("forms changed (-want +got):\n%s", diff)
	}
	var (
		q2 request
		g2 grant
		s2 session
	)
	if err := q2.unmarshal(q.marshal()); err != nil || !cmp.Equal(q, q2) {
		t.Errorf("request %v: %s", err, cmp.Diff(q, q2))
	}
	if err := g2.unmarshal(grantBytes); err != nil || !cmp.Equal(g, g2) {
		t.Errorf("grant %v: %s", err, cmp.Diff(g, g2))
	}
	if err := s2.unmarshal(s.marshal()); err != nil || !cmp.Equal(s, s2, cmpopts.IgnoreUnexported(session{})) {
		t.Errorf("session %v: %s", err, cmp.Diff(s, s2, cmpopts.IgnoreUnexported(session{})))
	}
}

// A pushed request of a node of this version opens on the next: its bytes are a
// request's, its purpose and client are bound.
func TestPushedRequestsOpenForTheirPurposeOnly(t *testing.T) {
	w := protocolWorld(t)
	sealed := strings.TrimPrefix(w.push(asBooking), pushedPrefix)
	br := w.browser()
	br.chooser() // it has a cookie
	if _, err := br.resume(sealed); problemCode(err) != ProblemTampered {
		t.Errorf("as r: got %v, want %s", err, ProblemTampered)
	}
	wantPage(t, br.do("GET", "/authorize?posted="+sealed, nil), ProblemTampered)
	if _, err := w.b.box.pushed.Open(sealed, w.clock.Now(), issuer, "school"); err == nil {
		t.Error("it opens for another client")
	}
	plain, err := w.b.box.pushed.Open(sealed, w.clock.Now(), issuer, "booking")
	var q request
	if err != nil || q.unmarshal(plain) != nil || q.Pushed == (id{}) || q.Pushed != q.ID || q.Browser != (id{}) || !q.Began.Equal(w.clock.Now().Truncate(time.Second)) {
		t.Errorf("got %+v %v", q, err)
	}
}
