package signal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unnamed are the fields that a node without an annex knows nothing of.
func unnamed() []string { return []string{"Completed", "Uncounted", "Capacities", "lately"} }

// kept are the bytes of testdata/cluster.
func kept(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("../testdata/cluster/" + name + ".hex")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestWhatOlderNodesWriteIsRead: report-v1 and state-v1 were written before there
// was an annex, and are never written anew.
func TestWhatOlderNodesWriteIsRead(t *testing.T) {
	var r Report
	if err := r.UnmarshalBinary(kept(t, "report-v1")); err != nil {
		t.Fatal(err)
	}
	want := fullReport(unnamed()...)
	for i := range want.Providers {
		want.Providers[i].Bucket.Uncounted = 1
	}
	if diff := cmp.Diff(want, r, everything); diff != "" {
		t.Errorf("a report (-want +got):\n%s", diff)
	}
	var s State
	if err := s.UnmarshalBinary(kept(t, "state-v1")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullState(unnamed()...), s, everything); diff != "" {
		t.Errorf("a state (-want +got):\n%s", diff)
	}
	// state-v1-annex was written before shares went by contracts.
	if err := s.UnmarshalBinary(kept(t, "state-v1-annex")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullState("heldArrivals", "lately", "advice"), s, everything); diff != "" {
		t.Errorf("a state with an annex (-want +got):\n%s", diff)
	}
	// state-v1-contracts was written before returns were held against a week's.
	if err := s.UnmarshalBinary(kept(t, "state-v1-contracts")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullState("lately", "advice"), s, everything); diff != "" {
		t.Errorf("a state with contracts (-want +got):\n%s", diff)
	}
	// state-v1-lately was written before there was a recommendation to share.
	if err := s.UnmarshalBinary(kept(t, "state-v1-lately")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullState("advice"), s, everything); diff != "" {
		t.Errorf("a state with who left lately (-want +got):\n%s", diff)
	}
}

// TestOlderNodesReadWhatIsWritten reads as they do: the walk alone.
func TestOlderNodesReadWhatIsWritten(t *testing.T) {
	report := fullReport()
	raw, _ := report.MarshalBinary()
	var r Report
	w := wire{buf: raw, reading: true}
	r.walk(&w)
	if _, err := w.end(); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Providers); n != len(report.Providers)+1 {
		t.Fatalf("got %d providers in a report, want one more than it has", n)
	}
	extra := r.Providers[len(report.Providers)]
	if extra.Bucket.Legs.Total()+extra.InFlight.Total()+int(extra.Bucket.Started) != 0 || !strings.HasPrefix(extra.ID, annexMark) {
		t.Errorf("got %+v, want a provider nobody has and nobody uses", extra)
	}

	state := fullState()
	raw, _ = state.MarshalBinary()
	var s State
	w = wire{buf: raw, reading: true}
	s.walk(&w)
	if _, err := w.end(); err != nil {
		t.Fatal(err)
	}
	if annex := s.Lamps[len(s.Lamps)-1]; annex.Lamp.Seen() != state.Second {
		t.Errorf("the annex has seen %d, want the state's second %d, or it is not passed on", annex.Lamp.Seen(), state.Second)
	}
	// They put what they do not have before their own.
	s.Lamps = append(s.Lamps[len(s.Lamps)-1:], s.Lamps[:len(s.Lamps)-1]...)
	var on wire
	s.walk(&on)
	var back State
	if err := back.UnmarshalBinary(on.buf); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(state, back, everything); diff != "" {
		t.Errorf("passed on by an older node it is another (-sent +read):\n%s", diff)
	}
}

// annexed is a state whose annex is this.
func annexed(annex []byte) []byte {
	s := State{Second: 7, Lamps: []SharedLamp{{ID: annexMark + string(annex), Lamp: Lamp{Light: Yellow, seen: 7}}}}
	var w wire
	s.walk(&w)
	return w.buf
}

func TestAnAnnexMayLearnMore(t *testing.T) {
	one := SharedCapacity{ID: "kakao", Capacity: Capacity{Estimate: 4, seen: 7}}
	var w wire
	w.record(900, func(w *wire) { w.buf = append(w.buf, "whatever"...) })
	w.record(tagCapacity, func(w *wire) {
		one.walk(w)
		w.buf = append(w.buf, 1, 2, 3)
	})
	var s State
	if err := s.UnmarshalBinary(annexed(w.buf)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(State{Second: 7, Capacities: []SharedCapacity{one}}, s, everything); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhoLeftLatelyFindsItsLamp(t *testing.T) {
	var one Lamp
	one.Light, one.seen = Yellow, 1_700_000_000
	one.lately.take(&Bucket{Second: one.seen, Started: 3}, true)
	of := func(id string) func(*wire) {
		return func(w *wire) {
			w.text(&id)
			one.lately.walk(w)
		}
	}
	state := func(ids ...string) []byte {
		var annex, w wire
		annex.record(tagLately, of("kakao"))
		s := State{Second: 7}
		for _, id := range ids {
			s.Lamps = append(s.Lamps, SharedLamp{ID: id, Lamp: Lamp{Light: Yellow, seen: one.seen + 90}}) // stepped meanwhile
		}
		s.Lamps = append(s.Lamps, SharedLamp{ID: annexMark + string(annex.buf), Lamp: Lamp{Light: Yellow, seen: 7}})
		s.walk(&w)
		return w.buf
	}
	var s State
	if err := s.UnmarshalBinary(state("naver", "kakao")); err != nil || s.Lamps[1].Lamp.lately != one.lately || s.Lamps[0].Lamp.lately != (lately{}) {
		t.Errorf("got %v and %+v, want it at kakao alone", err, s.Lamps)
	}
	if err := s.UnmarshalBinary(state("naver")); err != nil {
		t.Errorf("of a provider that is gone: got %v, want it passed over", err)
	}
	if err := s.UnmarshalBinary(state("kakao", "kakao")); !errors.Is(err, ErrFormat) {
		t.Errorf("of two lamps: got %v, want ErrFormat", err)
	}
}

func TestABrokenAnnexIsRefused(t *testing.T) {
	var good, negative, unfair wire
	one := SharedCapacity{ID: "kakao", Capacity: Capacity{Estimate: 4}}
	good.record(tagCapacity, one.walk)
	good.record(tagAdvice, one.walkAdvice)
	one.Capacity.Estimate = -4
	negative.record(tagCapacity, one.walk)
	one.Capacity.advice.share = -1
	unfair.record(tagAdvice, one.walkAdvice)
	for name, annex := range map[string][]byte{
		"cut": good.buf[:len(good.buf)-1], "a tag alone": {4}, "an empty record": {4, 0}, "a negative amount": negative.buf,
		"a negative share": unfair.buf,
		"no varint":        bytes.Repeat([]byte{255}, 12),
	} {
		if err := new(State).UnmarshalBinary(annexed(annex)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %v, want ErrFormat", name, err)
		}
	}
	if err := new(State).UnmarshalBinary(annexed(good.buf)); err != nil {
		t.Errorf("a good one: got %v", err)
	}
}
