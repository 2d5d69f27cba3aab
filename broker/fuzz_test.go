package broker

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func FuzzAuthorize(f *testing.F) {
	for _, seed := range []string{
		params().Encode(), params("prompt", "none").Encode(), params("max_age", "9999999999999").Encode(), params("redirect_uri", "https://evil.example").Encode(),
		params("state", "\r\n\x00\xff").Encode(), "client_id=booking&client_id=school", "posted=x", "%zz", ";", "scope=openid&client_id=booking&redirect_uri=" + url.QueryEscape(callback),
		params("acr_values", ACRVerified+" x").Encode(), params("ui_locales", "ko-KR").Encode(), params("code_challenge_method", "plain").Encode(),
		params("claims", `{"id_token":{"birthdate":{"essential":true,"value":"1990-05-12"}}}`).Encode(), params("claims", `{"id_token":{"acr":{"essential":true,"values":["x"]}}}`).Encode(),
		params("request", "eyJhbGciOiJub25lIn0.e30.").Encode(), params("request_uri", pushedPrefix+"AQEEdGVzdA").Encode(), params("request_uri", "https://x.example").Encode(),
		params("response_mode", "form_post").Encode(), params("resource", "https://api.example").Encode(), params("provider_hint", "kakao").Encode(),
	} {
		f.Add(seed)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, raw string) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, "/authorize", strings.NewReader(raw))
			if method == http.MethodGet {
				r.URL.RawQuery = raw
			} else {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			rec := httptest.NewRecorder()
			w.h.ServeHTTP(rec, r)
			to := rec.Header().Get("Location")
			switch rec.Code {
			case http.StatusSeeOther:
				ok := strings.HasPrefix(to, "/login?r=") || strings.HasPrefix(to, "/authorize?posted=")
				for _, site := range []string{callback + "?", "https://school.example/cb?x=1&", "http://127.0.0.1", "https://bank.example/cb?"} {
					ok = ok || strings.HasPrefix(to, site)
				}
				if !ok || strings.ContainsAny(to, "\r\n\x00") {
					t.Errorf("%s %q redirects to %q", method, raw, to)
				}
			case http.StatusBadRequest, http.StatusRequestURITooLong, http.StatusRequestEntityTooLarge:
				if to != "" {
					t.Errorf("%s %q: a page that redirects to %q", method, raw, to)
				}
			default:
				t.Errorf("%s %q: got %d", method, raw, rec.Code)
			}
		}
		if n := w.store.waited(); n != 0 {
			t.Errorf("%q reached the store %d times", raw, n)
		}
	})
}

func FuzzSealedValues(f *testing.F) {
	w := newWorld(f)
	br := w.browser()
	r := br.chooser()
	step, err := br.begin(r, "naver", nil)
	if err != nil {
		f.Fatal(err)
	}
	state := query(f, step.Redirect).Get("state")
	site := br.login("naver")
	for _, seed := range []string{r, state, query(f, site).Get("code"), w.redeem(site).Access, br.cookies["__Host-sinho-s"], "", "AQ", "x=="} {
		f.Add(seed)
	}
	w.store.waited()
	f.Fuzz(func(t *testing.T, s string) {
		if s == r || s == state || len(s) > 8000 { // the true ones are other tests'
			return
		}
		twin := w.browser()
		twin.cookies["__Host-sinho-b"] = br.cookies["__Host-sinho-b"]
		if _, err := twin.resume(s); err == nil {
			t.Errorf("r %q was opened", s)
		}
		if _, err := twin.finish("naver", url.Values{"state": {s}, "code": {"x"}}); err == nil {
			t.Errorf("state %q was opened", s)
		}
		if _, err := twin.waiting(newID().String()); err == nil {
			t.Error("a journey nobody began")
		}
		for _, path := range []string{"/authorize?posted=", "/logout?out="} {
			if rec := twin.do(http.MethodGet, path+url.QueryEscape(s), nil); rec.Code == http.StatusOK || rec.Code >= 500 {
				t.Errorf("%s%q: got %d", path, s, rec.Code)
			}
		}
		if rec := w.post("/token", codeForm(s), "school", secret+"2"); rec.Code != http.StatusBadRequest {
			t.Errorf("code %q: got %d", s, rec.Code)
		}
		if n := w.store.waited(); n != 0 {
			t.Errorf("%q reached the store", s)
		}
	})
}

func FuzzForms(f *testing.F) {
	q, j, s := sampleRequest(), sampleJourney(), sampleSession()
	for _, seed := range [][]byte{q.marshal(), j.marshal(), s.marshal(), {}, {format}, {format, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		var q, again request
		if q.unmarshal(p) == nil {
			once := q.marshal()
			if err := again.unmarshal(once); err != nil || !bytes.Equal(once, again.marshal()) {
				t.Errorf("%x is not stable: %v", p, err)
			}
		}
		_ = new(journey).unmarshal(p)
		_ = new(session).unmarshal(p)
		_ = new(grant).unmarshal(p)
	})
}
