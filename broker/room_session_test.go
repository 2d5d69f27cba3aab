package broker

import (
	"testing"
)

func TestASessionGoesThroughTheRoomToo(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	br.wantIn(went(br.login("naver")))
	w.store.waited()
	sealed := br.wantQueue(went(br.authorize()))
	if q := br.queue(sealed); !q.Verified || q.Entrance.Purpose != EnterSession {
		t.Errorf("got %+v, want somebody who is verified", q)
	}
	site := query(t, br.authorize("prompt", "none"))
	if site.Get("error") != "interaction_required" || site.Get("state") != "the-state" {
		t.Errorf("in silence: got %v, want interaction_required", site)
	}
	br.wantQueue(br.proceed(sealed))
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits for somebody who waits, want none", n)
	}
	br.call("two")
	br.wantIn(br.proceed(sealed))
	if r.count() != 2 || br.called() {
		t.Errorf("got %d passes spent, want both", r.count())
	}
	br.call("two") // again, by another request
	br.wantQueue(went(br.authorize()))
	if len(r.refused) != 1 {
		t.Errorf("the room hears %v, want one refusal", r.refused)
	}
	br.call("two")
	if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "interaction_required" {
		t.Errorf("in silence, with a used pass: got %q, want interaction_required", got)
	}
	br.call("two")
	br.wantQueue(br.proceed(br.chooser("prompt", "select_account")))
	br.call("three")
	br.wantIn(went(br.authorize("prompt", "none")))
	r.set(func() { r.free = true })
	br.wantIn(went(br.authorize()))
	if r.count() != 3 {
		t.Errorf("got %d passes spent, want 3: where sessions are free none is", r.count())
	}
}

func TestWaitingDoesNotUseAPushedRequestUp(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	br.wantIn(went(br.login("naver")))
	uri := w.push(asBooking)
	br.wantQueue(went(br.come("booking", uri).Header().Get("Location")))
	sealed := br.wantQueue(went(br.come("booking", uri).Header().Get("Location"))) // a reload
	br.call("two")
	br.wantIn(br.proceed(br.queue(sealed).Sealed))
	if r.count() != 2 {
		t.Errorf("got %d passes spent, want 2", r.count())
	}
}
