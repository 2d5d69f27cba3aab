package lobby

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

// frames is testdata/lobby/frame.json, against which a page's JavaScript is held
// too: what goes over the wire, and what devices make of it.
type frames struct {
	About  string   `json:"about"`
	Frames []framed `json:"frames"`
}

type framed struct {
	Name  string `json:"name"`
	Wire  string `json:"wire"`
	Views []seen `json:"views"`
}

type seen struct {
	Number uint64  `json:"number"`
	Late   uint64  `json:"late"`
	Since  float64 `json:"since"` // seconds
	View   View    `json:"view"`
}

func TestFramesAreTheGoldenOnes(t *testing.T) {
	opening := Opening{At: after(10), Seed: seedOf(3)}
	before := Queue{Epoch: 1, Second: noon.Unix(), Main: Lane{Next: 5000}, Show: 1000}
	q := before.Draw(opening.At)
	drawn := q
	drawn.Second = opening.At.Unix()
	for i := range 200 {
		q.Main.Next += 9
		q = q.Step(Rules{}, Sample{Capacity: 20, Live: []uint32{400, 700, 700, 700, 700, 700, 700}}, after(float64(11+i)))
	}
	late := q
	late.Late.Next = 40
	late = late.Step(Rules{}, Sample{Capacity: 20}, after(211))
	standing := late.Step(Rules{}, Sample{}, after(240))
	closed := standing.Switch(false, after(241))
	free := opened(0).Step(Rules{}, Sample{Capacity: 20}, after(1))

	all := frames{About: "wire: one frame as it is sent. views: what a device makes of it, for its number, its number in the late lane and 1 (0: not in it), so many seconds after it came; P50 and P90 in seconds"}
	for _, one := range []struct {
		name string
		q    Queue
		o    Opening
	}{
		{"before the opening", before, opening},
		{"drawn, the seed still secret", drawn, opening},
		{"on the way", q, opening},
		{"with a late lane", late, opening},
		{"standing", standing, opening},
		{"closed", closed, opening},
		{"without an opening, nobody waiting", free, Opening{}},
	} {
		f := one.q.Frame("vaccine", one.o, 17)
		wire, err := f.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if len(wire) > 400 {
			t.Errorf("%s: got %d bytes, want 400 at most", one.name, len(wire))
		}
		var came Frame
		if err := json.Unmarshal(wire, &came); err != nil || came != f {
			t.Errorf("%s: got %+v, %v, want %+v", one.name, came, err, f)
		}
		g := framed{Name: one.name, Wire: string(wire)}
		for _, s := range []seen{{Number: 0}, {Number: 1}, {Number: 77, Since: 0.5}, {Number: 4999}, {Number: 77, Late: 1}, {Number: 2, Late: 31}, {Number: 6799, Since: 3}} {
			if s.View, err = came.View(s.Number, s.Late, time.Duration(s.Since*float64(time.Second))); err != nil {
				t.Fatal(err)
			}
			g.Views = append(g.Views, s)
		}
		all.Frames = append(all.Frames, g)
	}
	golden(t, "../testdata/lobby/frame.json", all)
}

// What a device shows and what the server decides are the same.
func TestADeviceSeesItsTurnWhenTheServerDoes(t *testing.T) {
	o := Opening{At: after(0), Seed: seedOf(3)}
	q := Queue{Epoch: 1, Second: noon.Unix() - 1, Main: Lane{Next: 4000}}.Draw(o.At)
	turns := 0
	for i := range 400 {
		q = q.Step(Rules{Max: 10}, Sample{Capacity: 100}, after(float64(i)))
		q.Closed = i%50 == 49
		f := q.Frame("room", o, 0)
		for tenth := range 10 {
			since := time.Duration(tenth) * 100 * time.Millisecond
			for number := uint64(0); number < 4000; number += 37 {
				view, err := f.View(number, 0, since)
				if err != nil {
					t.Fatal(err)
				}
				says := q.Admits(&Ticket{Number: number}, o.Seed, after(float64(i)).Add(since))
				if view.Called != (says == nil) || view.TooLate != errors.Is(says, ErrTooLate) {
					t.Fatalf("second %d, number %d: the device sees %+v, the server says %v", i, number, view, says)
				}
				if view.Called {
					turns++
				}
			}
		}
	}
	if turns == 0 {
		t.Error("nobody was called")
	}
}

func TestAFrameOfAnotherVersionOrABrokenSeedShowsNothing(t *testing.T) {
	for name, f := range map[string]Frame{
		"version 2":         {Version: 2},
		"half a seed":       {Version: 1, Seed: "0102", Proof: "00", Crowd: 5},
		"a seed of letters": {Version: 1, Seed: "zz", Proof: "00", Crowd: 5},
	} {
		if v, err := f.View(1, 0, 0); !errors.Is(err, ErrMalformed) || v != (View{}) {
			t.Errorf("%s: got %+v, %v, want ErrMalformed", name, v, err)
		}
	}
}

func FuzzFrame(f *testing.F) {
	q := opened(100).Step(Rules{}, Sample{Capacity: 3}, after(1))
	frame := q.Frame("room", Opening{after(0), seedOf(1)}, 1)
	wire, err := frame.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire, uint64(5), uint64(2), int64(300))
	f.Fuzz(func(t *testing.T, wire []byte, number, late uint64, since int64) {
		var frame Frame
		if json.Unmarshal(wire, &frame) != nil {
			return
		}
		if v, err := frame.View(number, late, time.Duration(since)); err == nil && v.Known && (v.P50 < 0 || v.P90 < v.P50 && frame.Slow <= frame.Rate) {
			t.Errorf("got %+v of %+v", v, frame)
		}
	})
}
