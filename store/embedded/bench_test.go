//go:build unix

package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"sinho/store"
)

// Measures for docs/decisions/0003-bbolt-group-commit.md:
//
//	go test -run '^$' -bench Apply -benchtime 1x ./store/embedded

// opening is the load of a national opening: 556 logins a second, two Applies
// each, arriving at random.
const (
	loginsPerSecond  = 556
	openingLasts     = 10 * time.Second
	filledShards     = 100_000 // three minutes of such an opening have passed already
	saturatedCallers = 256
	saturatedLogins  = 20_000
)

// disk is how the store under measure treats the disk.
type disk struct {
	name   string
	noSync bool
	slow   time.Duration // added to each commit, as a disk that flushes slowly would
}

func disks() []disk {
	return []disk{
		{name: "disk=this"},
		{name: "disk=5ms_a_flush", slow: 10 * time.Millisecond},
		{name: "disk=no_flush", noSync: true},
	}
}

func openFilled(b *testing.B, d disk) *Store {
	b.Helper()
	s, err := Open(b.TempDir()+"/sinho.db", Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	s.db.NoSync = true
	var all sync.WaitGroup
	next := make(chan uint64)
	for range saturatedCallers {
		all.Go(func() {
			for n := range next {
				if err := login(b.Context(), s, n|1<<40, nil); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for n := range uint64(filledShards) {
		next <- n
	}
	close(next)
	all.Wait()
	if err := s.db.Sync(); err != nil {
		b.Fatal(err)
	}
	s.db.NoSync = d.noSync
	if d.slow > 0 {
		s.commit = func(tx *bolt.Tx) error {
			time.Sleep(d.slow) // the experiment itself: a disk that takes its time
			return tx.Commit()
		}
	}
	return s
}

// login is what one login asks of the store: the person comes back from the
// provider (lock and code, durable), the site redeems the code (the code taken,
// a share of the access token's key put). took, if any, gets each Apply's time.
func login(ctx context.Context, s *Store, n uint64, took func(time.Duration)) error {
	shard := store.Shard(fmt.Sprintf("person-%016x", n*0x9e3779b97f4a7c15)) // spread as hashes are
	var attempts [2]store.Attempt
	for i := range attempts {
		binary.BigEndian.PutUint64(attempts[i][:], n+1)
		attempts[i][15] = byte(i)
	}
	code := bytes.Repeat([]byte{byte(n)}, 1200)
	begun := time.Now()
	o, err := s.Apply(ctx, shard, attempts[0], true,
		store.Op{Kind: store.PutNew, Key: "lock", Value: code[:48], TTL: time.Hour},
		store.Op{Kind: store.PutNew, Key: "code/" + string(code[:8]), Value: code, TTL: time.Minute, Fenced: true})
	if err != nil || o.Conflict != nil {
		return errors.Join(err, fmt.Errorf("return of %d: %+v", n, o.Conflict))
	}
	if took != nil {
		took(time.Since(begun))
	}
	begun = time.Now()
	o, err = s.Apply(ctx, shard, attempts[1], false,
		store.Op{Kind: store.Take, Key: "code/" + string(code[:8]), Value: code[:16], TTL: 10 * time.Minute},
		store.Op{Kind: store.Put, Key: "share", Value: code[:32], TTL: time.Hour})
	if err != nil || o.Conflict != nil {
		return errors.Join(err, fmt.Errorf("redemption of %d: %+v", n, o.Conflict))
	}
	if took != nil {
		took(time.Since(begun))
	}
	return nil
}

// BenchmarkApplyAtOpening runs an open loop: logins begin when they are due,
// however slow the store is.
func BenchmarkApplyAtOpening(b *testing.B) {
	for _, d := range disks() {
		b.Run(d.name, func(b *testing.B) {
			s := openFilled(b, d)
			for b.Loop() {
				m := begin(s)
				random := rand.New(rand.NewPCG(1, 1))
				var all sync.WaitGroup
				due := m.begun
				for n := uint64(0); due.Sub(m.begun) < openingLasts; n++ {
					time.Sleep(time.Until(due)) // the schedule itself
					all.Go(func() {
						if err := login(b.Context(), s, n, m.took); err != nil {
							b.Error(err)
						}
					})
					due = due.Add(time.Duration(random.ExpFloat64() * float64(time.Second) / loginsPerSecond))
				}
				all.Wait()
				m.report(b)
			}
		})
	}
}

// BenchmarkApplySaturated runs a closed loop of callers that never rest.
func BenchmarkApplySaturated(b *testing.B) {
	for _, d := range disks() {
		b.Run(d.name, func(b *testing.B) {
			s := openFilled(b, d)
			for round := uint64(0); b.Loop(); round++ {
				m := begin(s)
				var all sync.WaitGroup
				var next atomic.Uint64
				for range saturatedCallers {
					all.Go(func() {
						for n := next.Add(1); n <= saturatedLogins; n = next.Add(1) {
							n := round*saturatedLogins + n
							if err := login(b.Context(), s, n, m.took); err != nil {
								b.Error(err)
							}
						}
					})
				}
				all.Wait()
				m.report(b)
			}
		})
	}
}

// measure collects what one loop costs. mu guards times.
type measure struct {
	s       *Store
	begun   time.Time
	cpu     time.Duration
	commits int64
	mu      sync.Mutex
	times   []time.Duration
}

func begin(s *Store) *measure {
	return &measure{s: s, begun: time.Now(), cpu: cpuTime(), commits: s.commits.Load()}
}

func (m *measure) took(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.times = append(m.times, d)
}

func (m *measure) report(b *testing.B) {
	elapsed, cpu := time.Since(m.begun), cpuTime()-m.cpu
	commits := float64(m.s.commits.Load() - m.commits)
	applies := float64(len(m.times))
	slices.Sort(m.times)
	at := func(q float64) float64 {
		return float64(m.times[int(q*(applies-1))].Microseconds())
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(applies/elapsed.Seconds(), "applies/s")
	b.ReportMetric(commits/elapsed.Seconds(), "commits/s") // each flushes twice
	b.ReportMetric(applies/commits, "applies/commit")
	b.ReportMetric(float64(cpu.Microseconds())/applies, "cpu-µs/apply")
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.99), "p99-µs")
	b.ReportMetric(at(1), "max-µs")
}

// cpuTime is the processor time this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails for bad arguments only
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
