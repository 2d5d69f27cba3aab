package e2e

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const atConsole = 3

// oneTime is the password the demo has printed.
func (d *demo) oneTime() string {
	d.t.Helper()
	m := regexp.MustCompile(`one-time password (\S+)`).FindStringSubmatch(d.out.all())
	if m == nil {
		d.t.Fatalf("no one-time password in:\n%s", d.out.all())
	}
	return m[1]
}

// enterConsole signs in with the keyboard alone.
func enterConsole(t *testing.T, tab context.Context, url, password string) {
	t.Helper()
	do(t, tab, "open the console", chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.Focus(chromedp.CSS("#password")))
	do(t, tab, "type the password", chromedp.KeyEvent(password))
	ctx, cancel := context.WithTimeout(tab, 45*time.Second)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.KeyEvent("\r")); err != nil {
		t.Fatalf("press enter: %v", err)
	}
}

// fillWord fills the form of a word in.
func fillWord(t *testing.T, tab context.Context, action, ko, en, minutes string) {
	t.Helper()
	do(t, tab, "fill the form in",
		chromedp.WaitVisible(chromedp.CSS("#apply")),
		chromedp.Click(chromedp.CSS(`#word input[name=do][value=`+action+`]`)),
		chromedp.SetValue(chromedp.CSS("#reason_ko"), ko), chromedp.SetValue(chromedp.CSS("#reason_en"), en),
		chromedp.SetValue(chromedp.CSS("#for"), minutes))
}

// watchLight notes in the page when a provider's light in the chooser becomes
// what is wanted; turnedAt reads it as Unix milliseconds.
func watchLight(t *testing.T, tab context.Context, provider, light string) {
	t.Helper()
	eval[bool](t, tab, `(function(){
		window.turned = 0; window.never = window.never || Math.random();
		var look = function(){
			var b = document.querySelector("#login-`+provider+`"), r = b && b.closest("[data-light]");
			if (r && r.dataset.light === "`+light+`") { window.turned = Date.now(); return; }
			requestAnimationFrame(look);
		}; look(); return true; })()`)
}

func turnedAt(t *testing.T, tab context.Context, what string) time.Time {
	t.Helper()
	waitFor(t, patience, what, func() bool { return eval[float64](t, tab, "window.turned") > 0 })
	return time.UnixMilli(int64(eval[float64](t, tab, "window.turned")))
}

// noStray is every control without a label, heading that skips a level, and
// anything wider than the screen.
const noStray = `(function(){
	var bad = [], level = 0;
	document.querySelectorAll("input:not([type=hidden]),select,textarea").forEach(function(e){
		if (!(e.labels && e.labels.length) && !e.getAttribute("aria-label")) bad.push("no label: " + (e.id || e.name)); });
	document.querySelectorAll("button,a[href]").forEach(function(e){
		if (!e.textContent.trim() && !e.getAttribute("aria-label")) bad.push("no name: " + e.outerHTML.slice(0, 80)); });
	document.querySelectorAll("h1,h2,h3").forEach(function(e){
		var n = +e.nodeName[1]; if (n > level + 1) bad.push("skips a level: " + e.textContent); level = n; });
	if (document.querySelectorAll("h1").length !== 1) bad.push("not one h1");
	if (document.documentElement.scrollWidth > window.innerWidth) bad.push("wider than the screen: " + document.documentElement.scrollWidth);
	document.querySelectorAll("button,select,.main,nav a").forEach(function(e){
		var r = e.getBoundingClientRect(); if (r.height > 0 && r.height < 44) bad.push("too low to tap: " + (e.id || e.textContent.trim()) + " " + r.height); });
	return bad.join("; "); })()`

func demandTidy(t *testing.T, tab context.Context, what string) {
	t.Helper()
	if bad := eval[string](t, tab, noStray); bad != "" {
		t.Errorf("%s: %s", what, bad)
	}
}

