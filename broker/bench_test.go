package broker

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"sinho/store/embedded"
)

// BenchmarkLogin is one complete login, authorize to userinfo, with a provider
// that costs nothing; the test's own requests are part of the figures. On the
// embedded store many log in at once, as one alone would wait for the disk.
func BenchmarkLogin(b *testing.B) {
	login := func(b *testing.B, w *world) {
		b.Helper()
		tok := w.redeem(w.browser().login("naver"))
		if rec := w.info(tok.Access); rec.Code != http.StatusOK {
			b.Error(rec.Code)
		}
	}
	b.Run("memory", func(b *testing.B) {
		w := newWorld(b, func(c *Config) { c.Log = nil })
		w.naver.crowd = true
		b.ReportAllocs()
		for b.Loop() {
			login(b, w)
		}
	})
	b.Run("embedded", func(b *testing.B) {
		db, err := embedded.Open(filepath.Join(b.TempDir(), "live.db"), embedded.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		w := newWorld(b, func(c *Config) { c.Log, c.Store, c.Now = nil, db, time.Now })
		w.naver.crowd = true
		b.ReportAllocs()
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				login(b, w)
			}
		})
	})
}

// BenchmarkAuthorize is what a flood of strangers costs.
func BenchmarkAuthorize(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.Log = nil })
	b.ReportAllocs()
	for b.Loop() {
		w.browser().chooser()
	}
}

// BenchmarkResume opens a request for its chooser.
func BenchmarkResume(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.Log = nil })
	br := w.browser()
	sealed := br.chooser()
	r, rec := br.request(http.MethodGet, "/login", nil), httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.b.Resume(rec, r, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBegin sends one person to the provider again and again.
func BenchmarkBegin(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.Log = nil })
	br := w.browser()
	sealed := br.chooser()
	r := br.request(http.MethodPost, "/login/naver", url.Values{"r": {sealed}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.b.Begin(httptest.NewRecorder(), r, sealed, "naver", nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFinish takes people back; the provider's legs cost nothing here.
func BenchmarkFinish(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.Log = nil })
	back := make([]*http.Request, b.N)
	for i := range back {
		br := w.browser()
		to := must2(b)(br.begin(br.chooser(), "naver", nil))
		back[i] = br.request(http.MethodGet, "/callback/naver?"+approve(b, to.Redirect).Encode(), nil)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, r := range back {
		if _, err := w.b.Finish(httptest.NewRecorder(), r, "naver"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkToken redeems codes: one signature each.
func BenchmarkToken(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.Log = nil })
	w.naver.crowd = true
	forms := make([]url.Values, b.N)
	for i := range forms {
		forms[i] = codeForm(query(b, w.browser().login("naver")).Get("code"))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, form := range forms {
		if rec := w.post("/token", form, "booking", secret); rec.Code != http.StatusOK {
			b.Fatal(rec.Code, rec.Body)
		}
	}
}

// BenchmarkUserinfo opens an access token.
func BenchmarkUserinfo(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.Log = nil })
	tok := w.redeem(w.browser().login("naver"))
	b.ReportAllocs()
	for b.Loop() {
		if rec := w.info(tok.Access); rec.Code != http.StatusOK {
			b.Fatal(rec.Code)
		}
	}
}
