package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// options for a short run against o.
func (o *fakeOP) options() loginOptions {
	return loginOptions{
		issuer: o.url, clientID: "playground", redirectURI: "http://site.test/callback", scope: "openid",
		rate: 100, span: 150 * time.Millisecond, follow: 0.5, patience: 10 * time.Second, most: 100, seed: 3,
		manners: manners{slow: 10 * time.Second},
	}
}

// walkers are the two ways to walk, which must agree.
var walkers = []struct {
	name    string
	citizen bool
}{{"lean", false}, {"citizen", true}}

// walkOnce prepares a run and sends one person.
func walkOnce(t *testing.T, o loginOptions, p person) outcome {
	t.Helper()
	r, err := prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.one(t.Context(), p, time.Now())
	doc := r.report()
	out := outcome{in: doc.In == 1, provider: p.provider, tries: 1 + int(doc.Retried)}
	for kind := range doc.Errors {
		out.failure = failed(kind, "%s", doc.Examples[kind])
	}
	for n := range doc.Notices {
		out.notices = append(out.notices, n)
	}
	for id := range doc.Providers {
		out.provider = id
	}
	return out
}

func somebody(t *testing.T, provider string) person {
	t.Helper()
	crowd, err := loginOptions{}.crowd()
	if err != nil {
		t.Fatal(err)
	}
	return person{provider: provider, follows: true, who: crowd[0]}
}

func TestALoginIsWalkedToTheEndByEitherWalker(t *testing.T) {
	for _, w := range walkers {
		for _, provider := range []string{"kakao", "pass"} {
			t.Run(w.name+" by "+provider, func(t *testing.T) {
				o := startOP(t)
				opt := o.options()
				opt.citizen = w.citizen
				got := walkOnce(t, opt, somebody(t, provider))
				if !got.in || got.provider != provider {
					t.Fatalf("got %+v, want in by %s", got, provider)
				}
				if provider == "pass" && (len(o.typed) != 1 || o.typed[0].Get("name") != "홍길동" || o.typed[0].Get("phone") != "01000000000") {
					t.Errorf("the push form got %v", o.typed)
				}
			})
		}
	}
}

func TestWhatGoesWrongIsNamed(t *testing.T) {
	for _, c := range []struct{ fault, kind, says string }{
		{"busy", "notice-busy", ""},
		{"provider down", "provider-page-502", ""},
		{"provider drops", "provider-network", "EOF"},
		{"provider hangs", "patience", ""},
		{"provider without a form", "stuck", ""},
		{"wrong state", "state", "not this login's"},
		{"access denied", "refused-access_denied", ""},
		{"no code", "token-invalid_grant", "400"},
		{"another nonce", "id_token", "nonce"},
		{"another audience", "id_token", "audience"},
		{"another sub", "userinfo", "another subject"},
	} {
		for _, w := range walkers {
			t.Run(c.fault+", "+w.name, func(t *testing.T) {
				o := startOP(t)
				opt := o.options()
				opt.citizen = w.citizen
				if c.kind == kindPatience {
					opt.patience = 300 * time.Millisecond
				}
				o.breakWith(c.fault)
				got := walkOnce(t, opt, somebody(t, "kakao"))
				if got.in || got.failure == nil || got.failure.kind != c.kind {
					t.Fatalf("got %+v, want %s", got.failure, c.kind)
				}
				if says := got.failure.err.Error(); !strings.Contains(says, c.says) || strings.Contains(says, "code_challenge") {
					t.Errorf("it says %q, want %q in it and no secrets", says, c.says)
				}
			})
		}
	}
}

func TestAPersonTriesAgainFromTheChooser(t *testing.T) {
	for _, c := range []struct {
		fault, after string
		notices      int
	}{{"one notice", "notice-busy", 1}, {"provider down", "page", 0}, {"provider drops", "page", 0}} {
		for _, w := range walkers {
			t.Run(c.fault+", "+w.name, func(t *testing.T) {
				o := startOP(t)
				opt := o.options()
				opt.citizen, opt.retries = w.citizen, 1
				o.breakWith(c.fault)
				o.notices = c.notices
				got := walkOnce(t, opt, somebody(t, "kakao"))
				if !got.in || got.provider != "pass" || got.tries != 2 || !cmp.Equal(got.notices, []string{c.after}) {
					t.Errorf("got %+v, want in by pass at the second try, after %s", got, c.after)
				}
			})
		}
	}
}