func TestTheConsoleFromSignInToSignOut(t *testing.T) {
	d := startDemo(t)
	password := d.oneTime()
	desk := browser(t, 1280, 900)
	do(t, desk, "open the console", chromedp.Navigate(d.url(atConsole, "/providers/kakao")), chromedp.WaitVisible(chromedp.CSS("#go")))
	demandTidy(t, desk, "sign-in")
	shoot(t, desk, "console-signin")
	do(t, desk, "type a wrong password", chromedp.SetValue(chromedp.CSS("#password"), "wrong"))
	press(t, desk, "sign in wrongly", "#go")
	if text := pageText(desk); !strings.Contains(text, "일회용 비밀번호가 맞지 않습니다") {
		t.Errorf("a wrong password: got %s", text)
	}
	enterConsole(t, desk, d.url(atConsole, "/"), password)
	do(t, desk, "see the board", chromedp.WaitVisible(chromedp.CSS("#door-kakao")))
	demandTidy(t, desk, "board")
	before := eval[string](t, desk, `document.querySelector(".sums .time").textContent`)
	waitFor(t, patience, "the board lives", func() bool {
		return eval[string](t, desk, `document.querySelector(".sums .time").textContent`) != before
	})

	chooser := browser(t, 360, 800)
	openChooser(t, d, chooser, atBooking)
	stayed := eval[float64](t, chooser, "window.never = Math.random()")
	watchLight(t, chooser, "kakao", "grey")

	press(t, desk, "open Kakao", "#to-kakao")
	demandTidy(t, desk, "provider")
	fillWord(t, desk, "grey", "카카오 점검 중입니다.", "Kakao is under maintenance.", "30")
	began := time.Now()
	press(t, desk, "apply", "#apply")
	t.Logf("an open chooser followed within %v of the press", turnedAt(t, chooser, "the chooser shows Kakao grey").Sub(began).Round(time.Millisecond))
	if eval[float64](t, chooser, "window.never") != stayed {
		t.Error("the chooser was loaded again, want it to turn by itself")
	}
	if !eval[bool](t, chooser, `document.querySelector("#login-kakao").disabled && document.querySelector("#login-kakao").closest(".route").innerText.includes("카카오 점검 중입니다.")`) {
		t.Errorf("the chooser: got %s, want Kakao closed with the operator's reason", pageText(chooser))
	}
	do(t, desk, "see the word", chromedp.WaitVisible(chromedp.CSS("#done")), chromedp.WaitVisible(chromedp.CSS("#take-back")))
	demandTidy(t, desk, "provider with a word")
	shoot(t, desk, "console-provider-desktop")

	d.control("toss", `{"hang":true}`)
	waitFor(t, patience, "Toss is bad", func() bool { light, _ := d.light("toss"); return light == "red" || light == "grey" })

	phone := desk
	do(t, phone, "a phone's width", chromedp.EmulateViewport(360, 800), chromedp.Reload())
	demandTidy(t, phone, "provider at a phone")
	shoot(t, phone, "console-provider-phone")
	do(t, phone, "the board at a phone", chromedp.Navigate(d.url(atConsole, "/")), chromedp.WaitVisible(chromedp.CSS("#door-kakao")))
	demandTidy(t, phone, "board at a phone")
	shoot(t, phone, "console-board-phone")
	do(t, desk, "a desk's width again", chromedp.EmulateViewport(1280, 900), chromedp.Reload())
	shoot(t, desk, "console-board-desktop")
	do(t, desk, "the broken provider", chromedp.Navigate(d.url(atConsole, "/providers/toss")), chromedp.WaitVisible(chromedp.CSS(".judged .hit")))
	shoot(t, desk, "console-why-desktop")

	watchLight(t, chooser, "kakao", "yellow")
	do(t, desk, "open Kakao again", chromedp.Navigate(d.url(atConsole, "/providers/kakao")))
	press(t, desk, "take back", "#take-back")
	turnedAt(t, chooser, "the chooser has Kakao back")

	for _, span := range []string{"7d", "90d"} {
		do(t, desk, "the history at a phone", chromedp.EmulateViewport(360, 800), chromedp.Navigate(d.url(atConsole, "/history?span="+span)), chromedp.WaitVisible(chromedp.CSS("#past-kakao .strip")))
		demandTidy(t, desk, "history at a phone, "+span)
		shoot(t, desk, "console-history-"+span)
		if !eval[bool](t, desk, `document.body.innerText.includes("카카오 점검 중입니다.")`) {
			t.Errorf("the history: got %s, want the operator's word in it", pageText(desk))
		}
	}
	do(t, desk, "a desk's width again", chromedp.EmulateViewport(1280, 900))
	do(t, desk, "read the trail", chromedp.Navigate(d.url(atConsole, "/audit")), chromedp.WaitVisible(chromedp.CSS(".trail")))
	demandTidy(t, desk, "audit")
	shoot(t, desk, "console-audit")
	for i, want := range []string{"되돌림", "선택불가로"} {
		line := eval[string](t, desk, `document.querySelectorAll(".trail li")[`+strconv.Itoa(i)+`].innerText`)
		if !strings.Contains(line, want) || !strings.Contains(line, "카카오") || !strings.Contains(line, "demo") {
			t.Errorf("line %d of the trail: got %q, want %s of Kakao by demo", i, line, want)
		}
	}
	press(t, desk, "sign out", "#sign-out")
	if text := pageText(desk); !strings.Contains(text, "로그아웃했습니다") || !strings.Contains(text, "이미 쓰였습니다") {
		t.Errorf("after signing out: got %s", text)
	}
	do(t, desk, "go back in", chromedp.Navigate(d.url(atConsole, "/")), chromedp.WaitVisible(chromedp.CSS("#go")))
}

