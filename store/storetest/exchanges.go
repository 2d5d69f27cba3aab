package storetest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/store"
)

// Exchange is one node's place where nodes meet once a second.
type Exchange interface {
	Leave(ctx context.Context, second int64, report []byte, floor int64) (taken bool, err error)
	Look(ctx context.Context, after, upto int64, known string) (store.Sight, error)
	Advance(ctx context.Context, from string, second int64, state []byte) (version string, won bool, err error)
}

// RunExchange checks an exchange against its contract. open gives an empty one:
// the place of any node at it, and its clock.
func RunExchange(t *testing.T, open func(t *testing.T) (seat func(node string) Exchange, now func() time.Time)) {
	t.Helper()
	run := func(name string, test func(*testing.T, *meeting)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &meeting{t: t}
			m.seat, m.now = open(t)
			test(t, m)
		})
	}
	run("a second takes reports until it is sealed", reportsUntilSealed)
	run("a second that is not over takes nothing early", reportsNotEarly)
	run("a state replaces only the one it was made from", statesReplace)
	run("of many that advance at once one wins", statesRace)
	run("the floor only rises", floorRises)
	run("a context that has ended changes nothing", endedContext)
}

type meeting struct {
	t    *testing.T
	seat func(node string) Exchange
	now  func() time.Time
}

// leave demands no error.
func (m *meeting) leave(node string, second int64, report string) bool {
	m.t.Helper()
	taken, err := m.seat(node).Leave(m.t.Context(), second, []byte(report), 0)
	if err != nil {
		m.t.Fatalf("leave: %v", err)
	}
	return taken
}

func (m *meeting) look(node string, after, upto int64, known string) store.Sight {
	m.t.Helper()
	sight, err := m.seat(node).Look(m.t.Context(), after, upto, known)
	if err != nil {
		m.t.Fatalf("look: %v", err)
	}
	return sight
}

func (m *meeting) advance(node, from string, second int64, state string) (string, bool) {
	m.t.Helper()
	version, won, err := m.seat(node).Advance(m.t.Context(), from, second, []byte(state))
	if err != nil {
		m.t.Fatalf("advance: %v", err)
	}
	return version, won
}

