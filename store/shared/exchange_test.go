package shared

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sinho/clock"
	"sinho/store/redistest"
	"sinho/store/storetest"
)

// exchanges opens an empty exchange for each call, in a namespace of its own.
func exchanges(o Options) func(t *testing.T) (func(string) storetest.Exchange, func() time.Time) {
	var n atomic.Int64
	return func(t *testing.T) (func(string) storetest.Exchange, func() time.Time) {
		mine := o
		mine.Prefix = fmt.Sprintf("exchange-%d:", n.Add(1))
		s, clk := open(t, mine), clock.New(nil, nil)
		return func(node string) storetest.Exchange { return s.Exchange(node, clk) }, clk.Now
	}
}

func TestNodesMeetOnOneServer(t *testing.T) {
	t.Parallel()
	sv := redistest.Start(t)
	t.Run("contract", func(t *testing.T) { storetest.RunExchange(t, exchanges(Options{Addrs: []string{sv.Addr}})) })
	if wantExpiry(t, sv) == 0 {
		t.Error("no keys, so nothing was shown")
	}
}

func TestNodesMeetOnACluster(t *testing.T) {
	t.Parallel()
	tc := redistest.StartCluster(t, 0)
	t.Run("contract", func(t *testing.T) { storetest.RunExchange(t, exchanges(Options{Addrs: tc.Addrs()})) })
	sum := 0
	for _, sv := range tc.Nodes[:redistest.Masters] {
		sum += wantExpiry(t, sv)
	}
	if sum == 0 {
		t.Error("no keys, so nothing was shown")
	}
}

// wantExpiry demands that every key of an exchange ends by itself, and lies in
// the one slot. It returns how many there are.
func wantExpiry(t *testing.T, sv *redistest.Server) int {
	t.Helper()
	keys := sv.Client.Keys(t.Context(), "exchange-*").Val()
	for _, key := range keys {
		if ttl := sv.Client.PTTL(t.Context(), key).Val(); ttl <= 0 || !strings.Contains(key, "{lights}") {
			t.Errorf("%s: got TTL %v, want an end, and the slot of {lights}", key, ttl)
		}
	}
	return len(keys)
}

func TestAnExchangeTellsTheTime(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Addrs: []string{redistest.Start(t).Addr}})
	clk := clock.New(func() time.Time { return time.Now().Add(-time.Hour) }, nil)
	if err := s.Tell(t.Context(), clk); err != nil {
		t.Fatal(err)
	}
	if off := time.Until(clk.Now()).Abs(); off > time.Second {
		t.Errorf("off by %v, want it by the server", off)
	}
	clk = clock.New(func() time.Time { return time.Now().Add(time.Hour) }, nil)
	if _, err := s.Exchange("a", clk).Look(t.Context(), 0, 0, ""); err != nil {
		t.Fatal(err)
	}
	if _, steps := clk.Offset(); steps != 1 {
		t.Errorf("got %d corrections, want one", steps)
	}
}

func TestAnExchangeSurvivesAServerThatForgotItsScripts(t *testing.T) {
	t.Parallel()
	sv := redistest.Start(t)
	s := open(t, Options{Addrs: []string{sv.Addr}})
	x := s.Exchange("a", clock.New(nil, nil))
	for range 2 {
		if _, err := x.Look(t.Context(), 0, 0, ""); err != nil {
			t.Fatal(err)
		}
		if err := sv.Client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkExchange is one node's whole second: a report of five busy providers,
// a look that finds three reports, and a state of 15 kB.
func BenchmarkExchange(b *testing.B) {
	sv := redistest.Start(b)
	s, err := Open(b.Context(), Options{Addrs: []string{sv.Addr}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	clk := clock.New(nil, nil)
	x := s.Exchange("a", clk)
	report, state := make([]byte, 1000), make([]byte, 15_000)
	version := ""
	sight, err := x.Look(b.Context(), 0, 0, "")
	if err != nil {
		b.Fatal(err)
	}
	second := sight.Sealed - 1_000_000_000 // long ago, and each after the one before
	key := x.secondKey(sight.Sealed)
	for _, node := range []string{"a", "b", "c"} {
		sv.Client.HSet(b.Context(), key, node, report)
	}
	for b.Loop() {
		second++
		if _, err := x.Leave(b.Context(), clk.Now().Unix()-1, report, 1); err != nil {
			b.Fatal(err)
		}
		if _, err := x.Look(b.Context(), sight.Sealed-1, sight.Sealed, version); err != nil {
			b.Fatal(err)
		}
		next, won, err := x.Advance(b.Context(), version, second, state)
		if err != nil || !won {
			b.Fatal(won, err)
		}
		version = next
	}
	b.StopTimer()
	b.Log("the server's own time:", infoField(sv.Client.Info(b.Context(), "commandstats").Val(), "cmdstat_evalsha"))
}
