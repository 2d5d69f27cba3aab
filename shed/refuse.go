package shed

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// refusals answer those who are not let in: 503 with Retry-After, as a page that
// tries again by itself or as JSON (RFC 6749 §5.2).
type refusals struct {
	origins *http.CrossOriginProtection
	policy  string // CSP of the pages
}

const (
	style = `body{word-break:keep-all;overflow-wrap:anywhere;font:1.1rem/1.6 sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}h1{font-size:1.4rem}button{font:inherit;padding:.6rem 1.2rem}@media (prefers-color-scheme:dark){body{background:#16181d;color:#eee}a{color:#9cf}}`
	// A field may be called submit, so the form's own method is not asked for by
	// its name.
	script = `var m=document.querySelector("main"),f=document.querySelector("form");setTimeout(function(){HTMLFormElement.prototype.submit.call(f)},1000*m.dataset.in)`
)

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="ko">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>잠시만 기다려 주세요</title><link rel="icon" href="data:,">{{if eq .Way "get"}}<meta http-equiv="refresh" content="{{.In}}">{{end}}
<style>{{.Style}}</style></head>
<body><main data-in="{{.In}}">
<h1>지금 접속이 몰려 있습니다</h1>
{{if eq .Way "get"}}<p>하던 로그인과 차례는 그대로 있습니다. 이 화면은 {{.In}}초쯤 뒤에 저절로 다시 시도합니다. 그대로 두시면 됩니다.</p>
<p lang="en">Very many people are here right now. Your login and your place are kept. This page tries again by itself in about {{.In}} seconds; just leave it open.</p>
{{else if eq .Way "post"}}<p>하던 로그인과 차례는 그대로 있습니다. {{.In}}초쯤 뒤에 저절로 다시 시도합니다. 화면이 바뀌지 않으면 버튼을 눌러 주세요.</p>
<p lang="en">Very many people are here right now. Your login and your place are kept. This page tries again by itself in about {{.In}} seconds; if it does not, press the button.</p>
<form method="post">{{range .Fields}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">{{end}}<button>다시 시도 <span lang="en">Try again</span></button></form>
<script>{{.Script}}</script>
{{else}}<p>하던 로그인과 차례는 그대로 있습니다. {{.In}}초쯤 뒤에 앞 화면으로 돌아가 다시 눌러 주세요.</p>
<p lang="en">Very many people are here right now. Your login and your place are kept. Please go back in about {{.In}} seconds and press again.</p>
{{end}}</main></body></html>
`))

type field struct{ Name, Value string }

type pageView struct {
	Way    string // get: it loads itself again; post: it sends its fields again; "": neither
	In     int    // seconds
	Fields []field
	Style  template.CSS
	Script template.JS
}

func newRefusals(origin string) *refusals {
	f := &refusals{origins: http.NewCrossOriginProtection()}
	if origin != "" {
		_ = f.origins.AddTrustedOrigin(origin) // what is none is trusted by nobody
	}
	// The icon is an empty one, or each refusal would be followed by a request for it.
	// No form-action: whatever a form that is sent again leads to, the page it came
	// from has allowed, and that page is not at hand.
	f.policy = "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) + "; img-src data:; base-uri 'none'; frame-ancestors 'none'"
	return f
}

// hash is an inline source as CSP names it.
func hash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (f *refusals) answer(w http.ResponseWriter, r *http.Request, k Kind, body *early, after time.Duration) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Retry-After", strconv.Itoa(seconds(after)))
	if k.Readable {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "Retry-After")
	}
	if k.Machine || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		h.Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":"temporarily_unavailable","error_description":"more is asked than can be done right now; try again after the seconds in Retry-After"}`))
		return
	}
	v := pageView{In: seconds(after), Style: style, Script: script}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		v.Way = "get"
	default:
		v.Fields = f.fields(r, k, body)
		if v.Fields != nil {
			v.Way = "post"
		}
	}
	var out bytes.Buffer
	if err := page.Execute(&out, v); err != nil { // it is a constant, and out takes everything
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", f.policy)
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(out.Bytes())
}

// fields are those of a form that may be sent again, else nil. From our page it
// would be our own form, so one that another site has sent is taken only where
// such forms are allowed.
func (f *refusals) fields(r *http.Request, k Kind, body *early) []field {
	if r.Method != http.MethodPost || body == nil || !body.whole {
		return nil
	}
	if !k.Foreign && f.origins.Check(r) != nil {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil
	}
	form, err := url.ParseQuery(string(body.begun))
	if err != nil {
		return nil
	}
	all := []field{}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			all = append(all, field{name, value})
		}
	}
	return all
}
