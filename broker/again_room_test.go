package broker

import (
	"maps"
	"testing"
	"testing/synctest"

	"sinho/providers"
)

// A node dies between spending the pass of a login and writing its code: the provider
// is asked once more, and the same person gets in by the pass that was spent for them.
// Nobody else does, and no other request.
func TestANodeThatDiesOverAPassCostsNobodyTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := roomWorld(t)
		br := w.browser()
		br.call("one")
		to := must2(t)(br.begin(br.chooser(), "naver", nil))
		back := approve(t, to.Redirect)
		dying := &browser{w: w, b: w.b, h: w.h, cookies: maps.Clone(br.cookies)} // what the node that dies would have answered is never seen
		w.store.breaks(errGone)
		s, err := dying.finish("naver", back)
		w.wantNotice(s, err, NoticeStore)
		w.store.breaks(nil)
		if r.count() != 1 {
			t.Fatalf("got %d passes spent, want 1", r.count())
		}
		br.b = w.node() // which has heard of nothing
		again := must2(t)(br.finish("naver", back))
		kept := maps.Clone(br.cookies)
		br.wantIn(br.finish("naver", approve(t, again.Redirect)))

		other := &browser{w: w, b: w.node(), h: w.h, cookies: kept}
		w.naver.who = providers.Identity{Issuer: "https://naver.example", Subject: "somebody else", Assurance: w.naver.who.Assurance}
		other.wantQueue(other.finish("naver", approve(t, again.Redirect+"&again")))
	})
}