// until waits for a condition.
func (m *meeting) until(what string, holds func() bool) {
	m.t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > patience {
			m.t.Fatalf("%s: still not so after %v", what, patience)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func reportsUntilSealed(t *testing.T, m *meeting) {
	var second int64
	m.until("two nodes leave a report in time", func() bool { // a slow machine tries again
		second = m.now().Unix() - 1
		return m.leave("a", second, "of a") && m.leave("b", second, "of b") && m.leave("a", second, "of a")
	})
	if sight := m.look("a", second-1, second, ""); sight.Sealed < second && len(sight.Left) > 0 {
		t.Errorf("before it is sealed: got %v, want nothing shown", sight.Left)
	}
	var sight store.Sight
	m.until("the second is sealed", func() bool {
		sight = m.look("b", second-1, second, "")
		return sight.Sealed >= second
	})
	want := []store.Left{{Second: second, By: map[string][]byte{"a": []byte("of a"), "b": []byte("of b")}}}
	if diff := cmp.Diff(want, sight.Left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, node := range []string{"a", "c"} {
		if m.leave(node, second, "late") {
			t.Errorf("a late report of %s was taken", node)
		}
	}
	if diff := cmp.Diff(want, m.look("b", second-1, second, "").Left); diff != "" {
		t.Errorf("after late reports (-want +got):\n%s", diff)
	}
	if got := m.look("b", second, second, "").Left; len(got) > 0 {
		t.Errorf("asked for nothing: got %v", got)
	}
}

func reportsNotEarly(t *testing.T, m *meeting) {
	if m.leave("a", m.now().Unix()+10, "early") {
		t.Error("a report of a second to come was taken")
	}
}

func statesReplace(t *testing.T, m *meeting) {
	empty := m.look("a", 0, 0, "")
	if empty.Version != "" || empty.State != nil || empty.Floor != 0 {
		t.Errorf("an empty one: got %+v", empty)
	}
	if _, won := m.advance("a", "", empty.Sealed+10, "early"); won {
		t.Error("a state of a second that is not sealed was taken")
	}
	second := empty.Sealed
	first, won := m.advance("a", "", second, "one")
	again, wonAgain := m.advance("a", "", second, "one")
	if !won || !wonAgain || first == "" || first != again {
		t.Errorf("got %q %t, and repeated %q %t, want the same version to win", first, won, again, wonAgain)
	}
	if _, won := m.advance("b", "", second, "other"); won {
		t.Error("a state made from none replaced one")
	}
	sight := m.look("b", 0, 0, "")
	if sight.Version != first || sight.Second != second || string(sight.State) != "one" {
		t.Errorf("got %+v, want the first state", sight)
	}
	if sight := m.look("b", 0, 0, first); sight.State != nil || sight.Version != first {
		t.Errorf("asked with its version: got %+v, want no bytes", sight)
	}
	m.until("another second is sealed", func() bool { return m.look("b", 0, 0, "").Sealed > second })
	next, won := m.advance("b", first, second+1, "two")
	if sight := m.look("a", 0, 0, first); !won || sight.Version != next || string(sight.State) != "two" || sight.Second != second+1 {
		t.Errorf("got %+v, want the second state", sight)
	}
	if _, won := m.advance("a", first, second+1, "stale"); won {
		t.Error("a state made from an older one replaced a newer")
	}
}

func statesRace(t *testing.T, m *meeting) {
	var from string
	for round := range 20 {
		second := m.look("judge", 0, 0, "").Sealed
		states := make([][]byte, 8)
		wins := make([]string, len(states))
		var racers sync.WaitGroup
		for i := range states {
			states[i] = fmt.Appendf(nil, "round %d of %d", round, i)
			racers.Go(func() {
				version, won, err := m.seat(fmt.Sprintf("%d-%d", round, i)).Advance(t.Context(), from, second, states[i])
				if err != nil {
					t.Errorf("advance: %v", err)
				}
				if won {
					wins[i] = version
				}
			})
		}
		racers.Wait()
		winner := -1
		for i, version := range wins {
			if version == "" {
				continue
			}
			if winner >= 0 {
				t.Fatalf("round %d: both %d and %d won", round, winner, i)
			}
			winner = i
		}
		sight := m.look("judge", 0, 0, "")
		if winner < 0 || sight.Version != wins[winner] || !bytes.Equal(sight.State, states[winner]) {
			t.Fatalf("round %d: %d won and %+v stands", round, winner, sight)
		}
		from = sight.Version
	}
}

func floorRises(t *testing.T, m *meeting) {
	for _, floor := range []int64{3, 9, 4} {
		// Late or not, the number counts.
		if _, err := m.seat("a").Leave(t.Context(), m.now().Unix()-30, nil, floor); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.look("b", 0, 0, "").Floor; got != 9 {
		t.Errorf("got %d, want the highest, 9", got)
	}
}

func endedContext(t *testing.T, m *meeting) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	second := m.look("a", 0, 0, "").Sealed
	if _, won, err := m.seat("a").Advance(ctx, "", second, []byte("x")); won || err == nil {
		t.Errorf("advance: got %t, %v, want an error", won, err)
	}
	if _, err := m.seat("a").Look(ctx, 0, 0, ""); err == nil {
		t.Error("look: got no error")
	}
	if taken, err := m.seat("a").Leave(ctx, m.now().Unix()-1, nil, 5); taken || err == nil {
		t.Errorf("leave: got %t, %v, want an error", taken, err)
	}
	if sight := m.look("a", 0, 0, ""); sight.Version != "" || sight.Floor != 0 {
		t.Errorf("got %+v, want nothing changed", sight)
	}
}
