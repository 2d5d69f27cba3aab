package signal

import (
	"math"
	"testing"
	"time"
)

func TestAMinuteSumsItsSecondsUnderTheWorstLight(t *testing.T) {
	var h History
	second := func(at int64, took time.Duration) Bucket {
		b := Bucket{Second: at, Started: 2}
		b.Came(at, 1, 0)
		b.Legs.Observe(took)
		b.Errors[TimedOut] = 1
		return b
	}
	if closed := h.Take([]Bucket{second(120, 100*time.Millisecond), second(121, 2*time.Second)}, Shown{Light: Green}); closed != nil {
		t.Fatalf("got %v closed, want none yet", closed)
	}
	h.Take([]Bucket{second(121, time.Second), second(179, 100*time.Millisecond)}, Shown{Light: Red, Overruled: true})
	closed := h.Take([]Bucket{second(180, time.Second)}, Shown{Light: Yellow})
	if len(closed) != 1 {
		t.Fatalf("got %d closed, want 1", len(closed))
	}
	sum, measured := closed[0].Sum()
	got := MinuteOf(closed[0].At, sum)
	if measured != 3 {
		t.Errorf("got %d seconds, want 3", measured)
	}
	if got.At != 2 || got.Light != Red || !got.Override || got.Started != 6 || got.Returned != 3 || got.Legs != 3 || got.Failed != 3 {
		t.Errorf("got %+v, want three seconds, each once, under red", got)
	}
	if got.P50 > 120*time.Millisecond || got.P99 < 2*time.Second || got.P99 > 2400*time.Millisecond {
		t.Errorf("got p50 %v, p99 %v, want about 0.1 s and 2 s", got.P50, got.P99)
	}
	if all := h.Minutes(0, 10); len(all) != 2 || all[1].At != 3 || all[1].Light != Yellow {
		t.Errorf("got %+v, want the minute under way too", all)
	}
}

func TestANodeThatStartsDoesNotPaintThePastInTodaysLight(t *testing.T) {
	var old, young History
	var seconds []Bucket
	for at := int64(600); at <= 665; at++ {
		seconds = append(seconds, Bucket{Second: at, Started: 1})
	}
	closed := old.Take(seconds[:31], Shown{Light: Green})
	closed = append(closed, old.Take(seconds[31:], Shown{Light: Grey, Since: 631, Overruled: true})...)
	late := young.Take(seconds, Shown{Light: Grey, Since: 631, Overruled: true})
	if len(closed) != 1 || len(late) != 1 {
		t.Fatalf("got %d and %d minutes, want one each", len(closed), len(late))
	}
	if got, _ := late[0].Sum(); got.Lights[Grey] != 30 || got.Overruled != 30 || got.Started != 60 {
		t.Errorf("got %+v, want grey since it was", got)
	}
	got, _ := late[0].Merge(closed[0].Parts).Sum()
	if got.Lights[Green] != 31 || got.Lights[Grey] != 29 || got.Started != 60 {
		t.Errorf("got %+v, want the node that knows more to stand", got)
	}
}

func TestAHistoryForgetsAfterADayAndKeepsItsOwn(t *testing.T) {
	var h History
	const first = int64(10_000)
	for at := first; at < first+HistoryMinutes+5; at++ {
		h.Take([]Bucket{{Second: at * 60}}, Shown{Light: Green})
	}
	last := first + HistoryMinutes + 4
	all := h.Minutes(0, last)
	if len(all) != HistoryMinutes || all[0].At != first+5 || all[len(all)-1].At != last {
		t.Errorf("got %d minutes from %d, want the last day", len(all), all[0].At)
	}
	h.Put(Minute{At: last - 3, Light: Red})              // recorded here already
	h.Put(Minute{At: first + 2, Light: Red})             // its place is taken by a newer one
	h.Put(Minute{At: last - HistoryMinutes, Light: Red}) // the place of the one under way
	if all := h.Minutes(0, last); all[len(all)-4].Light != Green || len(all) != HistoryMinutes {
		t.Error("a loaded minute replaced one that was recorded here")
	}
	var empty History
	empty.Put(Minute{At: 7, Light: Red})
	empty.Put(Minute{})
	if all := empty.Minutes(0, 20); len(all) != 1 || all[0].Light != Red {
		t.Errorf("got %+v, want the loaded minute alone", all)
	}
}

