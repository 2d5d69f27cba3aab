package main

import (
	"context"
	"os"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// In a storm a node makes some hundred MB of garbage a second while little lives
// (some ten MB), so Go's usual rule, to collect when memory has doubled, would
// collect several times a second. A node with many watchers has much that lives,
// and there the usual rule is right: a multiple would only be memory.
const (
	garbageRoom  = 128 << 20 // bytes that may be made before the collector runs
	garbageLeast = 100       // but this much of what lives, in percent
	garbageMost  = 800
	garbageEvery = 5 * time.Second
)

// garbagePercent is what GOGC should be while live bytes live.
func garbagePercent(live uint64) int {
	return int(min(max(garbageRoom*100/max(live, 1), garbageLeast), garbageMost))
}

// roomForGarbage keeps the collector at garbagePercent until ctx ends, unless
// whoever runs the node says otherwise by GOGC.
func roomForGarbage(ctx context.Context) {
	if _, said := os.LookupEnv("GOGC"); said {
		return
	}
	set := garbageMost
	debug.SetGCPercent(set)
	tick := time.NewTicker(garbageEvery)
	defer tick.Stop()
	live := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		runtimemetrics.Read(live)
		// Setting it stops the world for a moment: not for a trifle.
		if want := garbagePercent(live[0].Value.Uint64()); want < set*9/10 || want > set*11/10 {
			set = want
			debug.SetGCPercent(set)
		}
	}
}
