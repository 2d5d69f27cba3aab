package hall

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sinho/lobby"
	"sinho/lobby/room"
	"sinho/store"
)

// busyRoom is a node with one room in which somebody new has to wait.
func busyRoom(t *testing.T) *scene {
	t.Helper()
	s := one(t, auto("main"))
	s.wait(2)
	s.crowd("shop", 40)
	return s
}

func (s *scene) refused(reason string, passes bool) uint64 {
	in := s.Insights()[0]
	if passes {
		return in.Passes.Refused[reason]
	}
	return in.Tickets.Refused[reason]
}

// A device whose clock is put back keeps cookies that are over, and one that is put
// forward believes its turn has come. Nothing it says of time is listened to.
func TestAttackWaitingRoomByAChangedDeviceClock(t *testing.T) {
	s := busyRoom(t)
	d := newDevice()
	first := d.seat(s, "shop")
	if first.Called {
		t.Fatal("called at once: the room is not busy")
	}
	r := d.request("/login?now=4102444800&t=4102444800")
	for _, name := range []string{"Date", "If-Modified-Since", "If-Unmodified-Since", "X-Request-Start", "X-Date"} {
		r.Header.Set(name, noon.Add(24*time.Hour).Format(http.TimeFormat))
	}
	if wait, _, err := s.Enter(httptest.NewRecorder(), r, "shop", d.name, Login); err != nil || !wait {
		t.Errorf("a clock put forward: got wait %v, %v, want to wait", wait, err)
	}
	s.wait(10)
	if pass := d.waits(s, "shop", Login, false); pass == nil {
		t.Fatal("no pass at its turn")
	}
	s.wait(121)
	if again := d.seat(s, "shop"); again.Number != first.Number || s.refused("expired", true) == 0 {
		t.Errorf("a pass that is over: got number %d, %d refused, want number %d and the pass refused", again.Number, s.refused("expired", true), first.Number)
	}
	s.clock.Add(int64(25 * time.Hour))
	s.wait(1)
	d.waits(s, "shop", Look, false)
	if s.refused("expired", false) == 0 {
		t.Error("a ticket that is over was not refused")
	}
}

// Console calls and direct URLs before the opening: whatever is called, nobody gets
// in and nobody gets ahead.
func TestAttackWaitingRoomByDirectURLBeforeTheOpening(t *testing.T) {
	set := Setting{Name: "main", Mode: Auto, Opens: noon.Add(time.Minute), Announce: noon, Early: 30 * time.Second}
	s := one(t, set)
	s.capacity.Store(1000)
	s.wait(1)
	d := newDevice()
	for range 5 {
		for _, p := range []Purpose{Look, Login, Session} {
			d.waits(s, "shop", p, true)
		}
	}
	if in := s.Insights()[0]; in.Queue.Main.Next != 0 {
		t.Errorf("%d numbers were taken by calls that had to wait", in.Queue.Main.Next)
	}
	seat := d.seat(s, "shop")
	if seat.Called || seat.View.Drawn || seat.Opens.IsZero() || !s.Opens("shop").Equal(set.Opens) || seat.Proof == "" {
		t.Errorf("got %+v, want a seat without a place", seat)
	}
	d.waits(s, "shop", Early, false) // 12:00:01, until 12:00:30
	s.wait(30)
	d.waits(s, "shop", Early, true)
	for s.time().Before(set.Opens.Add(lobby.Settle)) {
		d.waits(s, "shop", Login, true)
		d.waits(s, "shop", Look, true)
		s.wait(1)
	}
	s.wait(1)
	d.waits(s, "shop", Look, false)
	d.waits(s, "shop", Session, false)
	if got := s.Opens("shop"); !got.IsZero() {
		t.Errorf("it opens %v, want it open", got)
	}
	if again := d.seat(s, "shop"); again.Number != seat.Number || !again.Called {
		t.Errorf("got number %d, called %v, want %d called", again.Number, again.Called, seat.Number)
	}
}

