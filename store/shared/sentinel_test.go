package shared

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sinho/store"
)

func TestSentinelsLeadToTheNextMaster(t *testing.T) {
	master := startServer(t)
	replica := copyOf(t, master)
	watch := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(watch, fmt.Appendf(nil,
		"sentinel monitor sinho 127.0.0.1 %d 1\nsentinel down-after-milliseconds sinho 500\nsentinel failover-timeout sinho 5000\n", master.port), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := startServer(t, watch, "--sentinel")
	eventually(t, "the sentinel knows the replica", func() bool {
		replicas, ok := sentinel.must(t, "sentinel", "replicas", "sinho").([]any)
		return ok && len(replicas) == 1
	})

	s := open(t, Options{Addrs: []string{sentinel.addr()}, MasterName: "sinho", Replicas: 1, Timeout: 25 * time.Second})
	wantDone(t, apply(t, s, "s", attempt(1), true, op(store.PutNew, "lock", "me"), fenced(op(store.PutNew, "code", "prize"))))
	master.kill()
	eventually(t, "the replica is promoted", func() bool { return replica.info(t, "replication", "role") == "master" })
	wantDone(t, apply(t, s, "s", attempt(2), false, op(store.Hold, "lock", "me")))
	wantConflict(t, apply(t, s, "s", attempt(3), false, op(store.Take, "code", "grave")), store.Fence)
}
