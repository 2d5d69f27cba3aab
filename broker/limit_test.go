package broker

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

const nowhere = "@" // a Unix socket

func TestLimiterForgetsAfterAMinute(t *testing.T) {
	l := newLimiter(2, 1000, 1000)
	start := time.Unix(6_000_000, 0) // at the start of a minute
	for _, c := range []struct {
		at   time.Duration
		wait time.Duration
	}{
		{0, 0},
		{time.Second, 0},
		{2 * time.Second, 88 * time.Second},  // two at the start of this minute weigh one after half of the next
		{65 * time.Second, 25 * time.Second}, // 5 s into the next minute they weigh more than one
		{90 * time.Second, 0},
		{time.Hour, 0},
	} {
		if _, wait := l.push(phone, nowhere, start.Add(c.at)); wait != c.wait {
			t.Errorf("after %v: got a wait of %v, want %v", c.at, wait, c.wait)
		}
	}
}

// What a person is told to wait is enough, and no less would be.
func TestTheWaitThatIsToldIsEnough(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		most := 1 + chance.IntN(70)
		l := newLimiter(most, 60_000, 60_000)
		now := time.Unix(6_000_000+chance.Int64N(60), chance.Int64N(1e9))
		var wait time.Duration
		for range 400 {
			if _, wait = l.push(phone, nowhere, now); wait > 0 && chance.IntN(3) == 0 {
				break
			}
			now = now.Add(time.Duration(chance.Int64N(int64(3 * time.Minute / time.Duration(most*2)))))
		}
		if wait == 0 {
			continue
		}
		if wait%time.Second != 0 || wait > 2*time.Minute {
			t.Fatalf("at most %d: got a wait of %v, want whole seconds up to two minutes", most, wait)
		}
		if _, more := l.push(phone, nowhere, now.Add(wait-time.Second)); wait > time.Second && more == 0 {
			t.Fatalf("at most %d: told to wait %v, and %v was enough", most, wait, wait-time.Second)
		}
		if _, more := l.push(phone, nowhere, now.Add(wait)); more != 0 {
			t.Fatalf("at most %d: told to wait %v, and then %v more", most, wait, more)
		}
	}
}

// A refused push counts for nothing: neither for the number nor for the place.
func TestARefusedPushIsNotCounted(t *testing.T) {
	l := newLimiter(1, 2, 2)
	now := time.Unix(6_000_000, 0)
	const here = "203.0.113.1:1"
	for _, c := range []struct {
		phone string
		over  int
	}{
		{"01000000001", 0},
		{"01000000001", overPhone},
		{"01000000001", overPhone},
		{"01000000001", overPhone},
		{"01000000002", 0},
		{"01000000003", overPlace},
		{"01000000003", overPlace},
	} {
		if over, _ := l.push(c.phone, here, now); over != c.over {
			t.Errorf("%s: got %d, want %d", c.phone, over, c.over)
		}
	}
	if over, _ := l.push("01000000003", "203.0.114.1:1", now); over != 0 {
		t.Errorf("elsewhere: got %d, want it let through", over)
	}
}

// A storm of a node's own must not make the sketch refuse people: 500 pushes a
// second for two minutes, each to a number of its own from an address of its own.
func TestAStormOfPushesRefusesNobody(t *testing.T) {
	l := newLimiter(pushesPerPhone, pushesPerAddress, 60_000)
	start, refused := time.Unix(6_000_000, 0), 0
	for i := range 60_000 {
		remote := fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>8, i)
		if _, wait := l.push(fmt.Sprintf("010%08d", i), remote, start.Add(time.Duration(i)*2*time.Millisecond)); wait > 0 {
			refused++
		}
	}
	if refused > 6 { // one in ten thousand
		t.Errorf("got %d of 60,000 refused", refused)
	}
}
