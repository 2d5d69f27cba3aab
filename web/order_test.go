package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/broker"
	"sinho/providers"
	"sinho/signal"
)

// node runs a script with two arguments, a file of ours and JSON, and decodes
// what it prints.
func node(t *testing.T, script, file string, input, output any) {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("this test runs the pages' own script: please install node (any version from 14)")
	}
	in, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "-e", script, "./static/"+file)
	cmd.Stdin = bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run node: %v\n%s", err, errs.String())
	}
	if err := json.Unmarshal(out, output); err != nil {
		t.Fatalf("read what node printed: %v\n%s", err, out)
	}
}

type orderCase struct {
	Statuses []map[string]any   `json:"statuses"`
	Seed     string             `json:"seed"`
	Epoch    int64              `json:"epoch"`
	Factor   map[string]float64 `json:"factor"`
	Favour   string             `json:"favour"`
	Failed   string             `json:"failed"`
}

func TestTheScriptOrdersAsTheServerDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var cases []orderCase
	var want [][]string
	for i := range 400 {
		l := broker.Login{Seed: fmt.Sprintf("씨앗-%d", random.Uint64())}
		var board signal.Board
		c := orderCase{Seed: l.Seed, Epoch: random.Int64N(1 << 40), Factor: map[string]float64{}}
		for j := range 1 + i%7 {
			id := fmt.Sprintf("p%d", j)
			light := signal.Light(1 + random.IntN(4))
			share := random.Float64()
			if random.IntN(6) == 0 {
				share = 0
			}
			l.Routes = append(l.Routes, providers.Info{ID: id})
			board.Providers = append(board.Providers, signal.Status{ID: id, Light: light, Share: share})
			c.Statuses = append(c.Statuses, map[string]any{"id": id, "light": viewLight(light).Light, "share": share})
		}
		if i%3 == 0 {
			l.Hint = "p0"
		}
		var n broker.Notice
		switch i % 4 {
		case 1:
			n = broker.Notice{Code: broker.NoticeFailed, From: "p0"}
		case 2:
			n = broker.Notice{Code: broker.NoticeAgain, From: "p0"}
		}
		var h held
		if i%5 > 1 {
			h = held{"p0", "p2", "elsewhere"}[i%5-2:]
		}
		weight := weights(l, n, h)
		for _, p := range l.Routes {
			c.Factor[p.ID] = weight(p.ID)
		}
		c.Favour, c.Failed = favour(l, n), letDown(n)
		cases = append(cases, c)
		want = append(want, arrange(l, board, c.Epoch, n, h))
	}
	var got [][]string
	node(t, `
		const o = require(process.argv[1]);
		const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
		console.log(JSON.stringify(cases.map(c => o.arrange(c.statuses, c.seed, c.epoch, id => c.factor[id], c.favour, c.failed))));
	`, "order.js", cases, &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the page and the server disagree (-server +page):\n%s", diff)
	}
}

