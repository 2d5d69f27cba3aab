package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sinho/store/redistest"
)

// stormLegMS is what a server leg takes while its provider is well.
const stormLegMS = 100

// storm is a fleet before an opening, and the crowd on its way.
type storm struct {
	*fleet

	gale   gale
	store  *redistest.Server
	opens  time.Time
	legs   map[string]float64 // of a login, by provider
	cmd    *exec.Cmd
	out    bytes.Buffer // rush's report
	said   bytes.Buffer // and its progress
	waits  string       // paths of its files
	back   string
	tries  string
	ended  chan error
	report stormReport

	happened []happening
	turned   map[string]int // requests that nodes refused, by class
	untold   bool           // a node does not tell
}

// stormReport is what is read of `rush storm --json`.
type stormReport struct {
	rushReport
	Room struct {
		People, Straight int
		By               map[string]int
		Outcomes         map[string]int
		NoShow           int    `json:"no_show"`
		Late             int    `json:"late_lane"`
		Waited           spread `json:"waited_ms"`
		CalledToIn       spread `json:"called_to_in_ms"`
		Estimates        struct {
			Told   int     `json:"told"`
			Within float64 `json:"within_a_fifth"`
			Below  float64 `json:"within_p90"`
			P50    float64 `json:"error_p50"`
			P80    float64 `json:"error_p80"`
			P95    float64 `json:"error_p95"`
		} `json:"estimates"`
		Shed         int            `json:"shed"`
		ShedWithPass int            `json:"shed_with_pass"`
		ShedAt       map[string]int `json:"shed_with_pass_at"`
		LostPlace    int            `json:"lost_place"`
		LostBack     int            `json:"lost_place_after_a_provider"`
		DoubleNumber int            `json:"double_number"`
		Again        int            `json:"back_in_the_room"`
		Broken       int            `json:"sockets_broken"`
		Reconnect    int            `json:"reconnected"`
		Kept         int            `json:"reconnected_with_their_place"`
		Tabs         struct {
			Opened  int `json:"opened"`
			Same    int `json:"same_number"`
			Another int `json:"another_number"`
			Turned  int `json:"turned_back"`
			Twice   int `json:"in_twice"`
		} `json:"second_tabs"`
	} `json:"room"`
}

// UnmarshalJSON reads both parts of the report.
func (r *stormReport) UnmarshalJSON(body []byte) error {
	if err := json.Unmarshal(body, &r.rushReport); err != nil {
		return err
	}
	type room struct {
		Room *json.RawMessage `json:"room"`
	}
	var only room
	if err := json.Unmarshal(body, &only); err != nil || only.Room == nil {
		return fmt.Errorf("no room in the report: %w", err)
	}
	return json.Unmarshal(*only.Room, &r.Room)
}

// newStorm starts everything, lets a few people in by another client until the
// lights are measured, sets the opening, and has rush wait for it.
func newStorm(t *testing.T, g gale) *storm {
	t.Helper()
	w := &storm{gale: g, store: stormStore(t), legs: map[string]float64{}, turned: map[string]int{}, ended: make(chan error, 1)}
	p := oneRedis(w.store, 3)
	p.latency, p.metrics, p.edit = stormLegMS, true, stormSettings(g.Each)
	p.more += roomSettings(time.Time{})
	w.fleet = newFleet(t, p)
	w.warm()
	for _, id := range stormDoors {
		w.control(id, fmt.Sprintf(`{"capacity_per_s":%g}`, w.legs[id]*g.Each))
	}
	w.opens = time.Now().Add(g.Early + 8*time.Second + time.Minute - 1).Truncate(time.Minute) // settings know no seconds
	for i, n := range w.nodes {
		w.announce(i, n)
	}
	w.rush()
	return w
}

// roomSettings are the room of the storm's client.
func roomSettings(opens time.Time) string {
	text := "rooms:\n  - id: august\n    clients: [playground]\n"
	if !opens.IsZero() {
		at := opens.In(time.FixedZone("KST", 9*60*60)) // the settings' time_zone
		text += fmt.Sprintf("    opens: %s\n    announced: %s\n    round: evening\n", at.Format("2006-01-02 15:04"), at.Format(time.DateOnly))
	}
	return text
}

// warm has people come by a client without a room, and counts what a login takes of
// each provider.
func (w *storm) warm() {
	w.t.Helper()
	before := w.asked(0)
	r, err := w.apart.rush(nil, "--client-id", "playground-rs256", "--rate", "20", "--for", "6s", "--follow", "0", "--away", "0")
	if err != nil || r.In == 0 {
		w.t.Fatalf("warm up: %d got in, %v %v", r.In, err, r.Examples)
	}
	for id, all := range w.asked(0) {
		var legs, logins int
		for _, s := range all {
			legs, logins = legs+s.Asked, logins+s.Logins
		}
		for _, s := range before[id] {
			legs, logins = legs-s.Asked, logins-s.Logins
		}
		if logins == 0 {
			w.t.Fatalf("nobody came by %s to warm up", id)
		}
		w.legs[id] = math.Max(1, math.Round(float64(legs)/float64(logins)))
	}
}

// doorSecond is one of a simulator's GET /control/seconds.
type doorSecond struct {
	At     int64 `json:"t"`
	Asked  int   `json:"asked"`
	Logins int   `json:"logins"`
}