func TestTheConsoleRefusesBadFormsKindly(t *testing.T) {
	d := startDemo(t)
	desk := browser(t, 360, 800)
	enterConsole(t, desk, d.url(atConsole, "/"), d.oneTime())
	for _, tt := range []struct{ name, script, says string }{
		{"no reason", `document.querySelector("#reason_ko").value = " "`, "한국어 사유를 적어 주세요"},
		{"an expiry out of range", `document.querySelector("#for option:checked").value = "99999"`, "10분에서 24시간까지"},
		{"a stale form", `document.querySelector("#word [name=seen]").value = "x"`, "다른 운영자가"},
	} {
		do(t, desk, "open Toss", chromedp.Navigate(d.url(atConsole, "/providers/toss")))
		fillWord(t, desk, "disable", "장애", "Outage", "10")
		eval[string](t, desk, tt.script)
		press(t, desk, tt.name, "#apply")
		if text := eval[string](t, desk, `document.querySelector("#wrong") ? document.querySelector("#wrong").innerText : document.body.innerText`); !strings.Contains(text, tt.says) {
			t.Errorf("%s: got %q, want %q", tt.name, text, tt.says)
		}
		waitFor(t, patience, "what is wrong is in sight", func() bool {
			return eval[bool](t, desk, `(function(r){ return r.top >= 0 && r.bottom <= window.innerHeight; })(document.querySelector("#wrong").getBoundingClientRect())`)
		})
		demandTidy(t, desk, tt.name)
	}
	shoot(t, desk, "console-mistake-phone")
	do(t, desk, "open nobody", chromedp.Navigate(d.url(atConsole, "/providers/nobody")))
	if text := pageText(desk); !strings.Contains(text, "없는 인증기관입니다") {
		t.Errorf("an unknown provider: got %s", text)
	}
	if light, code := d.light("toss"); code == "operator" || code == "disabled" {
		t.Errorf("toss is %s by %s after refused forms", light, code)
	}
}
