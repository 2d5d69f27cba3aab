package web

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/lobby"
)

// jws is a frame as it travels; nobody here looks at the signature.
func jws(payload string) string {
	return "eyJhbGciOiJFUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func goldenFile(t *testing.T, name string, into any) json.RawMessage {
	t.Helper()
	raw, err := os.ReadFile("../testdata/lobby/" + name)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

type seenCase struct {
	Wire   string  `json:"wire"`
	Number uint64  `json:"number"`
	Late   uint64  `json:"late"`
	Since  float64 `json:"since"`
}

// TestThePageMakesOfAFrameWhatTheServerMakes holds line.js to
// testdata/lobby/frame.json, to which package lobby is held too.
func TestThePageMakesOfAFrameWhatTheServerMakes(t *testing.T) {
	var all struct {
		Frames []struct {
			Wire  string `json:"wire"`
			Views []struct {
				seenCase
				View lobby.View `json:"view"`
			} `json:"views"`
		} `json:"frames"`
	}
	goldenFile(t, "frame.json", &all)
	var cases []seenCase
	var want []lobby.View
	for _, f := range all.Frames {
		for _, v := range f.Views {
			v.Wire = jws(f.Wire)
			cases, want = append(cases, v.seenCase), append(want, v.View)
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 400 { // and whatever else a frame can say
		f := lobby.Frame{
			Version: 1, Room: "r", Second: 1, Serving: random.Uint64N(1000), Step: random.Uint64N(50), Fresh: random.Uint64N(900),
			Late: random.Uint64N(40), Show: random.Uint64N(1001), Rate: random.Uint64N(90000), Slow: random.Uint64N(80000), Closed: random.IntN(8) == 0,
		}
		if random.IntN(8) == 0 { // an opening that nobody had waited for
			f.Proof, f.Seed = strings.Repeat("ab", 32), strings.Repeat("cd", 32)
		}
		c := seenCase{Number: random.Uint64N(1200), Late: random.Uint64N(60), Since: float64(random.IntN(6)) / 4}
		wire, err := f.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		v, err := f.View(c.Number, c.Late, time.Duration(c.Since*float64(time.Second)))
		if err != nil {
			t.Fatal(err)
		}
		c.Wire = jws(string(wire))
		cases, want = append(cases, c), append(want, v)
	}
	var got []lobby.View
	node(t, `
		const l = require(process.argv[1]);
		const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
		Promise.all(cases.map(async c => {
			const f = l.decode(c.wire);
			const place = f.k && !f.e ? null : f.e ? await l.place(f.e, f.c, c.number) : c.number;
			const v = l.view(f, place, c.late, c.since);
			return { Drawn: v.drawn, Place: v.place || 0, Ahead: v.ahead || 0, Closed: !!v.closed, Called: !!v.called, TooLate: !!v.tooLate,
				Known: !!v.known, P50: v.p50 || 0, P90: v.p90 || 0, Moved: v.moved || 0 };
		})).then(out => console.log(JSON.stringify(out)));
	`, "line.js", cases, &got)
	if len(want) < 440 {
		t.Fatalf("got %d cases, want all", len(want))
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)) })
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("the page and the server disagree (-server +page):\n%s", diff)
	}
}

func TestThePageShufflesAsTheVectorSays(t *testing.T) {
	var all struct {
		Shuffles []struct {
			Places []uint64 `json:"places"`
		} `json:"shuffles"`
	}
	raw := goldenFile(t, "shuffle.json", &all)
	var want, got [][]uint64
	for _, s := range all.Shuffles {
		want = append(want, s.Places)
	}
	node(t, `
		const l = require(process.argv[1]);
		const v = JSON.parse(require("fs").readFileSync(0, "utf8"));
		Promise.all(v.shuffles.map(s => Promise.all(s.numbers.map(n => l.place(s.seed, s.count, n)))))
			.then(out => console.log(JSON.stringify(out)));
	`, "line.js", raw, &got)
	if len(want) < 5 {
		t.Fatalf("got %d shuffles, want the vector's", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-vector +page):\n%s", diff)
	}
}