func TestAPersonLoadsAPageAgainOrBeginsAnew(t *testing.T) {
	for _, c := range []struct {
		path                string
		gone, reload, again int
		way, lost           string
	}{
		{"/callback/kakao", 1, 1, 0, "reload-502", ""},
		{"/login/kakao", 1, 1, 0, "reload-502", ""},
		{"/callback/kakao", 2, 1, 0, "reload-502", "problem-502"},
		{"/callback/kakao", 1, 0, 1, "began-anew-problem-502", ""},
		{"/token", 1, 5, 1, "began-anew-token-502", ""},
		{"/token", 1, 5, 0, "", "token-502"},
	} {
		t.Run(fmt.Sprintf("%s gone %d times, reload %d, again %d", c.path, c.gone, c.reload, c.again), func(t *testing.T) {
			o := startOP(t)
			opt := o.options()
			opt.reload, opt.again = c.reload, c.again
			o.gone, o.gonePath = c.gone, c.path
			r, err := prepare(t.Context(), opt)
			if err != nil {
				t.Fatal(err)
			}
			r.one(t.Context(), person{provider: "kakao", who: somebody(t, "kakao").who}, time.Now())
			doc := r.report()
			if c.lost == "" && (doc.In != 1 || doc.AtOnce != 0 || doc.Detoured != 1) || c.lost != "" && doc.Errors[c.lost] != 1 {
				t.Errorf("got in %d, at once %d, after a detour %d, errors %v %v", doc.In, doc.AtOnce, doc.Detoured, doc.Errors, doc.Examples)
			}
			if c.way != "" && doc.Notices[c.way] != 1 {
				t.Errorf("got on the way %v, want %s", doc.Notices, c.way)
			}
		})
	}
}

func TestARunReportsWhatCame(t *testing.T) {
	o := startOP(t)
	for _, asJSON := range []bool{false, true} {
		t.Run(fmt.Sprintf("JSON %v", asJSON), func(t *testing.T) {
			opt := o.options()
			opt.json, opt.pids = asJSON, []int{os.Getpid()}
			var stdout, stderr strings.Builder
			if err := runLogin(t.Context(), opt, &stdout, &stderr); err != nil {
				t.Fatal(err)
			}
			if !asJSON {
				for _, words := range []string{"0 failed", "whole login", "by kakao", "of processor time", "userinfo"} {
					if !strings.Contains(stdout.String(), words) {
						t.Errorf("the table lacks %q:\n%s", words, stdout.String())
					}
				}
				return
			}
			var doc loginReport
			if err := json.Unmarshal([]byte(stdout.String()), &doc); err != nil {
				t.Fatal(err)
			}
			if doc.In < 5 || doc.In != doc.Came || doc.Success != 1 || doc.Times.Whole.Count != doc.In || len(doc.Processes) != 2 {
				t.Errorf("got %+v, want everybody in, and two processes", doc)
			}
		})
	}
}

func TestAnInterruptedRunTellsWhatItHas(t *testing.T) {
	o := startOP(t)
	o.breakWith("provider hangs")
	opt := o.options()
	opt.span, opt.provider = time.Hour, "kakao"
	ctx, cancel := context.WithCancel(t.Context())
	r, err := prepare(ctx, opt)
	if err != nil {
		t.Fatal(err)
	}
	context.AfterFunc(t.Context(), cancel)
	go func() {
		for {
			r.tally.mu.Lock()
			came := r.tally.came
			r.tally.mu.Unlock()
			if came >= 3 {
				cancel()
				return
			}
			if pause(ctx, time.Millisecond) != nil {
				return
			}
		}
	}()
	r.load(ctx, &strings.Builder{})
	doc := r.report()
	if !doc.Interrupted || doc.Stopped != doc.Came || doc.Stopped < 3 || doc.Failed != 0 {
		t.Errorf("came %d, stopped %d, failed %d, interrupted %v; want all of them stopped and none failed", doc.Came, doc.Stopped, doc.Failed, doc.Interrupted)
	}
}

