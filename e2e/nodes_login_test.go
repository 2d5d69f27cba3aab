package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"sinho/citizen"
)

func (f *cluster) login(w citizen.Walk) citizen.Outcome {
	w.Start = f.site.URL + "/"
	return citizen.Login(f.t.Context(), citizen.New(citizen.Config{}), w)
}

// TestALoginGoesOnAtAnotherNode begins at one node, comes back to another, and
// has its code redeemed at the third.
func TestALoginGoesOnAtAnotherNode(t *testing.T) {
	f := newCluster(t, "", "", "")
	var met sync.Map
	route := func(r *http.Request) int {
		i := 0
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, "/callback/"):
			i = 1
		case path == "/token", path == "/userinfo":
			i = 2
		}
		met.Store(i, true)
		return i
	}
	f.balancer.route.Store(&route)
	for _, provider := range []string{"naver", "kakao", "oidc"} {
		if out := f.login(citizen.Walk{Choose: citizen.Named(provider)}); !out.In || out.Retried {
			t.Errorf("%s: got %s (%v), want it in at once", provider, out.Why, out.Err)
		}
	}
	for i := range f.nodes {
		if _, ok := met.Load(i); !ok {
			t.Errorf("node %d was never asked: nothing was shown", i)
		}
	}
}

// TestKillingANodeLosesNoLogin is invariant 7 at its worst moment: the node that
// has just spent the person's code at the provider is killed (kill -9) before it
// could write anything down. The person is back at the chooser with the same
// request, and in by one tap.
func TestKillingANodeLosesNoLogin(t *testing.T) {
	f := newCluster(t, "", "")
	route := func(r *http.Request) int {
		if strings.HasPrefix(r.URL.Path, "/callback/") {
			return 0
		}
		return -1
	}
	f.balancer.route.Store(&route)
	var once sync.Once
	var spent, killed bool
	kill := func(r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "token"):
			spent = true
		case strings.Contains(r.URL.Path, "userinfo"):
			once.Do(func() {
				f.nodes[0].kill()
				killed = true
			})
		}
	}
	f.sims["oidc"].before.Store(&kill)
	out := f.login(citizen.Walk{Choose: citizen.Named("oidc"), Again: citizen.First(), Retries: 1})
	if !spent || !killed {
		t.Fatalf("spent %t, killed %t: the moment never came", spent, killed)
	}
	if !out.In || len(out.Tries) != 2 {
		t.Fatalf("got in %t after %+v (%s, %v), want it in by one more tap", out.In, out.Tries, out.Why, out.Err)
	}
	if why := out.Tries[0].Why; !strings.HasPrefix(why, "notice-") {
		t.Errorf("the first try ended by %q, want the chooser to say what happened", why)
	}
}