func TestThePageSaysTimesAsTheServerDoes(t *testing.T) {
	w, err := New(Config{Flow: (&fake{}).flow()})
	if err != nil {
		t.Fatal(err)
	}
	p := page{words: w.words, Lang: "ko", Other: "en"}
	var waits [][2]float64
	for _, s := range []float64{0, 10, 29, 30, 59, 60, 61, 89, 90, 150, 600, 3599, 3600, 7100, 7199, 7200, 9000, 86400} {
		for _, more := range []float64{1, 1.2, 1.5, 2, 3} {
			waits = append(waits, [2]float64{s, s * more})
		}
	}
	spans := []float64{-5, 0, 0.4, 9, 10, 59, 59.5, 60, 119, 3599, 3600, 7199, 7200, 86399, 86400, 200000}
	var want, got struct{ Wait, Ago, Left []string }
	for _, s := range waits {
		want.Wait = append(want.Wait, w.about(s[0], s[1]).KO)
	}
	for _, s := range spans {
		d := time.Duration(s * float64(time.Second))
		want.Ago, want.Left = append(want.Ago, w.ago(d).KO), append(want.Left, p.countdown(d))
	}
	node(t, `
		const l = require(process.argv[1]);
		const { waits, spans, words } = JSON.parse(require("fs").readFileSync(0, "utf8"));
		const all = JSON.parse(words);
		const say = ([key, values]) => all[key].replace(/\{(\w+)\}/g, (whole, name) => values[name]);
		console.log(JSON.stringify({
			Wait: waits.map(([a, b]) => say(l.about(a, b))), Ago: spans.map(s => say(l.ago(s))),
			Left: spans.map(s => { const c = l.countdown(s * 1000); return (c.days ? say(["days", { n: c.days }]) + " " : "") + c.clock; }),
		}));
	`, "line.js", map[string]any{"waits": waits, "spans": spans, "words": p.queueWords()}, &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-server +page):\n%s", diff)
	}
	for _, c := range []struct {
		got, want string
	}{
		{w.about(170, 290).KO, "약 3–5분"},
		{w.about(170, 290).EN, "about 3–5 min"},
		{w.about(20, 40).KO, "1분 안"},
		{w.about(290, 300).KO, "약 5분"},
		{w.about(5000, 9000).KO, "약 1–3시간"},
		{p.countdown(26*time.Hour + 4*time.Second), "1일 2:00:04"},
		{p.countdown(184 * time.Second), "3:04"},
		{commas(1), "1"},
		{commas(999), "999"},
		{commas(1234567), "1,234,567"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestAFrameThatIsNoneIsDropped(t *testing.T) {
	for _, bad := range []string{"", "x", "a.b", "a.!!.c", jws("{"), jws("[]"), jws(`{"v":2}`), strings.Repeat(".", 9)} {
		if f, ok := frameOf(bad); ok {
			t.Errorf("%q: got %+v", bad, f)
		}
	}
	var got []any
	node(t, `
		const l = require(process.argv[1]);
		console.log(JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).map(l.decode)));
	`, "line.js", []string{"", "x", "a.b", "a.!!.c", jws("{"), jws("[]"), jws("null"), jws(`{"v":1}`)}, &got)
	for i, f := range got {
		if f != nil {
			t.Errorf("%d: got %v, want nothing", i, f)
		}
	}
}

// TestTheWaitingRoomsScriptHasItsWords finds every key that is written out in it.
func TestTheWaitingRoomsScriptHasItsWords(t *testing.T) {
	w, err := New(Config{Flow: (&fake{}).flow()})
	if err != nil {
		t.Fatal(err)
	}
	var known map[string]string
	if err := json.Unmarshal([]byte(w.calls["ko"]), &known); err != nil {
		t.Fatal(err)
	}
	keys := []string{"sound.on", "notify.on", "vibrate.on", "cannot", "offline", "online", "late.is", "closed.is", "drawing.is", "going.is", "going.agree"}
	for _, state := range []string{queueBefore, queueDrawing, queueWaiting, queueCalled, queueLate, queueClosed, queueGoing} {
		keys = append(keys, state, state+".beside")
	}
	for _, file := range []string{"queue.js", "calls.js"} {
		raw, err := files.ReadFile("static/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`say\("([a-z.]+)"`).FindAllStringSubmatch(string(raw), -1) {
			keys = append(keys, m[1])
		}
		for _, m := range regexp.MustCompile(`both2?\("[a-z-]+", "([a-z.]+)"`).FindAllStringSubmatch(string(raw), -1) {
			keys = append(keys, m[1], m[1]+".beside")
		}
	}
	for _, key := range keys {
		if known[key] == "" {
			t.Errorf("got nothing to say for %q", key)
		}
	}
	if len(keys) < 40 {
		t.Errorf("got %d keys, want all", len(keys))
	}
}
