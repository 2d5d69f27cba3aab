package signal

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// fill gives every field, hidden ones too, a value of its own, so that one that
// the wire forgets is missed.
func fill(v reflect.Value, next *int64, without ...string) {
	if !v.CanSet() {
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	*next++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1_790_000_000+*next, 5).UTC()))
		return
	case Light:
		v.Set(reflect.ValueOf(Light(*next%4 + 1)))
		return
	case *Override:
		return // stays with the node
	}
	switch v.Kind() {
	case reflect.Struct:
		for kind, field := range v.Fields() {
			if !slices.Contains(without, kind.Name) {
				fill(field, next, without...)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), next, without...)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), next, without...)
		}
	case reflect.String:
		v.SetString("신호" + time.Duration(*next).String())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(float64(*next) + 0.25)
	case reflect.Int, reflect.Int64:
		v.SetInt(*next)
	case reflect.Uint32:
		v.SetUint(uint64(*next))
	case reflect.Uint8:
		v.SetUint(uint64(*next % 256))
	default:
		panic("a field of kind " + v.Kind().String() + ", which the wire does not know")
	}
}

func fullReport(without ...string) Report {
	var r Report
	fill(reflect.ValueOf(&r).Elem(), new(int64), without...)
	for i := range r.Providers {
		r.Providers[i].Bucket.Second = r.Second
	}
	return r
}

func fullState(without ...string) State {
	var s State
	fill(reflect.ValueOf(&s).Elem(), new(int64), without...)
	return s
}

// everything compares hidden fields too.
var everything = cmp.Exporter(func(reflect.Type) bool { return true })

func TestEveryFieldOfAReportTravels(t *testing.T) {
	want := fullReport()
	raw, err := want.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := got.UnmarshalBinary(raw); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, everything); diff != "" {
		t.Errorf("it came back as another (-sent +read):\n%s", diff)
	}
}

func TestEveryFieldOfAStateTravels(t *testing.T) {
	want := fullState()
	raw, err := want.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got State
	if err := got.UnmarshalBinary(raw); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, everything); diff != "" {
		t.Errorf("it came back as another (-sent +read):\n%s", diff)
	}
}

// TestFormatsStay keeps what a node of this version writes readable by the next:
// a change here needs a new format byte, and the old one read for a while.
func TestFormatsStay(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wrote interface{ MarshalBinary() ([]byte, error) }
	}{
		{"report-v1-annex", fullReport()},
		{"state-v1-advice", fullState()},
	} {
		path := filepath.Join("../testdata/cluster", tt.name+".hex")
		raw, err := tt.wrote.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, []byte(hex.EncodeToString(raw)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(raw); got != strings.TrimSpace(string(want)) {
			t.Errorf("%s: written in another way than %s", tt.name, path)
		}
	}
}

func TestWhatIsNoReportOrStateIsRefused(t *testing.T) {
	report, _ := fullReport().MarshalBinary()
	state, _ := fullState().MarshalBinary()
	newer := append([]byte{2}, state[1:]...)
	for name, raw := range map[string][]byte{"nothing": nil, "a newer format": newer, "more behind": append(state, 0)} {
		if err := new(State).UnmarshalBinary(raw); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %v, want ErrFormat", name, err)
		}
	}
	for i := range len(report) {
		if err := new(Report).UnmarshalBinary(report[:i]); !errors.Is(err, ErrFormat) {
			t.Fatalf("a report of %d bytes: got %v, want ErrFormat", i, err)
		}
	}
	for i := range len(state) {
		if err := new(State).UnmarshalBinary(state[:i]); !errors.Is(err, ErrFormat) {
			t.Fatalf("a state of %d bytes: got %v, want ErrFormat", i, err)
		}
	}
}

func FuzzState(f *testing.F) {
	state, _ := fullState().MarshalBinary()
	f.Add(state)
	f.Add([]byte{stateV1, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s State
		if s.UnmarshalBinary(raw) != nil {
			return
		}
		again, err := s.MarshalBinary()
		if err != nil {
			t.Fatalf("it was read and cannot be written: %v", err)
		}
		var same State
		if err := same.UnmarshalBinary(again); err != nil || !cmp.Equal(s, same, everything) {
			t.Fatalf("read, written and read it is another: %v", err)
		}
	})
}

func FuzzReport(f *testing.F) {
	report, _ := fullReport().MarshalBinary()
	f.Add(report)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r, same Report
		if r.UnmarshalBinary(raw) != nil {
			return
		}
		again, err := r.MarshalBinary()
		if err != nil {
			t.Fatalf("it was read and cannot be written: %v", err)
		}
		if err := same.UnmarshalBinary(again); err != nil || !cmp.Equal(r, same, everything) {
			t.Fatalf("read, written and read it is another: %v", err)
		}
	})
}

// TestALampGoesOnAsIfItHadNotTravelled hands a lamp over at every second of a
// lively quarter of an hour, and holds it against one that stayed.
func TestALampGoesOnAsIfItHadNotTravelled(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	rules := DefaultRules()
	var stayed, travelled Lamp
	var buckets []Bucket
	lights := map[Light]bool{}
	most := 0
	for second := int64(1_790_000_000); second < 1_790_000_900; second++ {
		b := Bucket{Second: second}
		bad := second%300 > 200
		for range 20 {
			b.Started++
			if stayed.Light == Green {
				b.StartedGreen++
			}
			if bad {
				b.Errors[TimedOut]++
				b.Legs[50]++
				continue
			}
			b.Legs.Observe(time.Duration(rng.IntN(400)) * time.Millisecond)
			b.Came(second-int64(rng.IntN(20)), 1, 0)
		}
		b.ProbesOK = 1
		buckets = append(buckets, b)
		buckets = buckets[max(len(buckets)-60, 0):]
		now := time.Unix(second+1, 0).UTC()
		sample := Sample{Buckets: buckets}
		stayed, travelled = stayed.Step(rules, sample, now), travelled.Step(rules, sample, now)
		lights[stayed.Light] = true
		raw, err := State{Lamps: []SharedLamp{{ID: "kakao", Lamp: travelled}}}.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(raw))
		var s State
		if err := s.UnmarshalBinary(raw); err != nil {
			t.Fatal(err)
		}
		travelled = s.Lamps[0].Lamp
		if a, b := stayed.Status("kakao", Text{}, now), travelled.Status("kakao", Text{}, now); a != b || stayed.Honest != travelled.Honest || stayed.ProbeEvery != travelled.ProbeEvery {
			t.Fatalf("after %d s: got %+v, want %+v", second-1_790_000_000, b, a)
		}
	}
	if !lights[Green] || !lights[Grey] || !lights[Yellow] {
		t.Errorf("got only %v: too quiet a run to show anything", lights)
	}
	t.Logf("at most %d bytes", most)
}
