package e2e

import (
	"maps"
	"slices"
	"testing"
)

// TestStartUpWaitsForNoProvider: three providers are dead in three ways before
// the broker has ever spoken to them. It starts, logs people in by the fourth,
// leads those of the dead ones back to the chooser, and logs them in too once
// they live, all without a restart.
func TestStartUpWaitsForNoProvider(t *testing.T) {
	w := newWard(t)
	ill := map[string][2]string{
		"oidc":  {`{"hang":true}`, `{"hang":false}`}, // not even its metadata
		"kakao": {`{"fault":"keys"}`, `{"fault":""}`},
		"toss":  {`{"down":true}`, `{"down":false}`},
	}
	for id, c := range ill {
		w.control(id, c[0])
	}
	w.open(0)
	in := func(provider string) bool {
		r, err := w.rush(nil, "--provider", provider, "--rate", "5", "--for", "1s", "--patience", backWithin.String())
		if err != nil {
			return false // it is not offered just now
		}
		lost := round{Reports: map[string]rushReport{"kakao": r}, Sick: r.Errors}.lost()
		if len(lost) > 0 {
			t.Errorf("people of %s were not led back to the chooser: %v", provider, lost)
		}
		return r.In > 0 && r.Failed == 0
	}
	if !in("naver") {
		t.Error("nobody got in by the provider that works")
	}
	for _, id := range slices.Sorted(maps.Keys(ill)) {
		if in(id) {
			t.Errorf("somebody got in by %s, which is dead", id)
		}
	}
	for id, c := range ill {
		w.control(id, c[1])
	}
	for _, id := range slices.Sorted(maps.Keys(ill)) {
		waitFor(t, patience, "people get in by "+id, func() bool { return in(id) })
	}
}
