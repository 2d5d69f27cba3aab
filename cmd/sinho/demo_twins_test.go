package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/demo"
	"sinho/simulate"
)

// wall is a clock that goes when told to.
type wall struct{ at time.Time }

func (w *wall) now() time.Time                   { return w.at }
func (w *wall) pass(seconds float64)             { w.at = w.at.Add(time.Duration(seconds * float64(time.Second))) }
func newWall() *wall                             { return &wall{time.Unix(1_700_000_000, 0)} }
func fates(l demo.TwinLane) []int                { return []int{l.Came, l.In, l.GaveUp, l.Left, l.Outside, l.Again} }
func sentences(s demo.TwinState) (ko, en string) { v := s.Verdict(); return v.KO, v.EN }

func TestTheTwinsVerdictIsWhatTheModelCounts(t *testing.T) {
	clock := newWall()
	w := newTwins(41, clock.now)
	if s := w.look(); s.Play != 0 || s.On || len(s.Left.Doors) != simulate.PlayDoors || s.Left.Doors[1].ID != "kakao" {
		t.Errorf("before anything was pressed: %+v", s)
	}
	w.press("", "storm")
	clock.pass(1.5)
	w.press("kakao", "server")
	clock.pass(5)
	if s := w.look(); !s.On || !s.Storm || s.Play != 1 || s.Fault["kakao"] != "server" || s.Seconds != 6.5*twinPace {
		t.Errorf("under way: %+v", s)
	} else if ko, _ := sentences(s); ko != "" {
		t.Errorf("a verdict before the end: %s", ko)
	}
	clock.pass(simulate.PlayFor)
	s := w.look()
	if s.On || s.Storm {
		t.Errorf("it goes on: %+v", s)
	}

	// The same once more, without the stage.
	again := func(p simulate.Policy) simulate.Scene {
		one := simulate.NewPlay(p, 42)
		one.Storm()
		one.Advance(1.5 * twinPace)
		one.Break(1, simulate.Hangs)
		one.Advance(simulate.PlayFor)
		return one.Look()
	}
	left, right := again(simulate.LeastLatency), again(simulate.Ours)
	for side, lanes := range map[string][2]demo.TwinLane{"left": {w.lane(left), s.Left}, "right": {w.lane(right), s.Right}} {
		if diff := cmp.Diff(fates(lanes[0]), fates(lanes[1])); diff != "" {
			t.Errorf("%s (-model +stage):\n%s", side, diff)
		}
	}
	ko, en := sentences(s)
	for _, want := range []string{fmt.Sprintf("%d명(절반이 %.0f초", left.In, left.Half), fmt.Sprintf("%d명(절반이 %.0f초", right.In, right.Half)} {
		if !strings.Contains(ko, want) {
			t.Errorf("the verdict %q lacks %q", ko, want)
		}
	}
	for _, want := range []string{fmt.Sprintf("%d got in", left.In), fmt.Sprintf("%d with Sinho", right.In), fmt.Sprintf("95\u00a0%% within %.0f s, %d had to try again).", right.Most, right.Again)} {
		if !strings.Contains(en, want) {
			t.Errorf("the verdict %q lacks %q", en, want)
		}
	}
}

func TestWhatIsBrokenStaysSoUntilAllRecovers(t *testing.T) {
	clock := newWall()
	w := newTwins(1, clock.now)
	w.press("kakao", "page")
	clock.pass(simulate.PlayFor)
	w.press("", "storm") // another play, Kakao's page still dead
	clock.pass(12)
	s := w.look()
	if s.Play != 2 || s.Fault["kakao"] != "page" || s.Right.Doors[1].Light == "green" {
		t.Errorf("the second play: %+v, want Kakao's page dead in it too", s)
	}
	w.press("", "recover")
	if s := w.look(); !s.On || s.Storm || len(s.Fault) != 0 {
		t.Errorf("recovered: %+v, want the play to go on without storm and fault", s)
	}
	clock.pass(simulate.PlayFor)
	w.press("", "recover")
	w.press("kakao", "fire")
	if s := w.look(); s.On || s.Play != 2 {
		t.Errorf("recovery, or what nobody knows, began a play: %+v", s)
	}
}