// Who holds somebody else's ticket or pass gets a number of their own, behind; the
// rightful keep theirs.
func TestAttackWaitingRoomTicketSharedToAnotherDevice(t *testing.T) {
	s := busyRoom(t)
	mine, other := newDevice(), newDevice()
	first := mine.seat(s, "shop")
	maps.Copy(other.cookies, mine.cookies)
	got := other.seat(s, "shop")
	if got.Number <= first.Number || s.refused("other_browser", false) != 1 {
		t.Errorf("the other device: got number %d, %d refused, want one behind %d", got.Number, s.refused("other_browser", false), first.Number)
	}
	if again := mine.seat(s, "shop"); again.Number != first.Number {
		t.Errorf("the rightful one: got number %d, want %d", again.Number, first.Number)
	}
	s.wait(8)
	pass := mine.waits(s, "shop", Login, false)
	s.crowd("shop", 40)
	thief := newDevice()
	maps.Copy(thief.cookies, mine.cookies)
	thief.waits(s, "shop", Login, true)
	if s.refused("other_browser", true) != 1 {
		t.Errorf("%d passes of another browser refused, want 1", s.refused("other_browser", true))
	}
	if err := s.Spend(t.Context(), "shop", pass, attempt()); err != nil {
		t.Errorf("the rightful one: got %v, want its pass spent", err)
	}
}

