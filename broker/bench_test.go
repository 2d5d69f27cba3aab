package broker

import (
	"net/http"
	"testing"
)

// BenchmarkLogin is one complete login, authorize to userinfo, with a provider
// and a store that cost nothing; the test's own requests are part of the figures.
func BenchmarkLogin(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.Log = nil })
	b.ReportAllocs()
	for b.Loop() {
		tok := w.redeem(w.browser().login("naver"))
		if rec := w.info(tok.Access); rec.Code != http.StatusOK {
			b.Fatal(rec.Code)
		}
	}
}

// BenchmarkAuthorize is what a flood of strangers costs.
func BenchmarkAuthorize(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.Log = nil })
	b.ReportAllocs()
	for b.Loop() {
		w.browser().chooser()
	}
}