func TestQuantilesAreBoundsOfBuckets(t *testing.T) {
	var h Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("empty: got %v, want 0", got)
	}
	for range 99 {
		h.Observe(time.Second)
	}
	h.Observe(time.Hour)
	if p50, p99, p100 := h.Quantile(0.5), h.Quantile(0.99), h.Quantile(1); p50 != time.Second || p99 != time.Second || p100 != Bound(HistogramBuckets-2) {
		t.Errorf("got %v, %v, %v, want 1 s, 1 s and the last bound", p50, p99, p100)
	}
}

func TestAViewHasTheNumbersTheLightIsJudgedBy(t *testing.T) {
	r := DefaultRules()
	var l Lamp
	now := time.Unix(1_000_000, 0)
	var seconds []Bucket
	for i := range int64(20) {
		b := Bucket{Second: now.Unix() + i}
		for range 4 {
			b.Legs.Observe(100 * time.Millisecond)
		}
		b.Legs.Observe(7 * time.Second)
		b.Errors[Faulty] = 1
		seconds = append(seconds, b)
		l = l.Step(r, Sample{Buckets: seconds}, now.Add(time.Duration(i+1)*time.Second))
	}
	v := l.View(r, Sample{Buckets: seconds})
	if v.N != 50 || v.Slow != 10 || v.VerySlow != 10 || v.Failed != 10 || v.Seconds != 10 {
		t.Errorf("got %+v, want ten seconds of five, one of them slow and failed", v)
	}
	if v.SlowShare != 0.2 || v.LeastSlow <= 0.1 || v.LeastSlow >= 0.2 || v.LeastSlow != LowerBound(10, 50) {
		t.Errorf("got %+v, want a share of 0.2 and its lower bound", v)
	}
	if empty := (Lamp{}).View(r, Sample{}); empty.N != 0 || empty.LeastSlow != 0 {
		t.Errorf("got %+v, want nothing", empty)
	}
}

// TestTheHistorysHonestyIsTheLights lets a light and a history see the same hour,
// in which a page dies: what each says of green is the same.
func TestTheHistorysHonestyIsTheLights(t *testing.T) {
	r := DefaultRules()
	var l Lamp
	var h History
	var chapters [2]Chapter
	note := func(closed []Recorded) {
		for _, m := range closed {
			n, place := ChapterOf(m.At)
			chapters[n%2][place] = m.Parts
		}
	}
	const first = int64(3600 * 400_000)
	var seconds []Bucket
	for at := first; at < first+3600; at++ {
		green := uint32(0)
		if l.Light == Green {
			green = 5
		}
		b := Bucket{Second: at, Started: 5, StartedGreen: green}
		if dead := at > first+1800 && at < first+2100; !dead {
			b.Came(at-10, 5, green)
			b.GreenEnded, b.GreenSlow = green, min(green, uint32(at%97/96))
			for range 5 {
				b.Legs.Observe(150 * time.Millisecond)
			}
		} else if at%3 == 0 {
			b.GreenEnded, b.GreenFailed = min(green, 1), min(green, 1)
		}
		seconds = append(seconds, b)
		before := l.Honest.Vanished
		l = l.Step(r, Sample{Buckets: seconds[max(len(seconds)-60, 0):]}, time.Unix(at+1, 0))
		note(h.Take([]Bucket{b}, Shown{Light: l.Light, Vanished: l.Honest.Vanished - before}))
	}
	note(h.Close())
	hour := HourOf(first/3600, chapters[0], chapters[1])
	got, want := hour.Honest(), l.Honest
	if want.Vanished == 0 || want.Failed == 0 || want.Slow == 0 {
		t.Fatalf("got %+v of the light, want something of everything", want)
	}
	if math.Abs(got.Vanished-want.Vanished) > 0.001*want.Vanished {
		t.Errorf("got %v vanished, want %v", got.Vanished, want.Vanished)
	}
	if got.Vanished = want.Vanished; got != want {
		t.Errorf("got %+v, want the light's %+v", got, want)
	}
	if hour.Seconds != 3600 || hour.lit() != 3600 || hour.Lights[Red]+hour.Lights[Grey] == 0 || len(Incidents([]Hour{hour})) == 0 {
		t.Errorf("got %d s of %v, want the dead page as an incident", hour.Seconds, hour.Lights)
	}
}
