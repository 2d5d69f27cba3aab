package broadcast

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWhoHasItAlreadyIsToldSo(t *testing.T) {
	for _, tc := range []struct {
		has, etag string
		want      bool
	}{
		{``, `"a"`, false},
		{`"a"`, `"a"`, true},
		{`W/"a"`, `"a"`, true},
		{`"a"`, `W/"a"`, true},
		{`"b", W/"a"`, `W/"a"`, true},
		{`*`, `"a"`, true},
		{`"b"`, `"a"`, false},
		{`a`, `"a"`, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("If-None-Match", tc.has)
		rec := httptest.NewRecorder()
		got := Unchanged(rec, r, tc.etag)
		if got != tc.want || got != (rec.Code == http.StatusNotModified) || rec.Header().Get("ETag") != tc.etag {
			t.Errorf("%s against %s: got %v, status %d, want %v", tc.has, tc.etag, got, rec.Code, tc.want)
		}
	}
}