// One pass at once on three nodes, a hundred times.
func TestAttackWaitingRoomParallelDoubleSpendOnThreeHalls(t *testing.T) {
	everywhere(t, func(t *testing.T, st store.Store) {
		all := scenes(t, st, 3, auto("main"))
		for range 2 {
			for _, s := range all {
				s.tick(t.Context())
			}
			all[0].clock.Add(int64(time.Second))
		}
		for range 3 {
			d := newDevice()
			pass := d.waits(all[0], "shop", Login, false)
			var won, lost atomic.Int64
			var spends sync.WaitGroup
			for i := range 100 {
				spends.Go(func() {
					switch err := all[i%3].Spend(t.Context(), "shop", pass, attempt()); {
					case err == nil:
						won.Add(1)
					case errors.Is(err, room.ErrSpent):
						lost.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			spends.Wait()
			if won.Load() != 1 || lost.Load() != 99 {
				t.Errorf("got %d spent and %d refused, want 1 and 99", won.Load(), lost.Load())
			}
		}
		spent := uint64(0)
		for _, s := range all {
			spent += s.Insights()[0].Spent
		}
		if spent != 3 {
			t.Errorf("the nodes count %d spent, want 3", spent)
		}
	})
}

// Many tabs of one browser have one place and one way in.
func TestAttackWaitingRoomByManyTabs(t *testing.T) {
	everywhere(t, func(t *testing.T, st store.Store) {
		all := scenes(t, st, 2, auto("main"))
		all[0].wait(2)
		all[1].tick(t.Context())
		all[0].crowd("shop", 30)
		d := newDevice()
		first := d.seat(all[0], "shop")
		var tabs sync.WaitGroup
		for i := range 40 {
			tabs.Go(func() {
				w := httptest.NewRecorder()
				if seat, err := all[i%2].Seat(w, d.request("/queue"), "shop", d.name); err != nil || seat.Number != first.Number {
					t.Errorf("a tab: got number %d, %v, want %d", seat.Number, err, first.Number)
				}
			})
		}
		tabs.Wait()
		all[0].wait(6)
		all[1].tick(t.Context())
		passes := make([][]byte, 40)
		for i := range passes {
			tabs.Go(func() {
				w := httptest.NewRecorder()
				wait, pass, err := all[i%2].Enter(w, d.request("/login"), "shop", d.name, Login)
				var p lobby.Pass
				if wait || err != nil || p.Unmarshal(pass) != nil || p.Number != first.Number {
					t.Errorf("a tab: got wait %v, number %d, %v, want in by %d", wait, p.Number, err, first.Number)
				}
				passes[i] = pass
			})
		}
		tabs.Wait()
		var won atomic.Int64
		for i, pass := range passes {
			tabs.Go(func() {
				if all[i%2].Spend(t.Context(), "shop", pass, attempt()) == nil {
					won.Add(1)
				}
			})
		}
		tabs.Wait()
		if won.Load() != 1 {
			t.Errorf("%d tabs came in, want one", won.Load())
		}
	})
}

// What is no paper of this room counts as none: a new number, and never a pass.
func TestAttackWaitingRoomForgedExpiredAndForeignPapers(t *testing.T) {
	s := one(t, auto("main", "shop"), auto("other", "school"))
	s.wait(2)
	s.crowd("shop", 40)
	stranger := newDevice()
	school := stranger.waits(s, "school", Login, false)
	if school == nil {
		t.Fatal("no pass for the other room")
	}
	ticket, pass := stranger.cookies["__Host-sinho-t-other"], stranger.cookies["__Host-sinho-p-other"]
	for name, tc := range map[string]struct {
		ticket, pass string
		reason       string
	}{
		"typed":                     {"letmein", "letmein", "forged"},
		"empty but for a dot":       {".", ".", "forged"},
		"changed":                   {ticket[:len(ticket)-2] + "AA", pass[:len(pass)-2] + "AA", "forged"},
		"a ticket where a pass is":  {pass, ticket, "forged"},
		"of the room next door":     {ticket, pass, "foreign_room"},
		"a very long one":           {ticket + ticket + ticket, pass + pass, "forged"},
		"of the other, as a number": {"12", "1", "forged"},
	} {
		d := &device{name: stranger.name, cookies: map[string]string{"__Host-sinho-t-main": tc.ticket, "__Host-sinho-p-main": tc.pass}}
		tickets, passes := s.refused(tc.reason, false), s.refused(tc.reason, true)
		d.waits(s, "shop", Login, true)
		if s.refused(tc.reason, false) != tickets+1 || s.refused(tc.reason, true) != passes+1 {
			t.Errorf("%s: not counted as %s", name, tc.reason)
		}
		if d.cookies["__Host-sinho-t-main"] == tc.ticket {
			t.Errorf("%s: kept, want a new number", name)
		}
	}
	if err := s.Spend(t.Context(), "shop", school, attempt()); !errors.Is(err, room.ErrRestarted) {
		t.Errorf("the other room's pass: got %v, want it refused", err)
	}
	if err := s.Spend(t.Context(), "school", school, attempt()); err != nil {
		t.Errorf("where it is good: got %v", err)
	}
	for _, bad := range [][]byte{nil, {}, {1}, []byte("pass")} {
		if err := s.Spend(t.Context(), "shop", bad, attempt()); !errors.Is(err, room.ErrRestarted) {
			t.Errorf("the pass %x: got %v, want it refused", bad, err)
		}
	}
}

// One browser in two rooms has a number in each; neither leads into the other.
func TestAttackWaitingRoomTwoRoomsOfOneBrowser(t *testing.T) {
	s := one(t, auto("main", "shop"), auto("other", "school"))
	s.wait(2)
	s.crowd("shop", 40)
	s.crowd("school", 30)
	d := newDevice()
	a, b := d.seat(s, "shop"), d.seat(s, "school")
	s.wait(7)
	if d.seat(s, "school").Number != b.Number || d.seat(s, "shop").Number != a.Number {
		t.Error("a place was lost to the other room")
	}
	schools := d.waits(s, "school", Login, false)
	if err := s.Spend(t.Context(), "school", schools, attempt()); err != nil {
		t.Fatal(err)
	}
	shops := d.waits(s, "shop", Login, false)
	if err := s.Spend(t.Context(), "shop", shops, attempt()); err != nil {
		t.Errorf("spending in one room cost the other's: %v", err)
	}
}

// Ticket and pass after they were used, on the node that knows and on another.
func TestAttackWaitingRoomReplayAfterUse(t *testing.T) {
	everywhere(t, func(t *testing.T, st store.Store) {
		all := scenes(t, st, 2, auto("main"))
		all[0].wait(2)
		all[1].tick(t.Context())
		all[0].crowd("shop", 20)
		d := newDevice()
		d.seat(all[0], "shop")
		unpassed := d.cookies["__Host-sinho-t-main"]
		seconds(all, 5)
		pass := d.waits(all[0], "shop", Login, false)
		done := attempt()
		if err := all[0].Spend(t.Context(), "shop", pass, done); err != nil {
			t.Fatal(err)
		}
		if err := all[1].Spend(t.Context(), "shop", pass, done); err != nil {
			t.Errorf("the same callback again: got %v, want its answer", err)
		}
		all[0].Entered(httptest.NewRecorder(), "shop", pass) // who keeps the cookies of before
		kept := d.cookies["__Host-sinho-t-main"]
		all[0].crowd("shop", 40)
		d.waits(all[0], "shop", Login, true) // a number of their own, behind
		if d.cookies["__Host-sinho-t-main"] == kept {
			t.Error("the ticket of a spent number was kept")
		}
		if in := all[0].Insights()[0]; in.Tickets.Refused["used"] != 1 || in.Passes.Refused["used"] != 1 {
			t.Errorf("got %+v and %+v, want each refused once", in.Tickets, in.Passes)
		}

		before := &device{name: d.name, cookies: map[string]string{"__Host-sinho-t-main": unpassed}}
		before.waits(all[0], "shop", Login, true) // put aside before it had a pass, on the node that knows

		elsewhere := scenes(t, st, 1, auto("main"))[0] // a node that has not heard of it
		elsewhere.clock.Store(all[0].clock.Load())
		elsewhere.tick(t.Context())
		replay := &device{name: d.name, cookies: map[string]string{"__Host-sinho-t-main": kept}}
		if kept == unpassed {
			t.Fatal("the ticket does not say that it had a pass")
		}
		replay.cookies["__Host-sinho-t-main"] = unpassed // a cookie put aside before
		again := replay.waits(elsewhere, "shop", Login, false)
		if err := elsewhere.Spend(t.Context(), "shop", again, attempt()); !errors.Is(err, room.ErrSpent) {
			t.Fatalf("a second pass of a number: got %v, want ErrSpent", err)
		}
		w := httptest.NewRecorder()
		elsewhere.Used(w, "shop")
		replay.keep(w)
		if len(replay.cookies) != 0 {
			t.Errorf("got %v, want both cookies gone", replay.cookies)
		}
		replay.waits(elsewhere, "shop", Login, true)
	})
}

// Who comes again hours later, to another node, finds out at the door that their
// number is spent, and not at the end of a second login.
func TestASecondLoginBeginsWithANewNumberOnAnyNode(t *testing.T) {
	everywhere(t, func(t *testing.T, st store.Store) {
		all := scenes(t, st, 2, auto("main"))
		seconds(all, 2)
		d := newDevice()
		pass := d.waits(all[0], "shop", Login, false)
		if err := all[0].Spend(t.Context(), "shop", pass, attempt()); err != nil {
			t.Fatal(err)
		}
		seconds(all, 200)
		kept := d.cookies["__Host-sinho-t-main"]
		d.waits(all[1], "shop", Look, false)
		if _, there := d.cookies["__Host-sinho-t-main"]; there {
			t.Error("a look keeps a ticket that is spent")
		}
		d.cookies["__Host-sinho-t-main"] = kept
		again := d.waits(all[1], "shop", Login, false)
		if err := all[1].Spend(t.Context(), "shop", again, attempt()); err != nil {
			t.Errorf("the second login: got %v, want its pass spent", err)
		}
		d.cookies = map[string]string{"__Host-sinho-t-main": kept}
		if seat := d.seat(scenes(t, st, 1, auto("main"))[0], "shop"); seat.Number == 0 {
			t.Error("the room gives the spent number a seat")
		}
	})
}

// A pass that nobody spent before it was over costs no turn.
func TestAPassThatWasNotSpentIsGivenAgain(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	d := newDevice()
	first := d.seat(s, "shop")
	if !first.Called {
		t.Fatal("not called")
	}
	s.wait(121)
	again := d.seat(s, "shop")
	if again.Number != first.Number || !again.Called {
		t.Errorf("got number %d, called %v, want %d called", again.Number, again.Called, first.Number)
	}
	s.wait(300)
	late := d.seat(s, "shop")
	s.wait(2)
	if in := d.seat(s, "shop"); late.Number != first.Number || in.Number != first.Number || !in.Called {
		t.Errorf("got number %d, called %v, want %d called", in.Number, in.Called, first.Number)
	}
}
