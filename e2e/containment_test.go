package e2e

import (
	"bufio"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sinho/evidence"
)

// ailment is one way in which Kakao is ill. Only the keys it once published are
// enough to go on.
type ailment struct {
	name   string
	strike func(*ward)
	heal   func(*ward)
	goesOn bool
}

func ailments() []ailment {
	control := func(name, on, off string) ailment {
		return ailment{
			name:   name,
			strike: func(w *ward) { w.control("kakao", on) },
			heal:   func(w *ward) { w.control("kakao", off) },
		}
	}
	fault := func(name, word string) ailment { return control(name, `{"fault":"`+word+`"}`, `{"fault":""}`) }
	keys := fault("its keys endpoint is lost", "keys")
	keys.goesOn = true
	mended := func(w *ward) { w.wire.mend() }
	return []ailment{
		control("hangs", `{"hang":true}`, `{"hang":false}`),
		{name: "refuses connections", strike: func(w *ward) { w.wire.cut() }, heal: mended},
		fault("drips one byte a second", "drip"),
		control("answers 500", `{"error_rate":1}`, `{"error_rate":0}`),
		fault("answers 429", "throttle"),
		fault("answers 400 with -10", "quota"),
		{name: "has another's certificate", strike: func(w *ward) { w.wire.expose() }, heal: mended},
		{name: "has no address", strike: (*ward).vanish, heal: func(*ward) {}},
		fault("sends 100 MB", "flood"),
		fault("redirects for ever", "redirect"),
		keys,
	}
}

// ward is one broker, new for each ailment so that nothing is left of the one
// before, and three kinds of people: Kakao's, and those of two others.
type ward struct {
	*apart

	wire   *wire
	broker *process
	path   string // of its settings
}

// kakaoLegs are the settings that lead Kakao's server legs over the wire.
func (w *ward) kakaoLegs(base string) string {
	return fmt.Sprintf("token_url: %s/oauth/token\n    userinfo_url: %s/v2/user/me\n    jwks_url: %s/.well-known/jwks.json", base, base, base)
}

func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{apart: newApart(t, "http", 100)}
	at := fmt.Sprintf("http://localhost:%d", w.base+simAt["kakao"])
	w.wire = newWire(t, at)
	w.env = append(w.env, "SSL_CERT_FILE="+writeFile(t, filepath.Join(w.dir, "wire.pem"), w.wire.trusted))
	line := "    base: " + at + "\n"
	if !strings.Contains(w.config, line) {
		t.Fatalf("the simulators' configuration has no %q", line)
	}
	w.config = strings.Replace(w.config, line, line+"    "+w.kakaoLegs(w.wire.url(""))+"\n", 1)
	return w
}

// open starts the broker anew.
func (w *ward) open(i int) {
	w.t.Helper()
	name := "ward-" + strconv.Itoa(i)
	w.broker = w.serve(name, "", "store: ./data/sinho.db", "store: ./data/"+name+".db")
	w.path = filepath.Join(w.dir, name+".yaml")
}

// vanish gives Kakao's legs a name that no resolver knows, while the broker runs.
func (w *ward) vanish() {
	w.t.Helper()
	text, err := os.ReadFile(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	const nowhere = "https://kakao.invalid" // RFC 6761
	changed := strings.Replace(string(text), w.kakaoLegs(w.wire.url("")), w.kakaoLegs(nowhere), 1)
	writeFile(w.t, w.path, changed)
	if err := w.broker.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		w.t.Fatal(err)
	}
	waitFor(w.t, patience, "the broker says that Kakao does not tell its keys", func() bool {
		return strings.Contains(w.broker.out.all(), "does not tell its keys yet")
	})
}

// figures of the broker's own, by series.
func (w *ward) figures() map[string]float64 {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", w.metrics))
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	all := map[string]float64{}
	for scan := bufio.NewScanner(resp.Body); scan.Scan(); {
		name, value, _ := strings.Cut(scan.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = n
		}
	}
	return all
}

