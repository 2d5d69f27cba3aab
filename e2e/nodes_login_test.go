package e2e

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sinho/citizen"
	"sinho/store/redistest"
)

// oneRedis is a fleet on one server.
func oneRedis(redis *redistest.Server, nodes int) plan {
	return plan{nodes: nodes, store: "redis://" + redis.Addr, more: "redis: {timeout: 2s}\ndrain: {delay: 0s, limit: 5s}\n"}
}

// sharedStores are all kinds of store that nodes share but Sentinel's, which
// TestLoginsOutliveNodesAndRedis has.
var sharedStores = []struct {
	name string
	plan func(t *testing.T) plan
}{
	{"one Redis", func(t *testing.T) plan { return oneRedis(redistest.Start(t), 3) }},
	{"a Cluster of three", func(t *testing.T) plan {
		c := redistest.StartCluster(t)
		return plan{nodes: 2, store: "redis://" + strings.Join(c.Addrs(), ","), more: "drain: {delay: 0s, limit: 5s}\n"}
	}},
	{"a Redis with TLS, where Sinho may do what the handbook says", func(t *testing.T) plan {
		s := redistest.StartSecure(t, rulesOfTheHandbook(t))
		return plan{
			nodes: 2, store: "rediss://" + s.Addr,
			more: fmt.Sprintf("redis: {ca_file: %q, username: %s, password_file: %q}\ndrain: {delay: 0s, limit: 5s}\n",
				s.CAFile, s.Username, writeFile(t, filepath.Join(t.TempDir(), "password"), s.Password+"\n")),
		}
	}},
}

// rulesOfTheHandbook are what its user of Redis may do.
func rulesOfTheHandbook(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/handbook.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`ACL SETUSER sinho on '>PASSWORD' ([^\n]+)`).FindSubmatch(text)
	if rules == nil {
		t.Fatal("the handbook has no user of Redis")
	}
	return strings.ReplaceAll(string(rules[1]), "'", "")
}

// TestALoginGoesOnAtAnotherNode begins at one node, comes back to another, and
// has its code redeemed at the third, or the first. Afterwards all nodes show one
// light, with these logins in it.
func TestALoginGoesOnAtAnotherNode(t *testing.T) {
	for _, s := range sharedStores {
		t.Run(s.name, func(t *testing.T) {
			f := newFleet(t, s.plan(t))
			var met sync.Map
			f.balancer.lead(func(r *http.Request) int {
				i := 0
				switch path := r.URL.Path; {
				case strings.HasPrefix(path, "/callback/"):
					i = 1
				case path == "/token", path == "/userinfo":
					i = 2 % len(f.nodes)
				}
				met.Store(i, true)
				return i
			})
			for _, provider := range []string{"naver", "kakao", "toss", "oidc"} {
				if out := f.login(citizen.Walk{Choose: citizen.Named(provider)}); !out.In || out.Retried {
					t.Errorf("%s: got %s (%v), want it in at once", provider, out.Why, out.Err)
				}
			}
			for i := range f.nodes {
				if _, ok := met.Load(i); !ok {
					t.Errorf("node %d was never asked: nothing was shown", i)
				}
			}
			f.oneLight()
		})
	}
}

// oneLight waits until all nodes show the same board of all.
func (f *fleet) oneLight() {
	f.t.Helper()
	waitFor(f.t, patience, "one light", func() bool {
		first := f.nodes[0].board()
		if first == nil || first["local"] != false {
			return false
		}
		for _, n := range f.nodes[1:] {
			if !reflect.DeepEqual(n.board(), first) {
				return false
			}
		}
		return true
	})
}

// TestKillingANodeLosesNoLogin is invariant 7 at its worst moment: the node that
// has just spent the person's code at the provider is killed (kill -9) before it
// could write anything down. The other one asks the provider once more, and the
// person is in without a tap.
func TestKillingANodeLosesNoLogin(t *testing.T) {
	var f *fleet
	var spent, killed atomic.Bool
	provider := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		switch r.In.URL.Path {
		case "/token":
			spent.Store(true)
		case "/userinfo":
			if killed.CompareAndSwap(false, true) { // the person may be in before kill returns
				f.nodes[0].kill()
			}
		}
		r.SetURL(&url.URL{Scheme: "http", Host: fmt.Sprintf("localhost:%d", f.base+simAt["oidc"])})
		r.Out.Host = r.Out.URL.Host
	}}
	legs := serving(t, provider)
	p := oneRedis(redistest.Start(t), 2)
	p.changes = []string{"  - id: oidc\n", fmt.Sprintf("  - id: oidc\n    token_url: %[1]s/token\n    userinfo_url: %[1]s/userinfo\n", legs)}
	f = newFleet(t, p)
	f.balancer.lead(func(r *http.Request) int {
		if strings.HasPrefix(r.URL.Path, "/callback/") {
			return 0
		}
		return -1
	})
	out := f.login(citizen.Walk{Choose: citizen.Named("oidc"), Retries: 1})
	if !spent.Load() || !killed.Load() {
		t.Fatalf("spent %t, killed %t: the moment never came", spent.Load(), killed.Load())
	}
	if !out.In || len(out.Tries) != 1 {
		t.Fatalf("got in %t after %+v (%s, %v), want it in without another tap", out.In, out.Tries, out.Why, out.Err)
	}
}
