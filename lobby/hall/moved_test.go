package hall

import (
	"errors"
	"testing"
	"time"

	"sinho/lobby"
)

// queue are so many browsers at the room's page.
func (s *scene) queue(n int) []*device {
	s.t.Helper()
	all := make([]*device, n)
	for i := range all {
		all[i] = newDevice()
		all[i].seat(s, "shop")
	}
	return all
}

// drawnRoom is a room of 200 people at its opening, some of them called; places are
// theirs.
func drawnRoom(t *testing.T) (s *scene, set Setting, all []*device, places []uint64) {
	t.Helper()
	set = auto("main")
	set.Opens, set.Announce = noon.Add(10*time.Second), noon.Add(-time.Hour)
	s = one(t, set)
	s.wait(2)
	all = s.queue(200)
	s.wait(15)
	for _, d := range all {
		seat := d.seat(s, "shop")
		if !seat.View.Drawn {
			t.Fatalf("got %+v, want it drawn", seat.View)
		}
		places = append(places, seat.View.Place)
	}
	return s, set, all, places
}

// Once places are drawn, nothing that settings say of the opening moves them: neither
// on this node nor on one that begins with the other settings.
func TestPlacesStayWhateverTheOpeningIsSetToAfterwards(t *testing.T) {
	for name, change := range map[string]func(*Setting){
		"no opening any more":     func(set *Setting) { set.Opens, set.Announce = time.Time{}, time.Time{} },
		"an opening that is over": func(set *Setting) { set.Opens = set.Opens.Add(-5 * time.Second) },
		"told on another day":     func(set *Setting) { set.Announce = set.Announce.Add(-24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			s, set, all, places := drawnRoom(t)
			proof := all[0].seat(s, "shop").Proof
			change(&set)
			if err := s.Use([]Setting{set}); err != nil {
				t.Fatal(err)
			}
			s.wait(1)
			fresh := scenes(t, s.cfg.Store, 1, set)[0]
			fresh.clock.Store(s.clock.Load())
			fresh.tick(t.Context())
			for _, node := range []*scene{s, fresh} {
				q := &node.line().latest.Load().Queue
				for i, d := range all {
					seat := d.seat(node, "shop")
					if seat.View.Place != places[i] || seat.Proof != proof {
						t.Fatalf("number %d: shown place %d by %s, want %d by %s", seat.Number, seat.View.Place, seat.Proof, places[i], proof)
					}
					err := q.Admits(&lobby.Ticket{Number: seat.Number}, node.line().opening.Seed, node.time().Add(time.Second))
					if called := places[i] < q.Main.Serving; called != (err == nil) {
						t.Fatalf("place %d of %d called: got %v", places[i], q.Main.Serving, err)
					}
				}
			}
		})
	}
}

// Nor does a loss of the store, if a node lives.
func TestPlacesOfAnOpeningThatWasTakenOutOutliveALoss(t *testing.T) {
	s, _, all, places := drawnRoom(t)
	if err := s.Use([]Setting{auto("main")}); err != nil {
		t.Fatal(err)
	}
	s.wait(1)
	s.lose()
	s.wait(2)
	for i, d := range all {
		if seat := d.seat(s, "shop"); seat.View.Place != places[i] {
			t.Fatalf("number %d: place %d, want %d", seat.Number, seat.View.Place, places[i])
		}
	}
}

// An opening that is taken out of the settings before the draw makes a room as any
// other: first come, first served, and pages show what counts.
func TestARoomWhoseOpeningIsTakenOutIsFirstComeFirstServed(t *testing.T) {
	set := auto("main")
	set.Opens, set.Announce = noon.Add(time.Hour), noon.Add(-time.Hour)
	s := one(t, set)
	s.wait(2)
	all := s.queue(100)
	if err := s.Use([]Setting{auto("main")}); err != nil {
		t.Fatal(err)
	}
	s.wait(4)
	q := &s.line().latest.Load().Queue
	for i, d := range all {
		seat := d.seat(s, "shop")
		err := q.Admits(&lobby.Ticket{Number: seat.Number}, s.line().opening.Seed, s.time().Add(time.Second))
		if seat.View.Place != seat.Number || seat.Number != uint64(i) || (seat.Number < q.Main.Serving) != (err == nil) {
			t.Fatalf("number %d, place %d, of %d called: got %v", seat.Number, seat.View.Place, q.Main.Serving, err)
		}
	}
	if err := q.Admits(&lobby.Ticket{Number: q.Main.Serving}, s.line().opening.Seed, s.time()); !errors.Is(err, lobby.ErrNotCalled) {
		t.Errorf("the next: got %v, want ErrNotCalled", err)
	}
}

// Whoever has the page open while the opening is moved is there all the same.
func TestAnOpeningThatIsMovedKeepsWhoIsThere(t *testing.T) {
	set := auto("main")
	set.Opens, set.Announce = noon.Add(time.Hour), noon.Add(-time.Hour)
	s := one(t, set)
	s.wait(2)
	for _, d := range s.queue(50) {
		s.line().here.join(d.seat(s, "shop").Number)
	}
	set.Opens = noon.Add(10 * time.Second)
	if err := s.Use([]Setting{set}); err != nil {
		t.Fatal(err)
	}
	s.wait(15)
	q := s.line().latest.Load()
	if _, n := s.line().here.count(0, s.time().Add(time.Hour)); !q.Drawn || n == 0 || uint64(n) < 50-q.Main.Serving {
		t.Errorf("%d are there of 50, %d of them called", n, q.Main.Serving)
	}
}