// round is what became of everybody within one span.
type round struct {
	Reports    map[string]rushReport `json:"-"`
	P99        map[string]float64    `json:"p99_ms"` // of the whole login, by provider
	In, Failed map[string]int
	Sick       map[string]int `json:"what_kakaos_people_met"`
	Goroutines float64        `json:"goroutines_most"`
	Level      float64        `json:"goroutines_at_the_end"` // beyond one for each open connection
	Resting    float64        `json:"connections_at_the_end"`
	HeapMiB    float64        `json:"heap_mib_most"`
	RSSMiB     float64        `json:"rss_mib_most"`
}

// crowd sends the three kinds of people at once, each at its rate.
func (w *ward) crowd(rates map[string]float64, span time.Duration) round {
	w.t.Helper()
	r := round{Reports: map[string]rushReport{}, P99: map[string]float64{}, In: map[string]int{}, Failed: map[string]int{}}
	stop := make(chan struct{})
	var level, open []float64 // the last few looks
	var looking, people sync.WaitGroup
	looking.Go(func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			f := w.figures()
			connections := w.connections()
			open = append(open[max(0, len(open)-5):], connections)
			level = append(level[max(0, len(level)-5):], f["go_goroutines"]-connections)
			r.Goroutines = max(r.Goroutines, f["go_goroutines"])
			r.HeapMiB = max(r.HeapMiB, f["go_memstats_heap_inuse_bytes"]/(1<<20))
			r.RSSMiB = max(r.RSSMiB, f["process_resident_memory_bytes"]/(1<<20))
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	var mu sync.Mutex
	for provider, rate := range rates {
		people.Go(func() {
			one, err := w.rush(nil, "--provider", provider, "--rate", fmt.Sprint(rate), "--for", span.String(), "--patience", backWithin.String())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				w.t.Errorf("people of %s: %v", provider, err)
				return
			}
			r.Reports[provider], r.P99[provider], r.In[provider], r.Failed[provider] = one, one.Times["whole"].P99, one.In, one.Failed
		})
	}
	people.Wait()
	close(stop)
	looking.Wait()
	r.Level, r.Resting = middle(level), middle(open)
	r.Sick = maps.Clone(r.Reports["kakao"].Errors)
	return r
}

func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// connections are those open to the broker. Browsers keep theirs for a minute, and
// each is a goroutine that waits for the next request: that people came is not
// what an ailment leaves behind.
func (w *ward) connections() (n float64) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			w.t.Errorf("count connections: %v", err)
			return 0
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			const established = "01"
			if len(f) > 3 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", w.base)) && f[3] == established {
				n++
			}
		}
	}
	return n
}

// backWithin is how soon Kakao's own people are at the chooser again at the
// latest: the time-out of one request, 8 s, and the pages before and after it.
const backWithin = 10 * time.Second

// lost are Kakao's people who were not led back to the chooser.
func (r round) lost() []string {
	var all []string
	for _, kind := range slices.Sorted(maps.Keys(r.Sick)) {
		if kind != "nothing" && !strings.HasPrefix(kind, "notice-") { // "nothing": grey, it could not be chosen
			all = append(all, fmt.Sprintf("%s (%d): %s", kind, r.Sick[kind], r.Reports["kakao"].Examples[kind]))
		}
	}
	return all
}

// TestOneProviderCannotTakeTheOthers is `make evidence-containment`: Kakao is ill
// in eleven ways, one after the other, each with a broker of its own, while
// people log in by Kakao and by two others. Before and during are one run, so
// that the machine is the same (SINHO_EVIDENCE_FOR=1m for longer spans than half a
// minute). As a miniature: a few people, and no times.
func TestOneProviderCannotTakeTheOthers(t *testing.T) {
	rates, span, warm := map[string]float64{"naver": 40, "oidc": 40, "kakao": 20}, 30*time.Second, 10*time.Second
	if !evidence.Collecting() {
		rates, span, warm = map[string]float64{"naver": 5, "oidc": 5, "kakao": 5}, 2*time.Second, 0
	}
	span = spanOf(t, span)
	e := evidence.New("containment", 1)
	defer e.Close(t)
	e.Figures["rates_per_s"], e.Figures["span_s"] = rates, span.Seconds()
	w := newWard(t)
	for i, a := range ailments() {
		t.Run(a.name, func(t *testing.T) {
			w.t = t
			w.open(i)
			defer w.broker.end(syscall.SIGTERM)
			if warm > 0 {
				w.crowd(rates, warm)
			}
			before := w.crowd(rates, span)
			a.strike(w)
			during := w.crowd(rates, span)
			a.heal(w)
			settled := w.settle(t, before)
			w.judge(t, e, a, rates, before, during, settled)
		})
	}
}

