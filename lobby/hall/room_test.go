package hall

import (
	"errors"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sinho/lobby"
	"sinho/store"
)

// A room that was open and gets an opening calls nobody before it.
func TestAnOpeningOfARoomThatWasOpenCallsNobodyBefore(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	s.crowd("shop", 40)
	set := auto("main")
	set.Opens = s.time().Add(10 * time.Second)
	if err := s.Use([]Setting{set}); err != nil {
		t.Fatal(err)
	}
	s.wait(1)
	before := s.line().latest.Load().Main.Serving
	s.wait(8)
	if now := s.line().latest.Load().Main.Serving; now != before {
		t.Errorf("%d were called before the opening", now-before)
	}
	s.wait(5)
	if now := s.line().latest.Load().Main.Serving; now <= before || strings.Count(s.log.String(), "new round") != 1 {
		t.Errorf("%d called after the opening; the log says:\n%s", now-before, s.log)
	}
}

// Who is called and does not come has the late lane, once, and not the end.
func TestALateComerHasTheLateLane(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	s.crowd("shop", 30)
	d := newDevice()
	first := d.seat(s, "shop")
	for range 160 { // others go on
		s.wait(1)
		s.crowd("shop", 11)
	}
	late := d.seat(s, "shop")
	if late.Number != first.Number || late.Late == 0 || late.Called {
		t.Fatalf("got %+v, want number %d in the late lane", late, first.Number)
	}
	if again := d.seat(s, "shop"); again.Late != late.Late {
		t.Errorf("asked again: got %d, want %d", again.Late, late.Late)
	}
	s.wait(2)
	if pass := d.waits(s, "shop", Login, false); pass == nil {
		t.Error("no pass from the late lane")
	}
}

func TestAPassIsExtendedOnceWhenItIsSoonOver(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	d := newDevice()
	d.waits(s, "shop", Login, false)
	extended := func() uint64 { return s.Insights()[0].Passes.Extended }
	d.waits(s, "shop", Look, false)
	if extended() != 0 {
		t.Error("a fresh pass was extended")
	}
	s.clock.Add(int64(70 * time.Second))
	d.waits(s, "shop", Look, false)
	d.seat(s, "shop")
	if extended() != 1 {
		t.Errorf("extended %d times, want once", extended())
	}
	s.clock.Add(int64(100 * time.Second)) // 170 s
	d.waits(s, "shop", Look, false)
	var p lobby.Pass
	if err := p.Unmarshal(d.waits(s, "shop", Login, false)); err != nil || !p.Extended || extended() != 1 {
		t.Errorf("got %+v, %v, extended %d times", p, err, extended())
	}
}

func TestAForcedRoomIsSeenByEverybody(t *testing.T) {
	set := auto("main")
	set.Mode = Forced
	s := one(t, set)
	s.wait(5)
	d := newDevice()
	d.waits(s, "shop", Look, true)
	d.waits(s, "shop", Login, true)
	if seat := d.seat(s, "shop"); seat.Called || seat.View.Called || seat.Reload != soonest {
		t.Errorf("got %+v, want to wait two seconds", seat)
	}
	d.waits(s, "shop", Session, false)
	s.wait(1)
	if seat := d.seat(s, "shop"); !seat.Called {
		t.Errorf("got %+v, want called", seat)
	}
	d.waits(s, "shop", Look, false)
}

func TestAClosedRoomCallsNobodyOnAnyNode(t *testing.T) {
	everywhere(t, func(t *testing.T, st store.Store) {
		all := scenes(t, st, 2, auto("main"))
		seconds(all, 2)
		all[0].crowd("shop", 40)
		d := newDevice()
		first := d.seat(all[0], "shop")
		closed := auto("main")
		closed.Closed = true
		if err := all[0].Use([]Setting{closed}); err != nil {
			t.Fatal(err)
		}
		d.waits(all[0], "shop", Login, true) // at once
		d.waits(all[0], "shop", Session, true)
		newDevice().waits(all[0], "shop", Look, true)
		seconds(all, 10)
		for i, s := range all {
			if k := s.line().latest.Load(); !k.Closed || !s.plan.Load().rooms[0].hub.latest().Closed {
				t.Errorf("node %d is open", i)
			}
			if seat := d.seat(s, "shop"); seat.Called || seat.Number != first.Number {
				t.Errorf("node %d: got %+v", i, seat)
			}
		}
		if err := all[0].Use([]Setting{auto("main")}); err != nil {
			t.Fatal(err)
		}
		seconds(all, 7)
		d.waits(all[1], "shop", Login, false)

		// The store says closed, and every setting says open: that stays for a while.
		if _, err := all[0].line().room.Switch(t.Context(), false, all[0].time()); err != nil {
			t.Fatal(err)
		}
		seconds(all, 5)
		if !all[1].line().latest.Load().Closed {
			t.Error("opened at once by a node that may not have heard")
		}
		seconds(all, 15)
		if all[1].line().latest.Load().Closed {
			t.Error("it is still closed although no setting says so")
		}
	})
}