// TestTheScriptOrdersAsTheSharedVectorSays holds the page to testdata/order.json,
// to which package signal is held too.
func TestTheScriptOrdersAsTheSharedVectorSays(t *testing.T) {
	raw, err := os.ReadFile("../testdata/order.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Orders []struct {
			Order []string `json:"order"`
		} `json:"orders"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	var want, got [][]string
	for _, c := range v.Orders {
		want = append(want, c.Order)
	}
	node(t, `
		const o = require(process.argv[1]);
		const v = JSON.parse(require("fs").readFileSync(0, "utf8"));
		for (const u of v.uniforms) {
			const got = (o.hash(u.seed + "|" + u.epoch + "|" + u.id) + 0.5) / 4294967296;
			if (Math.abs(got - u.u) > v.tolerance) throw new Error(u.seed + " " + u.id + ": " + got + ", want " + u.u);
		}
		console.log(JSON.stringify(v.orders.map(c => o.order(c.providers, c.seed, c.epoch, id => (c.factors && id in c.factors) ? c.factors[id] : 1))));
	`, "order.js", json.RawMessage(raw), &got)
	if len(want) < 20 {
		t.Fatalf("got %d orders, want at least 20", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-vector +page):\n%s", diff)
	}
}

func TestAttackReconnectStormIsSpread(t *testing.T) {
	var got []float64
	node(t, `
		const l = require(process.argv[1]);
		const out = [];
		for (let attempt = 0; attempt < 40; attempt++) for (const r of [0, 0.5, 0.999999]) out.push(l.backoff(attempt, () => r));
		console.log(JSON.stringify(out));
	`, "live.js", nil, &got)
	for i := 0; i < len(got); i += 3 {
		if got[i] != 0 {
			t.Errorf("attempt %d: got at least %v ms, want full jitter from 0", i/3, got[i])
		}
		if got[i+2] > 120_000 {
			t.Errorf("attempt %d: got up to %v ms, want at most 120,000", i/3, got[i+2])
		}
		if i > 0 && got[i+1] < got[i-2] {
			t.Errorf("attempt %d: got %v ms after %v, want it to grow", i/3, got[i+1], got[i-2])
		}
	}
	if last := got[len(got)-1]; last < 119_000 {
		t.Errorf("got a crowd spread over %v ms, want 120,000", last)
	}
}

func TestAPersonsOrder(t *testing.T) {
	var mine held
	first := func(l broker.Login, board signal.Board, n broker.Notice, epoch int64) string {
		return arrange(l, board, epoch, n, mine)[0]
	}
	board := boardOf(status("naver", signal.Green), status("kakao", signal.Green), status("toss", signal.Green))()
	count := func(n broker.Notice, hint string) map[string]int {
		got := map[string]int{}
		for i := range int64(3000) {
			l := someLogin()
			l.Seed, l.Hint = fmt.Sprint("person ", i), hint
			got[first(l, board, n, 7)]++
		}
		return got
	}
	t.Run("is spread by shares", func(t *testing.T) {
		for id, n := range count(broker.Notice{}, "") {
			if n < 800 || n > 1200 {
				t.Errorf("got %s first for %d of 3000, want about a third", id, n)
			}
		}
	})
	t.Run("begins elsewhere where it has just failed", func(t *testing.T) {
		if got := count(broker.Notice{Code: broker.NoticeFailed, From: "kakao"}, "kakao"); got["kakao"] != 0 {
			t.Errorf("got kakao first for %d of 3000, want none", got["kakao"])
		}
	})
	t.Run("may begin where it has just failed when all else is congested", func(t *testing.T) {
		calm := board
		defer func() { board = calm }()
		board = boardOf(status("naver", signal.Red), status("kakao", signal.Green), status("toss", signal.Red))()
		if got := count(broker.Notice{Code: broker.NoticeFailed, From: "kakao"}, ""); got["kakao"] == 0 || got["kakao"] == 3000 {
			t.Errorf("got kakao first for %d of 3000, want some", got["kakao"])
		}
	})
	t.Run("stays where one more tap helps", func(t *testing.T) {
		if got := count(broker.Notice{Code: broker.NoticeAgain, From: "kakao"}, ""); got["kakao"] != 3000 {
			t.Errorf("got kakao first for %d of 3000, want all", got["kakao"])
		}
	})
	t.Run("begins mostly with a certificate that is on the device", func(t *testing.T) {
		mine = held{"kakao"}
		defer func() { mine = nil }()
		got := count(broker.Notice{}, "")
		if n := got["kakao"]; n < 2350 || n > 2650 { // 1 of 1 + 0.1 + 0.1
			t.Errorf("got kakao first for %d of 3000, want about 2500", n)
		}
		if got["naver"] == 0 || got["toss"] == 0 {
			t.Errorf("got %v, want some to begin elsewhere all the same", got)
		}
	})
	t.Run("begins elsewhere where it has just failed, certificate or not", func(t *testing.T) {
		mine = held{"kakao"}
		defer func() { mine = nil }()
		if got := count(broker.Notice{Code: broker.NoticeFailed, From: "kakao"}, ""); got["kakao"] != 0 {
			t.Errorf("got kakao first for %d of 3000, want none", got["kakao"])
		}
	})
	t.Run("is the same as without, where the certificate is for none of the routes", func(t *testing.T) {
		for i := range int64(100) {
			l := someLogin()
			l.Seed = fmt.Sprint("person ", i)
			if diff := cmp.Diff(arrange(l, board, 7, broker.Notice{}, nil), arrange(l, board, 7, broker.Notice{}, held{"oidc"})); diff != "" {
				t.Fatalf("(-nothing known +another's):\n%s", diff)
			}
		}
	})
	t.Run("begins with what the site asked for", func(t *testing.T) {
		if got := count(broker.Notice{}, "toss"); got["toss"] != 3000 {
			t.Errorf("got toss first for %d of 3000, want all", got["toss"])
		}
	})
	t.Run("is the same within an epoch on every reload", func(t *testing.T) {
		f := &fake{login: someLogin()}
		var seen []string
		for _, after := range []time.Duration{0, 29 * time.Second} {
			h := newWeb(t, f, func(c *Config) { c.Now = func() time.Time { return noon.Add(after) } })
			body := get(h, "/login?r=x").Body.String()
			seen = append(seen, body[strings.Index(body, `data-epoch`):strings.Index(body, `data-favour`)])
			for i, id := range arrange(f.login, board, signal.Epoch(noon), broker.Notice{}, nil) {
				seen = append(seen, fmt.Sprint(i, strings.Index(body, `id="login-`+id) > 0))
			}
		}
		if diff := cmp.Diff(seen[:len(seen)/2], seen[len(seen)/2:]); diff != "" {
			t.Errorf("the order moved within its epoch:\n%s", diff)
		}
	})
}
