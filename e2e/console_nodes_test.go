package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sinho/evidence"
	"sinho/store/redistest"
)

// nodes are two `sinho serve` on one Redis, each with a console, and each asked
// by itself.
type nodes struct {
	t       *testing.T
	public  [2]string
	console [2]string
}

const nodesPassword = "correct horse battery"

// startNodes runs them until the test is over.
func startNodes(t *testing.T) *nodes {
	t.Helper()
	a := newApart(t, "http", 100)
	n := &nodes{t: t}
	redis := redistest.Start(t)
	hash := exec.Command(binary, "operators", "hash")
	hash.Stdin = strings.NewReader(nodesPassword + "\n")
	hashed, err := hash.Output()
	if err != nil {
		t.Fatalf("operators hash: %v", err)
	}
	for i := range n.public {
		at, desk := a.base+4+2*i, a.base+5+2*i
		n.public[i], n.console[i] = fmt.Sprintf("http://localhost:%d", at), fmt.Sprintf("http://localhost:%d", desk)
		path := a.write(fmt.Sprintf("node%d", i), fmt.Sprintf(`metrics_listen: ""
drain: {delay: 0s, limit: 5s}
insecure_sample: true
console:
  listen: 127.0.0.1:%d
  public_url: %s
  operators: [{name: jimin, password_hash: %q}]
`, desk, n.console[i], strings.TrimSpace(string(hashed))),
			"public_url: "+a.issuer, "public_url: "+n.public[i], fmt.Sprintf("listen: [\"127.0.0.1:%d\"]", a.base), fmt.Sprintf("listen: [\"127.0.0.1:%d\"]", at),
			"store: ./data/sinho.db", "store: redis://"+redis.Addr)
		launch(t, nil, "ready "+n.public[i], binary, "serve", "--config", path).endsWell()
	}
	return n
}

// chooser opens the login page of one node as a site's redirect would.
func (n *nodes) chooser(t *testing.T, tab context.Context, node int) {
	t.Helper()
	q := url.Values{
		"client_id": {"playground"}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"redirect_uri":   {"http://localhost:3000/callback"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	do(t, tab, "open a chooser", chromedp.Navigate(n.public[node]+"/authorize?"+q.Encode()), chromedp.WaitVisible(chromedp.CSS("#login-kakao")))
}

// TestOverridesReachAllNodes sets and takes back words at one node's console and
// notes when open choosers of both nodes have turned. `make evidence-console`
// keeps the figures and demands a second.
func TestOverridesReachAllNodes(t *testing.T) {
	rounds := 2
	if evidence.Collecting() {
		rounds = 20
	}
	n := startNodes(t)
	desk, here, there := browser(t, 1280, 900), browser(t, 360, 800), browser(t, 360, 800)
	do(t, desk, "open the console", chromedp.Navigate(n.console[0]), chromedp.WaitVisible(chromedp.CSS("#go")),
		chromedp.SetValue(chromedp.CSS("#name"), "jimin"), chromedp.SetValue(chromedp.CSS("#password"), nodesPassword))
	press(t, desk, "sign in", "#go")
	n.chooser(t, here, 0)
	n.chooser(t, there, 1)
	marks := []float64{eval[float64](t, here, "window.never = Math.random()"), eval[float64](t, there, "window.never = Math.random()")}

	ev := evidence.New("console", 0)
	took := map[string][]time.Duration{}
	for range rounds {
		do(t, desk, "open Kakao", chromedp.Navigate(n.console[0]+"/providers/kakao"))
		fillWord(t, desk, "grey", "점검 중입니다.", "Under maintenance.", "10")
		for _, step := range []struct{ what, light, button string }{{"grey", "grey", "#apply"}, {"back", "yellow", "#take-back"}} {
			watchLight(t, here, "kakao", step.light)
			watchLight(t, there, "kakao", step.light)
			// The page notes the moment of the press itself.
			eval[bool](t, desk, `(function(){ document.querySelector("`+step.button+`").form.addEventListener("submit", function(){ localStorage.pressed = Date.now(); }); return true; })()`)
			press(t, desk, step.what, step.button)
			pressed := time.UnixMilli(int64(eval[float64](t, desk, "+localStorage.pressed")))
			took[step.what+" here"] = append(took[step.what+" here"], turnedAt(t, here, step.what+" on this node").Sub(pressed))
			took[step.what+" there"] = append(took[step.what+" there"], turnedAt(t, there, step.what+" on the other node").Sub(pressed))
		}
	}
	if got := []float64{eval[float64](t, here, "window.never"), eval[float64](t, there, "window.never")}; !slices.Equal(got, marks) {
		t.Error("a chooser was loaded again, want them to turn by themselves")
	}
	for what, all := range took {
		slices.Sort(all)
		ms := func(d time.Duration) int64 { return d.Milliseconds() }
		worst := all[len(all)-1]
		ev.Figures[what] = map[string]any{"n": len(all), "median_ms": ms(all[len(all)/2]), "max_ms": ms(worst)}
		ev.Demand(worst <= time.Second, fmt.Sprintf("%s took up to %v, want 1 s at most", what, worst))
		t.Logf("%s: median %v, at most %v", what, all[len(all)/2], worst)
	}
	do(t, desk, "read the trail at the other node", chromedp.Navigate(n.console[1]), chromedp.WaitVisible(chromedp.CSS("#live")),
		chromedp.Navigate(n.console[1]+"/audit"), chromedp.WaitVisible(chromedp.CSS(".trail")))
	if lines := eval[int](t, desk, `document.querySelectorAll(".trail li").length`); lines != 2*rounds {
		t.Errorf("got %d lines in the trail, want %d", lines, 2*rounds)
	}
	ev.Figures["trail_lines"] = 2 * rounds
	ev.Close(t)
}