func TestUseKeepsWhatIsTheSame(t *testing.T) {
	s := one(t, auto("main"), auto("other", "school"))
	s.wait(2)
	s.crowd("shop", 40)
	d := newDevice()
	first := d.seat(s, "shop")
	c := s.plan.Load().rooms[0]
	l := s.line()

	more := auto("main")
	more.Min, more.Max, more.Title = 1, 20, [2]string{"백신", "Vaccine"}
	if err := s.Use([]Setting{auto("other", "school"), more}); err != nil {
		t.Fatal(err)
	}
	if now := s.plan.Load().byName["main"]; now != c || now.state.Load().line != l || now.state.Load().set.Max != 20 {
		t.Error("the room was not kept")
	}
	for name, bad := range map[string][]Setting{
		"two of a name":     {auto("main", "a"), auto("main", "b")},
		"two for the rest":  {auto("main"), auto("other")},
		"two of a client":   {auto("main", "shop"), auto("other", "shop")},
		"a long name":       {auto("a-name-of-over-twenty")},
		"letters of no use": {auto("Main")},
		"no mode":           {{Name: "main"}},
		"a long round":      {{Name: "main", Mode: Auto, Round: "12345678901"}},
		"a good and a bad":  {auto("new"), auto("")},
	} {
		if err := s.Use(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if len(s.Insights()) != 2 {
		t.Error("a refused change changed the rooms")
	}

	round := more
	round.Round = "2"
	if err := s.Use([]Setting{round}); err != nil {
		t.Fatal(err)
	}
	s.wait(1)
	if seat := d.seat(s, "shop"); seat.Number != 0 && seat.Number > 2 || s.Insights()[0].Counter != "main.2" || first.Number < 30 {
		t.Errorf("a new round: got number %d of %s, want to begin anew", seat.Number, s.Insights()[0].Counter)
	}
	if s.Insights()[0].Tickets.Refused["foreign_room"] != 1 {
		t.Error("the old round's ticket is not refused")
	}
	off := round
	off.Mode = Off
	if err := s.Use([]Setting{off}); err != nil {
		t.Fatal(err)
	}
	if pass := d.waits(s, "shop", Login, false); pass != nil {
		t.Error("a pass for a room that is off")
	}
	if _, err := s.Seat(httptest.NewRecorder(), d.request("/"), "shop", d.name); !errors.Is(err, ErrNoRoom) {
		t.Errorf("got %v, want ErrNoRoom", err)
	}
	if err := s.Spend(t.Context(), "shop", nil, attempt()); err != nil {
		t.Errorf("got %v, want nothing to spend", err)
	}
}

func TestAClientWithoutARoomPasses(t *testing.T) {
	s := one(t, auto("main", "shop"))
	newDevice().waits(s, "school", Login, false)
	s.cfg.Known = func(client string) bool { return client == "school" }
	if err := s.Use([]Setting{auto("main")}); err != nil {
		t.Fatal(err)
	}
	s.wait(2)
	s.crowd("school", 40)
	newDevice().waits(s, "school", Login, true)
	newDevice().waits(s, "nobody", Login, false)
}

// Rooms in use share what there is; one that is not calls in advance what it would have.
func TestRoomsInUseShareTheCapacity(t *testing.T) {
	s := one(t, auto("a", "a"), auto("b", "b"), auto("c", "c"))
	s.capacity.Store(100)
	parts := func() (all []float64) {
		for _, in := range s.Insights() {
			all = append(all, math.Round(in.Capacity))
		}
		return all
	}
	want := func(a, b, c float64) {
		t.Helper()
		if got := parts(); got[0] != a || got[1] != b || got[2] != c {
			t.Errorf("got %v, want %v %v %v", got, a, b, c)
		}
	}
	s.wait(3)
	want(100, 100, 100)
	s.crowd("a", 2000)
	s.wait(2)
	want(100, 50, 50)
	s.crowd("b", 1000)
	s.wait(2)
	want(50, 50, 33)
	if err := s.Use([]Setting{auto("a", "a"), {Name: "b", Clients: []string{"b"}, Mode: Auto, Closed: true}, auto("c", "c")}); err != nil {
		t.Fatal(err)
	}
	s.wait(2)
	want(100, 50, 50)
}

// At a steady rate people wait what they are told when they come, or up to an eighth
// less: that much is kept back for what may be lost.
func TestEstimatesAreScoredAgainstWhatHappened(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(60)
	all := s.crowd("shop", 300)
	for range 2 {
		s.wait(1)
	}
	for _, d := range all {
		d.seat(s, "shop")
	}
	for range 35 {
		s.wait(1)
		for _, d := range all {
			d.seat(s, "shop")
		}
	}
	e := s.Insights()[0].Estimate
	if e.Count < 200 || e.Count > 300 || e.Within < e.Count*90/100 || e.Error > 0.2 {
		t.Errorf("got %+v, want nearly all within a fifth", e)
	}
	c := newCounts()
	c.scored(100, 100)
	c.scored(100, 200)
	c.scored(1, 3)
	if c.score.Count != 3 || c.score.Within != 2 || math.Abs(c.score.Error-0.7/3) > 1e-9 {
		t.Errorf("got %+v, want two of three within", c.score)
	}
}

func TestReloadsGrowWithTheDistanceAndAreSpreadAtTheOpening(t *testing.T) {
	s := one(t, auto("main"))
	seat := func(opens time.Duration, view lobby.View, called bool, jitter time.Duration) time.Duration {
		v := &visit{h: s.Hall, now: noon, set: &Setting{}, l: &line{}}
		v.l.latest.Store(&known{Queue: lobby.Queue{Marks: []lobby.Mark{{Second: 1}, {Second: 11, Allowed: 1_000_000}, {Second: 21, Allowed: 1_000_000}}}})
		if opens != 0 {
			v.set.Opens = noon.Add(opens)
		}
		return v.reload(&Seat{View: view, Called: called, Spread: jitter})
	}
	for name, tc := range map[string]struct {
		got, least, most time.Duration
	}{
		"called":                {seat(0, lobby.View{Drawn: true, Called: true}, true, 0), soonest, soonest},
		"ten seconds to go":     {seat(0, lobby.View{Known: true, P50: 10}, false, 0), 2 * time.Second, 3 * time.Second},
		"two minutes to go":     {seat(0, lobby.View{Known: true, P50: 120, Ahead: 12000}, false, 0), 30 * time.Second, 30 * time.Second},
		"an hour to go":         {seat(0, lobby.View{Known: true, P50: 3600, Ahead: 360_000}, false, 0), farthest, farthest},
		"far, and it stands":    {seat(0, lobby.View{Ahead: 50_000}, false, 0), 30 * time.Second, farthest},
		"far, and it is closed": {seat(0, lobby.View{Ahead: 50_000, Closed: true}, false, 10*time.Second), 30 * time.Second, farthest},
		// A hundred people a second went on before it slowed down or stood.
		"few ahead of a slow room":     {seat(0, lobby.View{Known: true, P50: 3600, Ahead: 300}, false, 0), nearest, nearest},
		"a minute ahead, and slow":     {seat(0, lobby.View{Known: true, P50: 3600, Ahead: 5999}, false, 0), nearest, nearest},
		"a minute ahead, and standing": {seat(0, lobby.View{Ahead: 5999}, false, 10*time.Second), 10 * time.Second, nearest},
		"a minute ahead, and closed":   {seat(0, lobby.View{Ahead: 5999, Closed: true}, false, 4*time.Second), 10 * time.Second, nearest},
		"nobody ahead, and closed":     {seat(0, lobby.View{Drawn: true, Closed: true}, false, 0), nearest, nearest},
		"near, and it stands":          {seat(0, lobby.View{Ahead: 5}, false, 0), 2 * time.Second, 8 * time.Second},
		"a day before":                 {seat(24*time.Hour, lobby.View{}, false, 0), 50 * time.Second, farthest},
		"50 s before":                  {seat(50*time.Second, lobby.View{}, false, 5*time.Second), 58 * time.Second, 58 * time.Second},
		"57 s before, and a late":      {seat(57*time.Second, lobby.View{}, false, 10*time.Second), 30 * time.Second, 55 * time.Second},
		"a second after":               {seat(-time.Second, lobby.View{}, false, 4*time.Second), 6 * time.Second, 6 * time.Second},
		"a second after, no extra":     {seat(-time.Second, lobby.View{}, false, 0), 2 * time.Second, 2 * time.Second},
	} {
		if tc.got < tc.least || tc.got > tc.most {
			t.Errorf("%s: got %v, want %v to %v", name, tc.got, tc.least, tc.most)
		}
	}
}
