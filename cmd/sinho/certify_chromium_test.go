package main

import (
	"context"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestThePlansBrowserCommandsWorkInChromium walks with scripts on, as the suite's
// own browser does: a login, an answer by form, and a log-out past a frame. What
// a page's policy forbids shows only here.
func TestThePlansBrowserCommandsWorkInChromium(t *testing.T) {
	c := certify(t)
	basic, form, front := c.tester(t, "basic.json"), c.tester(t, "form-post.json"), c.tester(t, "frontchannel-logout.json")
	tab := newTab(t)

	a := basic.request("openid")
	tab.obey(t, basic.plan, basic.op.Endpoint().AuthURL+"?"+a.params.Encode())
	v := c.suite.next(t, "callback")
	if v.method != http.MethodGet || v.query.Get("state") != a.state {
		t.Errorf("a login: got %s with %v", v.method, v.query)
	}
	basic.redeem(a, v.query.Get("code"))

	for _, prompt := range []string{"login", "none"} {
		a = form.request("openid", "response_mode", "form_post", "prompt", prompt)
		tab.obey(t, form.plan, form.op.Endpoint().AuthURL+"?"+a.params.Encode())
		v = c.suite.next(t, "callback")
		if v.method != http.MethodPost || len(v.query) > 0 || v.form.Get("state") != a.state {
			t.Errorf("form_post, prompt=%s: got %s with %v and %v", prompt, v.method, v.query, v.form)
		}
		form.redeem(a, v.form.Get("code"))
	}

	a = front.request("openid")
	tab.obey(t, front.plan, front.op.Endpoint().AuthURL+"?"+a.params.Encode())
	tok := front.redeem(a, c.suite.next(t, "callback").query.Get("code"))
	var m struct {
		End string `json:"end_session_endpoint"`
	}
	if err := front.op.Claims(&m); err != nil {
		t.Fatal(err)
	}
	tab.obey(t, front.plan, m.End+"?"+front.departure(tok.ID).Encode())
	if v := c.suite.next(t, "frontchannel_logout"); v.query.Get("iss") != c.base || v.query.Get("sid") != tok.claims["sid"] {
		t.Errorf("the frame: got %v, want iss and sid", v.query)
	}
	if v := c.suite.next(t, "post_logout_redirect"); v.query.Get("state") == "" {
		t.Errorf("after the log-out: got %v, want the state", v.query)
	}
}

// tab is one of Chromium.
type tab struct{ ctx context.Context }

func newTab(t *testing.T) tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing; `make tools` installs it")
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("disable-background-networking", true),
		chromedp.WSURLReadTimeout(60*time.Second))...)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for Chromium to end, so that its profile can be removed
		stop()
		stopAllocator()
	})
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900)); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return tab{ctx}
}

// obey opens an address and does what the plan tells the suite's browser.
func (b tab) obey(t *testing.T, s suiteSettings, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(s.Browser, func(cmd suiteCommands) bool { return matches(cmd.Match, address) })
	if i < 0 {
		t.Fatalf("no commands of the plan match %s", address)
	}
	for _, task := range s.Browser[i].Tasks {
		at, err := b.at(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !matches(task.Match, at) {
			continue
		}
		for _, command := range task.Commands {
			b.one(ctx, t, command)
		}
	}
}

// at is where the tab is. A page that gives way to another while it is asked
// cannot answer; the next one can.
func (b tab) at(ctx context.Context) (string, error) {
	for {
		at, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href"))
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "navigated or closed") {
			return at, err
		}
	}
}

func (b tab) one(ctx context.Context, t *testing.T, command []any) {
	t.Helper()
	kind, target := command[1].(string), command[2].(string)
	var err error
	switch command[0].(string) + " " + kind {
	case "click id":
		_, err = chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS("#"+target)))
	case "wait id":
		err = chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS("#"+target)))
	case "wait xpath":
		err = chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(strings.TrimPrefix(target, "//"))))
	case "wait contains":
		for at := ""; err == nil && !strings.Contains(at, target); {
			at, err = b.at(ctx)
		}
	default:
		t.Fatalf("the suite knows no %v", command)
	}
	if err != nil {
		where, _ := b.at(b.ctx)
		u, _ := url.Parse(where)
		t.Fatalf("%v at %s: %v", command, u.Path, err)
	}
}
