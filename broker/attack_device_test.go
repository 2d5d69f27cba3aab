package broker

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sinho/broker/client"
	"sinho/store"
	"sinho/store/embedded"
)

// onNodes gives the world three nodes over stores of its own.
func (w *world) onNodes(stores ...store.Store) []*Broker {
	w.t.Helper()
	var nodes []*Broker
	for _, s := range stores {
		w.cfg.Store = s
		nodes = append(nodes, w.node())
	}
	w.b, w.h = nodes[0], nodes[0].Handler()
	return nodes
}

// rush logs one person in on n devices at once, spread over nodes, by either
// provider, and gives their codes ("" for a refusal).
func rush(w *world, nodes []*Broker, n int) []string {
	w.t.Helper()
	backs := make([]func() (Step, error), n)
	for i := range n {
		br := w.browser()
		br.b = nodes[i%len(nodes)]
		br.h = br.b.Handler()
		provider := []string{"naver", "kakao"}[i%2]
		to := must2(w.t)(br.begin(br.chooser(siteAt([]string{"clinic", "pharmacy"}[i/2%2])...), provider, nil))
		q := approve(w.t, to.Redirect)
		backs[i] = func() (Step, error) { return br.finish(provider, q) }
	}
	codes := make([]string, n)
	var wg sync.WaitGroup
	for i, back := range backs {
		wg.Go(func() {
			s, err := back()
			if err != nil {
				w.t.Errorf("device %d: %v", i, err)
				return
			}
			u, err := url.Parse(s.Redirect)
			switch {
			case err != nil:
				w.t.Errorf("device %d: %v", i, err)
			case u.Query().Has("code"):
				codes[i] = u.Query().Get("code")
			case u.Path != "/device" && u.Path != "/login":
				w.t.Errorf("device %d: got %s", i, s.Redirect)
			}
		})
	}
	wg.Wait()
	return codes
}

// holders redeems codes and counts those whose tokens live once all is quiet.
func holders(w *world, codes []string) (in, live int) {
	w.t.Helper()
	var given []tokens
	for i, code := range codes {
		if code == "" {
			continue
		}
		in++
		site := []string{"clinic", "pharmacy"}[i/2%2]
		rec := w.post("/token", codeForm(code, "redirect_uri", "https://"+site+".example/cb", "client_id", site))
		if tok := decode[tokens](w.t, rec); tok.Access != "" {
			given = append(given, tok)
		}
	}
	for _, tok := range given {
		if w.info(tok.Access).Code == http.StatusOK {
			live++
		}
	}
	return in, live
}

func oneHolder(t *testing.T, rule string, nodes func(*world) []*Broker) {
	t.Helper()
	w, told := deviceWorld(t, rule)
	in, live := holders(w, rush(w, nodes(w), 100))
	if live != 1 {
		t.Errorf("%s: got %d devices whose tokens live (%d codes), want exactly one", rule, live, in)
	}
	if rule == client.DeviceRefuse && (in != 1 || told.clients() != "") {
		t.Errorf("refuse: got %d codes, told %q: want one, and nobody ended", in, told.clients())
	}
	if ended := len(strings.Fields(told.clients())); rule == client.DeviceEndOlder && ended < in-1 {
		t.Errorf("end_older: got %d codes and %d endings, want each older one told", in, ended)
	}
}

func TestAttackAHundredDevicesAtOnce(t *testing.T) {
	for _, rule := range []string{client.DeviceRefuse, client.DeviceEndOlder} {
		t.Run(rule+" on the embedded store", func(t *testing.T) {
			oneHolder(t, rule, func(w *world) []*Broker {
				db, err := embedded.Open(filepath.Join(t.TempDir(), "live.db"), embedded.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = db.Close() })
				return w.onNodes(db, db, db)
			})
		})
		t.Run(rule+" over three nodes on Redis", func(t *testing.T) {
			address := startRedis(t)
			oneHolder(t, rule, func(w *world) []*Broker {
				var all []store.Store
				for range 3 {
					all = append(all, openRedis(t, address))
				}
				return w.onNodes(all...)
			})
		})
		t.Run(rule+" in memory", func(t *testing.T) {
			oneHolder(t, rule, func(w *world) []*Broker { return w.onNodes(w.store, w.store, w.store) })
		})
	}
}
