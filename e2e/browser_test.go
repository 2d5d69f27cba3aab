package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// widths are the two screens every page is looked at on.
var widths = []struct {
	name          string
	width, height int64
}{{"phone", 360, 800}, {"desktop", 1280, 900}}

// browser starts Chromium with an empty profile and gives a tab of one width.
func browser(t *testing.T, width, height int64) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing; `make tools` installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // CI runs as root
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("accept-lang", "ko-KR,ko"),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(int(width), int(height)),
		chromedp.WSURLReadTimeout(60*time.Second),
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	tab, stopTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(tab) // waits for Chromium to end, so that its profile can be removed
		stopTab()
		stopAllocator()
	})
	if err := chromedp.Do(tab, chromedp.EmulateViewport(width, height)); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return tab
}

// step is one action in the tab.
type step = chromedp.Action[chromedp.Void]

// do runs steps in the tab within a limit, naming them in the failure.
func do(t *testing.T, tab context.Context, what string, steps ...step) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, 45*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		shoot(t, tab, "failed")
		t.Fatalf("%s: %v\non the page: %s", what, err, pageText(tab))
	}
}

// press clicks what the selector names and waits for the page that follows.
func press(t *testing.T, tab context.Context, what, selector string) {
	t.Helper()
	do(t, tab, what, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.ScrollIntoView(chromedp.CSS(selector)))
	ctx, cancel := context.WithTimeout(tab, 45*time.Second)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		shoot(t, tab, "failed")
		t.Fatalf("%s: %v\non the page: %s", what, err, pageText(tab))
	}
}

// eval gives the value of a JavaScript expression in the tab.
func eval[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, 15*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("evaluate %s: %v\non the page: %s", expression, err, pageText(tab))
	}
	return v
}

// pageText is what the tab shows now, shortened.
func pageText(tab context.Context) string {
	ctx, cancel := context.WithTimeout(tab, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + (document.body ? document.body.innerText : "")`))
	if err != nil {
		return err.Error()
	}
	return text[:min(len(text), 1500)]
}

// shoot writes a screenshot into the folder SINHO_SHOTS, for people to look at.
func shoot(t *testing.T, tab context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SINHO_SHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(tab, 15*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		t.Logf("screenshot %s: %v", name, err)
	}
}