// settle waits until what the ailment left has gone.
func (w *ward) settle(t *testing.T, before round) (goroutines float64) {
	t.Helper()
	waitFor(t, patience, "no request to Kakao is under way and goroutines are as before", func() bool {
		f := w.figures()
		goroutines = f["go_goroutines"]
		return f[`sinho_provider_requests_under_way{provider="kakao"}`] == 0 && goroutines <= 1.25*before.Goroutines+50
	})
	return goroutines
}

func (w *ward) judge(t *testing.T, e *evidence.Run, a ailment, rates map[string]float64, before, during round, settled float64) {
	t.Helper()
	f := w.figures()
	ratios := map[string]float64{}
	for _, other := range []string{"naver", "oidc"} {
		for when, r := range map[string]round{"before": before, "during": during} {
			e.Must(t, r.Failed[other] == 0 && r.In[other] > 0, fmt.Sprintf("%s: %s it, of %s's people %d got in and %d did not: %v",
				a.name, when, other, r.In[other], r.Failed[other], r.Reports[other].Examples))
		}
		ratios[other] = during.P99[other] / before.P99[other]
		e.Demand(ratios[other] <= 1.2, fmt.Sprintf("%s: p99 of %s's people %.2f times of before, want 1.2", a.name, other, ratios[other]))
	}
	e.Must(t, before.Failed["kakao"] == 0, fmt.Sprintf("%s: before it %d of Kakao's people failed: %v", a.name, before.Failed["kakao"], before.Sick))
	lost := during.lost()
	e.Must(t, len(lost) == 0, fmt.Sprintf("%s: not back at the chooser within %s: %v", a.name, backWithin, lost))
	if a.goesOn {
		e.Must(t, during.Failed["kakao"] == 0, fmt.Sprintf("%s: %d of Kakao's people failed, want the keys at hand to serve: %v", a.name, during.Failed["kakao"], during.Sick))
	} else {
		e.Must(t, during.Failed["kakao"] > 0 && during.In["kakao"] == 0, fmt.Sprintf("%s: %d of Kakao's people got in: it was never felt", a.name, during.In["kakao"]))
	}
	// A person who waits is a connection, its handler, and two for the way out; and
	// nobody waits longer than backWithin.
	most := 1.25*before.Goroutines + 4*rates["kakao"]*backWithin.Seconds() + 50
	e.Must(t, during.Goroutines <= most, fmt.Sprintf("%s: %.0f goroutines, %.0f before, want %.0f at most", a.name, during.Goroutines, before.Goroutines, most))
	e.Demand(during.Level <= 1.25*before.Level, fmt.Sprintf("%s: %.0f goroutines beyond those of %.0f connections while it lasted, %.0f before", a.name, during.Level, during.Resting, before.Level))
	e.Demand(settled <= 1.1*before.Goroutines, fmt.Sprintf("%s: %.0f goroutines after it, %.0f before", a.name, settled, before.Goroutines))
	e.Demand(during.RSSMiB <= 1.25*before.RSSMiB+32, fmt.Sprintf("%s: %.0f MiB during it, %.0f before", a.name, during.RSSMiB, before.RSSMiB))
	refused := map[string]float64{}
	for _, reason := range []string{"full", "open", "chooser"} {
		refused[reason] = f[`sinho_provider_refused_total{provider="kakao",reason="`+reason+`"}`]
	}
	e.Figures[a.name] = map[string]any{
		"before": before, "during": during, "p99_times_of_before": ratios, "goroutines_after": settled, "kept_from_kakao": refused,
		"repeated": f[`sinho_provider_repeated_total{provider="kakao"}`],
	}
	t.Logf("others in %v, p99 %v times; Kakao's people met %v; goroutines %.0f, %.0f, %.0f (beyond connections %.0f, %.0f at its end); MiB %.0f, %.0f; not asked %v",
		during.In, ratios, during.Sick, before.Goroutines, during.Goroutines, settled, before.Level, during.Level, before.RSSMiB, during.RSSMiB, refused)
}
