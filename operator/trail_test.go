package operator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sinho/signal"
	"sinho/store"
)

func TestATrailOfManyPagesIsReadToItsEndAndStaysBounded(t *testing.T) {
	s := fresh(t)
	d := NewDesk(Config{Store: s})
	const many = 60
	seen := ""
	long := signal.Text{KO: strings.Repeat("가", MostReason), EN: strings.Repeat("e", MostReason)}
	for i := range many {
		id := fmt.Sprint("c", i)
		set(t, d, Change{ID: id, Provider: "kakao", Do: Grey, Reason: long, For: time.Hour, By: fmt.Sprint("by ", i), Seen: seen})
		seen = id
	}
	next, pages := int64(0), 0
	want := many - 1
	for {
		all, older, err := d.Trail(t.Context(), Changes, next)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if e.By != fmt.Sprint("by ", want) {
				t.Fatalf("got %s, want by %d", e.By, want)
			}
			want--
		}
		pages++
		if next = older; next == 0 {
			break
		}
	}
	if want != -1 || pages < 3 {
		t.Errorf("got %d entries missing on %d pages, want all on several", want+1, pages)
	}
	for _, n := range []int64{99, -4} {
		if all, older, err := d.Trail(t.Context(), Changes, n); n > 0 && (len(all) != 0 || older != 0) || err != nil {
			t.Errorf("page %d: got %d entries, %d, %v, want none", n, len(all), older, err)
		}
	}
}

func TestAFullRingForgetsTheOldestPage(t *testing.T) {
	s := fresh(t)
	d := NewDesk(Config{Store: s})
	// A newest page with a number beyond the ring, as years would make it.
	body, err := encode(page{N: pagesKept + 7, Entries: []Entry{{By: "now"}}})
	if err != nil {
		t.Fatal(err)
	}
	oldest, _ := encode(page{N: 7, Entries: []Entry{{By: "oldest kept"}}})
	gone, _ := encode(page{N: 6, Entries: []Entry{{By: "an older turn of the ring"}}})
	ops := []store.Op{put(Changes.head(), body), put(Changes.full(7), oldest), put(Changes.full(6), gone)}
	if out, err := s.Apply(t.Context(), shard, store.Attempt{1}, false, ops...); err != nil || out.Conflict != nil {
		t.Fatal(out, err)
	}
	if all, older, err := d.Trail(t.Context(), Changes, 7); err != nil || len(all) != 1 || older != 0 {
		t.Errorf("the oldest page: got %v, %d, %v, want it, and none before", all, older, err)
	}
	if all, _, err := d.Trail(t.Context(), Changes, 6); err != nil || len(all) != 0 {
		t.Errorf("a page older than the ring: got %v, %v, want none", all, err)
	}
	if all, _, err := d.Trail(t.Context(), Changes, 8); err != nil || len(all) != 0 {
		t.Errorf("a page that is not there: got %v, %v, want none", all, err)
	}
}

func TestRefusedSignInsAreOneLineWithACount(t *testing.T) {
	d := NewDesk(Config{Store: fresh(t)})
	for range 30 {
		if err := d.Refuse(t.Context(), "", "password"); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Refuse(t.Context(), "jimin", "password"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.SignIn(t.Context(), "jimin", "password", time.Hour); err != nil {
		t.Fatal(err)
	}
	all, _, err := d.Trail(t.Context(), SignIns, 0)
	if err != nil || len(all) != 3 || all[0].What != SignedIn || all[1].By != "jimin" || all[2].Count != 30 {
		t.Errorf("got %+v, %v, want a sign-in, one refused, and 30 together", all, err)
	}
	if changes, _, _ := d.Trail(t.Context(), Changes, 0); len(changes) != 0 {
		t.Errorf("got %+v among the changes, want none", changes)
	}
}

func TestSigningOutEndsASessionForEverybodyWhoHoldsIt(t *testing.T) {
	s := fresh(t)
	a, b := NewDesk(Config{Store: s}), NewDesk(Config{Store: s})
	alive := func(id string) bool {
		t.Helper()
		ok, err := b.Alive(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	one, err := a.SignIn(t.Context(), "jimin", "password", time.Hour)
	two, err2 := a.SignIn(t.Context(), "jimin", "password", time.Hour)
	if err != nil || err2 != nil || one.ID == two.ID || len(one.ID) < 20 || !alive(one.ID) {
		t.Fatalf("got %+v %v, %+v %v, want two live sessions", one, err, two, err2)
	}
	if err := a.SignOut(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if alive(one.ID) || !alive(two.ID) || alive("") {
		t.Error("want the one session ended and the other alive")
	}
}
