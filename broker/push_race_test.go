package broker

import (
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/providers"
	"sinho/store"
	"sinho/store/embedded"
	"sinho/store/shared"
)

// The result of a push may be read once. Four nodes on one real store, four tabs
// at each, all look at the moment of the approval.
func TestOneOfManyNodesReadsTheResultOnTheEmbeddedStore(t *testing.T) {
	db, err := embedded.Open(filepath.Join(t.TempDir(), "live.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	raceForResults(t, func() store.Store { return db })
}

func TestOneOfManyNodesReadsTheResultOnRedis(t *testing.T) {
	address := startRedis(t)
	raceForResults(t, func() store.Store {
		s, err := shared.Open(t.Context(), shared.Options{Addrs: []string{address}, Timeout: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}

func raceForResults(t *testing.T, open func() store.Store) {
	t.Helper()
	w := newWorld(t, func(c *Config) { c.Store, c.PushesPerMinute = open(), 1000 })
	nodes := []*Broker{w.b}
	for len(nodes) < 4 {
		w.cfg.Store = open()
		nodes = append(nodes, w.node())
	}
	for range 3 {
		br := w.browser()
		name := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
		w.pass.set(func() { w.pass.progress, w.pass.results = providers.Approved, 0 })
		var (
			wg    sync.WaitGroup
			mu    sync.Mutex
			sites = map[string]int{}
			start = make(chan struct{})
		)
		for i := range 16 {
			twin := w.browser()
			twin.b = nodes[i%len(nodes)]
			maps.Copy(twin.cookies, br.cookies)
			wg.Go(func() {
				<-start
				s, err := twin.waiting(name)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					t.Error(err)
				case s.Wait == nil:
					sites[s.Redirect]++
				}
			})
		}
		close(start)
		wg.Wait()
		if w.pass.results != 1 || len(sites) != 1 {
			t.Fatalf("got %d reads and answers %v, want one and one", w.pass.results, sites)
		}
		for site := range sites {
			if !strings.HasPrefix(site, callback) {
				t.Fatalf("got %s, want the site", site)
			}
			w.redeem(site)
		}
		w.clock.add(time.Second)
	}
}
