package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestScreens takes the README's pictures when SINHO_SCREENS names a folder
// (`make screens`). As a test it walks the same way and looks at the pages.
func TestScreens(t *testing.T) {
	dir := os.Getenv("SINHO_SCREENS")
	if dir == "" {
		dir = t.TempDir()
	}
	d := startDemo(t)
	stage := browser(t, 1280, 900)
	do(t, stage, "open the stage", chromedp.Navigate(d.url(atBroker, "/")), chromedp.WaitVisible(chromedp.CSS("h1")))
	do(t, stage, "break Kakao", chromedp.Click(chromedp.CSS(`.break button[value=server]`)))
	waitFor(t, patience, "Kakao is grey", func() bool { light, _ := d.light("kakao"); return light == "grey" })
	waitFor(t, patience, "the twin lanes have come to their sentence", func() bool {
		return eval[bool](t, stage, `!document.getElementById("verdict").hidden`)
	})
	keep(t, stage, filepath.Join(dir, "stage.png"))

	phone := browser(t, 360, 800)
	openChooser(t, d, phone, atBooking)
	if first := eval[string](t, phone, `document.querySelector("#routes [id^=login-]").id`); first == "login-kakao" {
		t.Error("a grey provider is suggested first")
	}
	if !eval[bool](t, phone, `document.querySelector("#login-kakao").disabled`) {
		t.Error("a grey provider can be chosen")
	}
	keep(t, phone, filepath.Join(dir, "chooser.png"))
}

func keep(t *testing.T, tab context.Context, path string) {
	t.Helper()
	png, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(path, png, 0o644)
	}
	if err != nil {
		t.Fatalf("screenshot %s: %v", path, err)
	}
}
