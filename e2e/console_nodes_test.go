package e2e

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sinho/evidence"
)

// nodes are two `sinho serve` on one Redis, each with a console.
type nodes struct {
	t       *testing.T
	public  [2]string
	console [2]string
}

const nodesPassword = "correct horse battery"

// startNodes runs them until the test is over.
func startNodes(t *testing.T) *nodes {
	t.Helper()
	base := freeBase(t)
	n := &nodes{t: t}
	redisAt := fmt.Sprintf("127.0.0.1:%d", base+10)
	dir := t.TempDir()
	n.start("Ready to accept connections", "redis-server", "--port", fmt.Sprint(base+10), "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--maxmemory-policy", "noeviction")
	if out, err := exec.Command(binary, "keys", "init", "--dir", filepath.Join(dir, "keys")).CombinedOutput(); err != nil {
		t.Fatalf("keys init: %v\n%s", err, out)
	}
	hash := exec.Command(binary, "operators", "hash")
	hash.Stdin = strings.NewReader(nodesPassword + "\n")
	hashed, err := hash.Output()
	if err != nil {
		t.Fatalf("operators hash: %v", err)
	}
	for i := range n.public {
		n.public[i] = fmt.Sprintf("http://localhost:%d", base+2*i)
		n.console[i] = fmt.Sprintf("http://localhost:%d", base+2*i+1)
		path := filepath.Join(dir, fmt.Sprintf("node%d.yaml", i))
		text := fmt.Sprintf(`public_url: %s
listen: ["127.0.0.1:%d"]
metrics_listen: ""
store: redis://%s
keys_dir: ./keys
drain: {delay: 0s, limit: 5s}
insecure_sample: true
console:
  listen: 127.0.0.1:%d
  public_url: %s
  operators: [{name: jimin, password_hash: %q}]
clients:
  - {id: site, public: true, name: {ko: 예약, en: Booking}, redirect_uris: ["http://localhost:%d/callback"]}
providers:
  - {id: naver, client_id: us, secret: hush, base: "http://127.0.0.1:%[8]d"}
  - {id: kakao, client_id: us, secret: hush, base: "http://127.0.0.1:%[8]d"}
`, n.public[i], base+2*i, redisAt, base+2*i+1, n.console[i], strings.TrimSpace(string(hashed)), base+12, base+13)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		n.start("ready "+n.public[i], binary, "serve", "--config", path)
	}
	return n
}

// start runs a program until the test is over, once it has said that it is ready.
func (n *nodes) start(ready string, name string, args ...string) {
	n.t.Helper()
	cmd := exec.Command(name, args...)
	out := &lines{more: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &liner{to: out}, &liner{to: out}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			n.t.Errorf("%s ended with %v; it printed:\n%s", name, err, tail(out.all(), 40))
		}
	})
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	if err := out.wait(ctx, func(s string) bool { return strings.Contains(s, ready) }); err != nil {
		n.t.Fatalf("%s did not say %q; it printed:\n%s", name, ready, out.all())
	}
}

// liner cuts what is written into lines.
type liner struct {
	to   *lines
	rest string
}

func (l *liner) Write(p []byte) (int, error) {
	all := strings.Split(l.rest+string(p), "\n")
	for _, line := range all[:len(all)-1] {
		l.to.add(line)
	}
	l.rest = all[len(all)-1]
	return len(p), nil
}

// chooser opens the login page of one node as a site's redirect would.
func (n *nodes) chooser(t *testing.T, tab context.Context, node int) {
	t.Helper()
	host, err := url.Parse(n.public[node])
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(host.Host)
	at := 0
	_, _ = fmt.Sscan(port, &at)
	base := at - 2*node
	q := url.Values{
		"client_id": {"site"}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"redirect_uri":   {fmt.Sprintf("http://localhost:%d/callback", base+12)},
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
