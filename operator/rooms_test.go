package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sinho/signal"
	"sinho/store"
	"sinho/store/redistest"
	"sinho/store/shared"
)

// onBothStores runs a test over a file, which all nodes of one process share, and
// over Redis, where each has its own connection. lose empties the store.
func onBothStores(t *testing.T, test func(t *testing.T, node func() *Desk, lose func())) {
	t.Run("a file", func(t *testing.T) {
		s := &away{Store: fresh(t)}
		test(t, func() *Desk { return NewDesk(Config{Store: s}) }, func() { s.Store = fresh(t) })
	})
	t.Run("Redis", func(t *testing.T) {
		sv := redistest.Start(t)
		test(t, func() *Desk {
			s, err := shared.Open(t.Context(), shared.Options{Addrs: []string{sv.Addr}, Timeout: 30 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return NewDesk(Config{Store: s})
		}, func() { sv.Do(t, "flushall") })
	})
}

func closing(id, room, seen string) RoomChange {
	return RoomChange{ID: id, Room: room, Do: RoomClose, Reason: signal.Text{KO: "장애", EN: "Outage"}, By: "jimin", Seen: seen}
}

func order(t *testing.T, d *Desk, c RoomChange) {
	t.Helper()
	if err := d.SetRoom(t.Context(), c); err != nil {
		t.Fatalf("order %+v: %v", c, err)
	}
}

func TestAnOrderReachesEveryNodeAndIsTakenBack(t *testing.T) {
	onBothStores(t, func(t *testing.T, node func() *Desk, _ func()) {
		a, b := node(), node()
		look(t, b)
		changed := b.Changed()
		order(t, a, closing("one", "vaccine", ""))
		if o := a.Order("vaccine"); o.Closing == nil || o.Closing.By != "jimin" || o.Closing.Reason.EN != "Outage" {
			t.Errorf("the node that wrote it, at once: got %+v", o)
		}
		look(t, b)
		select {
		case <-changed:
		default:
			t.Error("whoever waits at the other node was not woken")
		}
		same(t, "the other node", b.Orders(), a.Orders())
		order(t, b, RoomChange{ID: "two", Room: "vaccine", Do: RoomLimits, Max: 40, Reason: signal.Text{KO: "천천히"}, By: "minsu", Seen: "one"})
		if o := b.Order("vaccine"); o.Closing == nil || o.Limits == nil || o.Limits.Max != 40 || o.Limits.By != "minsu" {
			t.Errorf("got %+v, want both orders, each with who gave it", o)
		}
		order(t, b, RoomChange{ID: "three", Room: "vaccine", Do: RoomOpen, By: "minsu", Seen: "two"})
		order(t, b, RoomChange{ID: "four", Room: "vaccine", Do: RoomBack, Of: RoomLimits, By: "minsu", Seen: "three"})
		look(t, a)
		if o := a.Orders(); len(o) != 0 {
			t.Errorf("got %+v, want nothing ordered", o)
		}
		order(t, b, RoomChange{ID: "four", Room: "vaccine", Do: RoomBack, Of: RoomLimits, By: "minsu", Seen: "three"})
		restarted := node()
		look(t, restarted)
		same(t, "a node that starts", restarted.Orders(), a.Orders())
		all, _, err := a.Trail(t.Context(), Changes, 0)
		var got []string
		for _, e := range all {
			got = append(got, fmt.Sprint(e.What, " ", e.Room, " by ", e.By, ", ordered ", e.Ordered != nil, ", replaced ", e.Replaced != nil))
		}
		same(t, "trail", got, []string{
			"as-in-file vaccine by minsu, ordered false, replaced true",
			"open vaccine by minsu, ordered false, replaced true",
			"limits vaccine by minsu, ordered true, replaced false",
			"close vaccine by jimin, ordered true, replaced false",
		})
		if err != nil || all[0].Replaced.Limits.Max != 40 || all[2].Ordered.Closing != nil {
			t.Errorf("got %+v (%v), want each line with its own part", all, err)
		}
	})
}

func TestTwoOperatorsOfOneRoomAreToldAndADoubleClickIsOneOrder(t *testing.T) {
	onBothStores(t, func(t *testing.T, node func() *Desk, _ func()) {
		const many = 6
		desks := make([]*Desk, many)
		for i := range desks {
			desks[i] = node()
		}
		var wg sync.WaitGroup
		var won, told atomic.Int32
		for i, d := range desks {
			wg.Go(func() {
				// Each pair is one form that was sent twice.
				switch err := d.SetRoom(t.Context(), closing(fmt.Sprint("c", i/2), "vaccine", "")); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, ErrRoomChanged):
					told.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 2 || told.Load() != many-2 {
			t.Errorf("got %d done and %d told, want one form, sent twice, and the others told", won.Load(), told.Load())
		}
		for _, d := range desks {
			look(t, d)
			same(t, "every node", d.Orders(), desks[0].Orders())
		}
		if all, _, err := desks[0].Trail(t.Context(), Changes, 0); len(all) != 1 || err != nil {
			t.Errorf("got %d lines (%v), want one", len(all), err)
		}
	})
}

func TestOrdersForDifferentRoomsAndAWordMeetAndAllGetIn(t *testing.T) {
	onBothStores(t, func(t *testing.T, node func() *Desk, _ func()) {
		var wg sync.WaitGroup
		for i := range 3 {
			d := node()
			wg.Go(func() {
				if err := d.SetRoom(t.Context(), closing("c", fmt.Sprint("room", i), "")); err != nil {
					t.Error(err)
				}
			})
		}
		d := node()
		wg.Go(func() {
			if err := d.Set(t.Context(), grey("w", "kakao", "점검")); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		look(t, d)
		all, _, err := d.Trail(t.Context(), Changes, 0)
		if len(d.Orders()) != 3 || d.Word("kakao").ID != "w" || len(all) != 4 || err != nil {
			t.Errorf("got %d orders, %+v and %d lines (%v), want all four", len(d.Orders()), d.Word("kakao"), len(all), err)
		}
	})
}

func TestAStoreThatLostOrdersIsGivenThemBack(t *testing.T) {
	onBothStores(t, func(t *testing.T, node func() *Desk, lose func()) {
		a, b := node(), node()
		order(t, a, closing("one", "vaccine", ""))
		look(t, b)
		order(t, a, closing("two", "ticket", ""))
		lose()
		// The one who looks first knows less; nobody goes back by it.
		for range 2 {
			look(t, b)
			look(t, a)
		}
		fresh := node()
		look(t, fresh)
		if len(a.Orders()) != 2 {
			t.Errorf("got %+v, want both orders to hold", a.Orders())
		}
		look(t, b)
		same(t, "whoever knew less", b.Orders(), a.Orders())
		same(t, "whoever comes new", fresh.Orders(), a.Orders())

		// An order over a store that has just lost all is over what is known.
		lose()
		order(t, a, RoomChange{ID: "three", Room: "vaccine", Do: RoomOpen, By: "minsu", Seen: "one"})
		look(t, b)
		if o := b.Orders(); len(o) != 1 || o["ticket"].ID != "two" {
			t.Errorf("got %+v, want the other order to stay", o)
		}
	})
}

func TestWithoutTheStoreKnownOrdersHold(t *testing.T) {
	s := &away{Store: fresh(t)}
	d := NewDesk(Config{Store: s})
	order(t, d, closing("one", "vaccine", ""))
	s.gone.Store(true)
	if err := d.Look(t.Context()); !errors.Is(err, store.ErrUnavailable) || d.Order("vaccine").Closing == nil {
		t.Errorf("got %v, %+v, want the order to hold", err, d.Order("vaccine"))
	}
	if err := d.SetRoom(t.Context(), RoomChange{ID: "two", Room: "vaccine", Do: RoomOpen, Seen: "one"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want the store's absence told", err)
	}
}

func TestAnotherOpeningKeepsItsRoundUnlessItIsToBeginAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sinho.db")
	d := NewDesk(Config{Store: open(t, path)})
	file := Opening{Round: "first"}
	at := func(id, seen string, in time.Duration, anew bool, file Opening) RoomOpening {
		t.Helper()
		order(t, d, RoomChange{
			ID: id, Seen: seen, Room: "vaccine", Do: RoomSchedule, Opens: time.Now().Add(in), Anew: anew, File: file,
			Reason: signal.Text{KO: "예고된 시각"}, By: "jimin",
		})
		return *d.Order("vaccine").Schedule
	}
	one := at("1", "", time.Hour, false, file)
	if one.Round != "" || !one.File.Same(file) || time.Since(one.Announce) > time.Minute || !one.Opens.After(one.Announce) {
		t.Errorf("before the draw of the file's round: got %+v, want that round", one)
	}
	two := at("2", "1", time.Hour, true, file)
	three := at("3", "2", 2*time.Hour, false, file)
	if len(two.Round) != mostRound || three.Round != two.Round {
		t.Errorf("got rounds %q, then %q, want a new one that stays", two.Round, three.Round)
	}
	if four := at("4", "3", time.Hour, true, file); four.Round == two.Round || four.Round == "" {
		t.Errorf("got %q again, want another round", four.Round)
	}
	if five := at("5", "4", time.Hour, false, Opening{Round: "second"}); five.Round != "" {
		t.Errorf("got %q over another file, want the file's round", five.Round)
	}
}

func TestEveryMistakeOfAnOrderIsToldAtOnce(t *testing.T) {
	d := NewDesk(Config{Store: fresh(t), Room: func(r string) bool { return r == "vaccine" }})
	nan := 0.0
	for _, tt := range []struct {
		name   string
		change RoomChange
		want   []error
	}{
		{"no id", RoomChange{Do: RoomOpen}, []error{ErrID}},
		{"an unknown room", RoomChange{Room: "sauna", Do: RoomOpen}, []error{ErrUnknownRoom}},
		{"an unknown action", RoomChange{Do: "flood"}, []error{ErrAction}},
		{"an unknown part", RoomChange{Do: RoomBack, Of: RoomOpen}, []error{ErrAction}},
		{"closing without a reason", RoomChange{Do: RoomClose}, []error{ErrReasonKO, ErrReasonEN}},
		{"a reason too long", RoomChange{Do: RoomOpen, Reason: signal.Text{KO: strings.Repeat("가", 101)}}, []error{ErrReasonLong}},
		{"a notice in one language", RoomChange{Do: RoomClose, Notice: signal.Text{KO: "점검 중"}}, []error{ErrNotice, ErrReasonKO}},
		{"a notice of spaces in one", RoomChange{Do: RoomClose, Notice: signal.Text{KO: "점검 중", EN: " "}}, []error{ErrNotice}},
		{"a notice too long", RoomChange{Do: RoomClose, Notice: signal.Text{KO: strings.Repeat("가", 101), EN: "x"}}, []error{ErrNotice}},
		{"a notice of two lines", RoomChange{Do: RoomClose, Notice: signal.Text{KO: "가", EN: "x\ny"}}, []error{ErrNotice}},
		{"no mode and no reason", RoomChange{Do: RoomMode, Mode: "on"}, []error{ErrReasonKO, ErrMode}},
		{"less than nobody", RoomChange{Do: RoomLimits, Min: -1}, []error{ErrReasonKO, ErrLimits}},
		{"the least above the most", RoomChange{Do: RoomLimits, Min: 5, Max: 4}, []error{ErrLimits}},
		{"more than everybody", RoomChange{Do: RoomLimits, Max: 1e9}, []error{ErrLimits}},
		{"so little that it would be no limit", RoomChange{Do: RoomLimits, Max: 0.0004}, []error{ErrLimits}},
		{"no number", RoomChange{Do: RoomLimits, Max: nan / nan}, []error{ErrLimits}},
		{"an opening that was", RoomChange{Do: RoomSchedule, Opens: time.Now().Add(-time.Hour)}, []error{ErrReasonKO, ErrOpens}},
		{"an opening in no time", RoomChange{Do: RoomSchedule, Opens: time.Now().Add(10 * time.Second)}, []error{ErrOpens}},
		{"an opening years away", RoomChange{Do: RoomSchedule, Opens: time.Now().AddDate(2, 0, 0)}, []error{ErrOpens}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.change
			if c.Room == "" {
				c.Room = "vaccine"
			}
			if tt.name != "no id" {
				c.ID = "id"
			}
			err := d.SetRoom(t.Context(), c)
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("got %v, want it to say %v", err, want)
				}
			}
		})
	}
	if all, _, err := d.Trail(t.Context(), Changes, 0); len(all) != 0 || len(d.Orders()) != 0 || err != nil {
		t.Errorf("got %v, %v, %v, want nothing changed", all, d.Orders(), err)
	}
}

// A notice is for people, a reason for operators: each stays what it is, in the
// order and in the trail. A node of before notices reads an order with one, and
// this one an order without.
func TestAClosingHasWordsForPeopleBesideItsReason(t *testing.T) {
	onBothStores(t, func(t *testing.T, node func() *Desk, _ func()) {
		a, b := node(), node()
		c := closing("one", "vaccine", "")
		c.Notice = signal.Text{KO: " 21시에 다시 열어요. ", EN: "Back at 21:00."}
		order(t, a, c)
		look(t, b)
		want := signal.Text{KO: "21시에 다시 열어요.", EN: "Back at 21:00."}
		if o := b.Order("vaccine"); o.Closing == nil || o.Closing.Notice != want || o.Closing.Reason.KO != "장애" {
			t.Errorf("got %+v, want notice and reason", o.Closing)
		}
		// Closed once more, the words are others and the room was closed all along.
		c = closing("two", "vaccine", "one")
		order(t, b, c)
		look(t, a)
		if o := a.Order("vaccine"); o.Closing == nil || o.Closing.Notice != (signal.Text{}) {
			t.Errorf("got %+v, want it closed without words", o.Closing)
		}
		all, _, err := a.Trail(t.Context(), Changes, 0)
		if err != nil || len(all) != 2 || all[1].Ordered.Closing.Notice != want || all[1].Ordered.Closing.Reason.KO != "" || all[0].Replaced.Closing.Notice != want {
			t.Errorf("got %+v (%v), want the words in the trail", all, err)
		}
	})
	older, err := decodeOrders([]byte(`{"version":7,"rooms":{"vaccine":{"id":"one","closing":{"by":"jimin","at":"2026-11-27T03:04:05Z","reason":{"ko":"장애","en":"Outage"}}}}}`))
	if o := older.Rooms["vaccine"]; err != nil || o.Closing == nil || o.Closing.By != "jimin" || o.Closing.Notice != (signal.Text{}) {
		t.Errorf("got %+v (%v), want the older node's closing", older, err)
	}
	newer, err := orders{Version: 8, Rooms: map[string]RoomOrder{"vaccine": {ID: "two", Closing: &RoomClosing{Said{By: "jimin"}, signal.Text{KO: "가", EN: "a"}}}}}.encode(func(string) bool { return true })
	var read struct { // as a node of before reads it
		Rooms map[string]struct {
			Closing *struct{ Said } `json:"closing"`
		} `json:"rooms"`
	}
	if err != nil || json.Unmarshal(newer, &read) != nil || read.Rooms["vaccine"].Closing == nil || read.Rooms["vaccine"].Closing.By != "jimin" {
		t.Errorf("got %+v (%v), want the order without its words", read, err)
	}
}

func TestTheRecordOfOrdersIsBoundedAndRoomsThatLeftGiveWay(t *testing.T) {
	known := func(string) bool { return true }
	d := NewDesk(Config{Store: fresh(t), Room: func(r string) bool { return known(r) }})
	long := signal.Text{KO: strings.Repeat("가", MostReason), EN: strings.Repeat("e", MostReason)}
	var err error
	rooms := 0
	for ; err == nil && rooms < 100; rooms++ {
		c := closing("c", fmt.Sprint("room", rooms), "")
		c.Reason = long
		err = d.SetRoom(t.Context(), c)
	}
	if !errors.Is(err, ErrFull) || rooms < 20 {
		t.Fatalf("got %v after %d rooms, want it full after more than twenty", err, rooms)
	}
	known = func(r string) bool { return r != "room0" && r != "room1" }
	order(t, d, closing("c", "last", ""))
	if o := d.Order("last"); o.Closing == nil {
		t.Error("no room was made")
	}
}