// asked is what each provider was asked since a second.
func (w *storm) asked(since int64) map[string][]doorSecond {
	w.t.Helper()
	all := map[string][]doorSecond{}
	for _, id := range stormDoors {
		var doc struct{ Seconds []doorSecond }
		if err := getInto(fmt.Sprintf("http://localhost:%d/control/seconds", w.base+simAt[id]), &doc); err != nil {
			w.t.Fatal(err)
		}
		for _, s := range doc.Seconds {
			if s.At >= since {
				all[id] = append(all[id], s)
			}
		}
	}
	return all
}

func getInto(url string, into any) error {
	client := &http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", url, resp.StatusCode)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// announce sets the opening at a node that runs, and waits until it sends people to
// the room.
func (w *storm) announce(i int, n *node) {
	w.t.Helper()
	text, err := os.ReadFile(n.path)
	if err != nil {
		w.t.Fatal(err)
	}
	changed := strings.Replace(string(text), roomSettings(time.Time{}), roomSettings(w.opens), 1)
	if changed == string(text) {
		w.t.Fatal("the settings have no room to set an opening of")
	}
	writeFile(w.t, n.path, changed)
	ask := w.issuer + "/authorize?response_type=code&client_id=playground&redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fcallback&scope=openid" +
		"&state=1&nonce=1&code_challenge=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU&code_challenge_method=S256"
	w.balancer.lead(func(*http.Request) int { return i })
	defer w.balancer.lead(func(*http.Request) int { return -1 })
	client := &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	waitFor(w.t, patience, n.name+" sends people to the room", func() bool {
		resp, err := client.Get(ask)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return strings.HasPrefix(resp.Header.Get("Location"), "/queue?")
	})
}

// rush starts the crowd.
func (w *storm) rush() {
	w.t.Helper()
	rush, err := rushBinary()
	if err != nil {
		w.t.Fatal(err)
	}
	g, dir := w.gale, w.t.TempDir()
	w.waits, w.back, w.tries = filepath.Join(dir, "waits.csv"), filepath.Join(dir, "returns.csv"), filepath.Join(dir, "ways.csv")
	args := []string{
		"storm", "--json", "--issuer", w.issuer, "--opens", w.opens.Format(time.RFC3339), "--capacity", fmt.Sprint(g.capacity()), "--times", fmt.Sprint(stormTimes),
		"--decay", g.Decay.String(), "--before", strconv.Itoa(g.Before), "--early", g.Early.String(), "--for", g.For.String(), "--away", g.Away.String(),
		"--tabs", "0.2", "--greedy", "0.1", "--reconnect", "0.1", "--reconnect-at", g.Reconnect.String(), "--no-show", "0.05", "--no-script", "0.1", "--sockets", "0.3",
		"--follow", "0.6", "--retries", "3", "--reload", "10", "--page-patience", "10s", "--max-in-flight", "19000",
		"--waits", w.waits, "--returns", w.back, "--tries", w.tries, "--pid", strconv.Itoa(w.sims.pid()), "--pid", strconv.Itoa(w.store.PID()),
	}
	for _, n := range w.nodes {
		args = append(args, "--pid", strconv.Itoa(n.pid()))
	}
	w.cmd = exec.Command(rush, args...)
	w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.said
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { w.ended <- w.cmd.Wait() }()
	w.t.Cleanup(func() { _ = w.cmd.Process.Kill() }) // it has ended, unless the test failed
}

// at has something happen so long after the opening.
func (w *storm) at(after time.Duration, what string, do func()) {
	w.t.Helper()
	timer := time.NewTimer(time.Until(w.opens.Add(after)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case err := <-w.ended:
		w.t.Fatalf("rush ended before %s: %v\n%s", what, err, tail(w.said.String(), 80))
	}
	from := time.Now()
	do()
	w.happened = append(w.happened, happening{what, seconds(from.Sub(w.opens)), seconds(time.Since(from))})
	w.t.Logf("%6.1f s: %s", from.Sub(w.opens).Seconds(), what)
}

// ends waits for the last of the crowd.
func (w *storm) ends() {
	w.t.Helper()
	select {
	case err := <-w.ended:
		if w.t.Logf("%s", tail(w.said.String(), 12)); err != nil {
			w.t.Fatalf("rush: %v\n%s", err, tail(w.said.String(), 20))
		}
	case <-time.After(20 * time.Minute):
		w.t.Fatal("rush does not end")
	}
	if err := json.Unmarshal(w.out.Bytes(), &w.report); err != nil {
		w.t.Fatalf("rush: %v in %s", err, w.out.String())
	}
	for _, n := range w.nodes {
		w.refused(n)
	}
}

var refusedRequests = regexp.MustCompile(`(?m)^[a-z_]*requests_refused_total\{[^}]*class="([a-z_]+)"[^}]*\} ([0-9.e+]+)$`)

// refused adds what a node has refused since it began.
func (w *storm) refused(n *node) {
	w.t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get("http://" + n.metrics + "/metrics")
	if err != nil {
		w.t.Fatalf("metrics of %s: %v", n.name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("metrics of %s: %v", n.name, err)
	}
	all := refusedRequests.FindAllSubmatch(body, -1)
	w.untold = w.untold || len(all) == 0
	for _, one := range all {
		count, _ := strconv.ParseFloat(string(one[2]), 64)
		w.turned[string(one[1])] += int(count)
	}
}
