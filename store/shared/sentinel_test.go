package shared

import (
	"testing"
	"time"

	"sinho/store"
	"sinho/store/redistest"
)

func TestSentinelsLeadToTheNextMaster(t *testing.T) {
	master := redistest.Start(t)
	replica := redistest.Replica(t, master)
	sentinel := redistest.Sentinels(t, master, 1)[0]

	s := open(t, Options{Addrs: []string{sentinel.Addr}, MasterName: redistest.Name, Replicas: 1, Timeout: 25 * time.Second})
	wantDone(t, apply(t, s, "s", attempt(1), true, op(store.PutNew, "lock", "me"), fenced(op(store.PutNew, "code", "prize"))))
	master.Kill()
	redistest.Eventually(t, "the replica is promoted", func() bool { return replica.Leads(t) })
	wantDone(t, apply(t, s, "s", attempt(2), false, op(store.Hold, "lock", "me")))
	wantConflict(t, apply(t, s, "s", attempt(3), false, op(store.Take, "code", "grave")), store.Fence)
}
