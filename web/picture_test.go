package web

import (
	"os"

	"github.com/chromedp/chromedp"
)

// picture keeps the page as it is, where SINHO_SCREENS names a folder.
func (p phone) picture(name string) {
	p.Helper()
	dir := os.Getenv("SINHO_SCREENS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(dir+"/"+name+".png", png, 0o644)
	}
	if err != nil {
		p.Error(err)
	}
}