func TestWhatCannotRunSaysWhy(t *testing.T) {
	o := startOP(t)
	for _, c := range []struct {
		name string
		bend func(*loginOptions)
		want []string
	}{
		{"nobody listens", func(o *loginOptions) { o.issuer = "http://127.0.0.1:1" }, []string{"nobody listens", "--issuer"}},
		{"no issuer there", func(o *loginOptions) { o.issuer += "/nothing" }, []string{"404"}},
		{"an unknown client", func(o *loginOptions) { o.clientID = "nobody" }, []string{`client "nobody"`, "등록되지 않은 사이트", `"no such client"`}},
		{"a provider that is not offered", func(o *loginOptions) { o.provider = "toss" }, []string{"kakao, pass"}},
		{"a process that is not there", func(o *loginOptions) { o.pids = []int{1 << 30} }, []string{"--pid", "no process"}},
		{"too few files", func(o *loginOptions) { o.most = 1 << 40 }, []string{"too few file descriptors", "--max-in-flight"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			opt := o.options()
			c.bend(&opt)
			_, err := prepare(t.Context(), opt)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, words := range c.want {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("got %q, want %q in it", err, words)
				}
			}
		})
	}
}

func TestEveryMistakeOfTheCommandLineIsToldAtOnce(t *testing.T) {
	err := run(t.Context(), strings.Fields("login --rate 0 --for -1s --follow 2 --retries 99 --patience 0s --max-in-flight 0 --issuer localhost --person x --away -1s --leave 2 --page-patience -1s --slow 0s --connections -1"), &strings.Builder{}, &strings.Builder{})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, flag := range []string{"--rate", "--for", "--follow", "--retries", "--patience", "--max-in-flight", "--issuer", "--person", "--away", "--leave", "--page-patience", "--slow", "--connections"} {
		if !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is not told: %v", flag, err)
		}
	}
}

func TestNobodyInIsAnError(t *testing.T) {
	o := startOP(t)
	o.breakWith("no chooser")
	err := runLogin(t.Context(), o.options(), &strings.Builder{}, &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), "not one login got in") {
		t.Errorf("got %v, want an error that says so", err)
	}
}

// golden compares a document with its file in testdata.
func golden(t *testing.T, name string, doc any) {
	t.Helper()
	got, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestTheLoginDocumentKeepsItsShape(t *testing.T) {
	ms := time.Millisecond
	r := &loginRun{
		loginOptions: loginOptions{
			issuer: "http://localhost:8080", clientID: "playground", rate: 10, span: time.Second, follow: 0.6, retries: 1, most: 100, seed: 1,
			manners: manners{away: 6 * time.Second, page: 15 * time.Second, slow: 2 * time.Second}, leave: 0.03,
		},
		tally: newTally(), answers: new(answers), began: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), took: 1500 * ms,
		watch: []*process{{
			pid: 42, name: "sinho", most: 80 << 20,
			first: reading{cpu: time.Second, rss: 20 << 20}, last: reading{cpu: 1250 * ms, rss: 70 << 20},
		}},
	}
	in := outcome{in: true, provider: "kakao", tries: 1, ledger: ledger{
		broker: 20 * ms, provider: 30 * ms, person: 5 * ms,
		visits: []visited{{stepAuthorize, 2 * ms}, {stepChooser, 3 * ms}, {stepCallback, 15 * ms}},
	}}
	again := outcome{
		in: true, provider: "pass", tries: 2, notices: []string{"notice-failed"}, ledger: ledger{broker: 40 * ms},
		ways: []way{{provider: "kakao", light: "green", fate: fateFailed}, {provider: "pass", fate: fateIn}},
	}
	out := outcome{provider: "pass", tries: 1, notices: []string{"notice-busy"}, failure: failed("notice-busy", "back at the chooser after pass")}
	lost := outcome{failure: failed(kindConnect, "connection refused")}
	stopped := outcome{failure: failed(kindStopped, "stopped")}
	left := outcome{failure: failed(kindLeft, "left"), ways: []way{{provider: "kakao", light: "green", fate: fateLeft}}}
	in.ways = []way{{provider: "kakao", light: "green", fate: fateIn}}
	for _, o := range []outcome{in, in, again, out, lost, stopped, left} {
		r.tally.arrived(ms / 2)
		r.tally.ended(&o, 60*ms)
	}
	r.tally.turnedAway()
	r.answers.heard(stepCallback, saidWell, 15*ms)
	for what := saidWell; what <= saidLeft; what++ {
		r.answers.heard(stepChooser, what, ms)
	}
	golden(t, "login.json", r.report())
}
