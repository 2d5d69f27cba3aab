package web

import (
	"html/template"
	"net/url"
	"strings"

	"sinho/providers"
)

// inApp is a browser inside another app. After a provider's app it may hand the
// person back to the phone's own browser, which has no cookie of this login.
type inApp struct {
	Name providers.Text
	// Link opens the site in the phone's browser where the app has a way to say
	// so, else in place. The request itself cannot move: it is bound to this browser.
	Link template.URL
}

// inAppBrowser looks for apps that are known to open links in themselves. start
// is where the login can be begun anew, "" when unknown.
func inAppBrowser(agent, start string) *inApp {
	var app inApp
	var open func(string) string
	switch {
	case strings.Contains(agent, "KAKAOTALK"):
		app.Name = providers.Text{KO: "카카오톡", EN: "KakaoTalk"}
		open = func(s string) string { return "kakaotalk://web/openExternal?url=" + url.QueryEscape(s) }
	case strings.Contains(agent, "NAVER(inapp"):
		app.Name = providers.Text{KO: "네이버 앱", EN: "NAVER"}
	case strings.Contains(agent, "Instagram"):
		app.Name = providers.Text{KO: "인스타그램", EN: "Instagram"}
	case strings.Contains(agent, " Line/"):
		app.Name = providers.Text{KO: "라인", EN: "LINE"}
		open = lineExternal
	case strings.Contains(agent, "FBAN/"), strings.Contains(agent, "FBAV/"):
		app.Name = providers.Text{KO: "페이스북", EN: "Facebook"}
	case strings.Contains(agent, "DaumApps"):
		app.Name = providers.Text{KO: "다음 앱", EN: "Daum"}
	default:
		return nil
	}
	if u, err := url.Parse(start); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
		if open != nil {
			start = open(start)
		}
		app.Link = template.URL(start) //nolint:gosec // http(s) checked above, or one of the two forms built here
	}
	return &app
}

func lineExternal(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	q := u.Query()
	q.Set("openExternalBrowser", "1")
	u.RawQuery = q.Encode()
	return u.String()
}
