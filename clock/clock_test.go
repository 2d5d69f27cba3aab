package clock

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// bench is a machine and a store whose clocks the test holds.
type bench struct {
	*Clock
	t       *testing.T
	machine time.Time
	ahead   time.Duration // of the store
	said    bytes.Buffer
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, machine: time.Date(2026, 7, 1, 20, 0, 0, 0, time.UTC)}
	b.Clock = New(func() time.Time { return b.machine }, slog.New(slog.NewTextHandler(&b.said, nil)))
	return b
}

// ask makes an exchange whose ways there and back take so long.
func (b *bench) ask(there, back time.Duration) {
	asked := b.Machine()
	b.machine = b.machine.Add(there)
	theirs := b.machine.Add(b.ahead)
	b.machine = b.machine.Add(back)
	b.Saw(asked, b.Machine(), theirs)
}

// off demands how far the clock is from the store's.
func (b *bench) off(most time.Duration) {
	b.t.Helper()
	if off := b.Now().Sub(b.machine.Add(b.ahead)); off.Abs() > most {
		b.t.Errorf("off by %v, want %v at most", off, most)
	}
}

func TestTheQuickestExchangeIsBelieved(t *testing.T) {
	b := newBench(t)
	b.ahead = 1500 * time.Millisecond
	b.ask(90*time.Millisecond, 10*time.Millisecond)
	b.off(40 * time.Millisecond)
	b.ask(time.Millisecond, time.Millisecond)
	b.machine = b.machine.Add(time.Second) // it had been ahead, and stood still
	b.off(0)
	for range remembered - 1 {
		b.ask(0, 80*time.Millisecond)
		b.off(0)
	}
	b.ask(0, 80*time.Millisecond) // the quick one is too old by now
	b.off(40 * time.Millisecond)
	if _, steps := b.Offset(); steps != 0 || b.said.Len() > 0 {
		t.Errorf("got %d steps and %q, want neither: nothing was off by much", steps, b.said.String())
	}
}

func TestANodeThatIsOffCorrectsItselfAndSaysSo(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"behind": 7 * time.Second, "ahead": -7 * time.Second} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Now()
			b.ahead = ahead
			b.ask(time.Millisecond, time.Millisecond)
			b.off(0)
			offset, steps := b.Offset()
			if offset != ahead || steps != 1 || strings.Count(b.said.String(), "clock corrected") != 1 {
				t.Errorf("got %v after %d steps and %q, want one step, said once", offset, steps, b.said.String())
			}
		})
	}
}

func TestTimeStandsStillRatherThanGoBack(t *testing.T) {
	b := newBench(t)
	before := b.Now()
	b.ahead = -1500 * time.Millisecond // another server was promoted
	for range remembered {
		b.ask(0, 0)
	}
	for range 15 {
		b.machine = b.machine.Add(100 * time.Millisecond)
		if now := b.Now(); !now.Equal(before) {
			t.Fatalf("got %v, want it to stand at %v", now, before)
		}
	}
	b.machine = b.machine.Add(100 * time.Millisecond)
	b.off(0)
}

func TestALongExchangeCorrectsNothingItCannotKnow(t *testing.T) {
	b := newBench(t)
	b.ask(time.Millisecond, time.Millisecond)
	b.ask(0, 10*time.Second) // the process was stopped before it read the answer
	b.off(0)
	if _, steps := b.Offset(); steps != 0 {
		t.Errorf("got %d steps, want none", steps)
	}
}
