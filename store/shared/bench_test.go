package shared

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sinho/store"
	"sinho/store/redistest"
)

// BenchmarkApply measures what one login asks of Redis, for
// docs/decisions/0002-atomic-apply-on-redis-cluster.md:
//
//	go test -run '^$' -bench Apply -benchtime 20000x ./store/shared
//
// One op is two Applies: lock, code and spent pass, durable; then the code
// taken and a key share put.
func BenchmarkApply(b *testing.B) {
	for _, replicas := range []int{0, 1} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("replicas=%d/callers=%d", replicas, callers), func(b *testing.B) {
				sv := redistest.Start(b)
				if replicas > 0 {
					redistest.Replica(b, sv)
				}
				s := open(b, Options{Addrs: []string{sv.Addr}, Replicas: replicas})
				var times [2][]time.Duration
				var mu sync.Mutex // guards times
				var all sync.WaitGroup
				var next atomic.Int64
				b.ResetTimer()
				begun := time.Now()
				for range callers {
					all.Go(func() {
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							took, err := login(b.Context(), s, uint64(n))
							if err != nil {
								b.Error(err)
								return
							}
							mu.Lock()
							times[0], times[1] = append(times[0], took[0]), append(times[1], took[1])
							mu.Unlock()
						}
					})
				}
				all.Wait()
				elapsed := time.Since(begun)
				if b.Failed() {
					return
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(2*float64(b.N)/elapsed.Seconds(), "applies/s")
				b.ReportMetric(serverMicros(b, sv), "server-µs/apply")
				for i, name := range []string{"mint", "take"} {
					slices.Sort(times[i])
					b.ReportMetric(float64(times[i][len(times[i])/2].Microseconds()), name+"-p50-µs")
					b.ReportMetric(float64(times[i][len(times[i])*99/100].Microseconds()), name+"-p99-µs")
				}
			})
		}
	}
}

func login(ctx context.Context, s *Store, n uint64) (took [2]time.Duration, err error) {
	shard := store.Shard(fmt.Sprintf("person-%016x", n))
	code := bytes.Repeat([]byte{byte(n)}, 1200)
	var a store.Attempt
	binary.BigEndian.PutUint64(a[:], n)
	for i, ops := range [][]store.Op{
		{op(store.PutNew, "lock", "me"), fenced(op(store.PutNew, "code", string(code))), op(store.Put, "pass", "spent")},
		{op(store.Take, "code", "grave"), op(store.Put, "share", string(code[:32]))},
	} {
		a[15] = byte(i)
		begun := time.Now()
		o, err := s.Apply(ctx, shard, a, i == 0, ops...)
		if err != nil || o.Conflict != nil {
			return took, fmt.Errorf("login %d, step %d: %+v, %w", n, i, o.Conflict, err)
		}
		took[i] = time.Since(begun)
	}
	return took, nil
}

// serverMicros is what Redis says an Apply cost it, on its one thread.
func serverMicros(b *testing.B, sv *redistest.Server) float64 {
	b.Helper()
	stats := sv.Info(b, "commandstats", "cmdstat_evalsha")
	for field := range strings.SplitSeq(stats, ",") {
		if v, ok := strings.CutPrefix(field, "usec_per_call="); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				b.Fatal(err)
			}
			return f
		}
	}
	b.Fatalf("no usec_per_call in %q", stats)
	return 0
}
