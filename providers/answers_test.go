package providers

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// FuzzAnswers lets a vendor answer anything at all where a person should be: what
// comes of it is an identity in normal form or one classed error, and nothing is
// vouched for beyond the settings. The seeds are the goldens' answers.
func FuzzAnswers(f *testing.F) {
	kinds := []string{"naver", "kakao", "oidc", "pass"}
	for i, kind := range kinds {
		files, err := filepath.Glob("testdata/" + kind + "/*.json")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			var s scene
			raw, err := os.ReadFile(file)
			if err != nil || json.Unmarshal(raw, &s) != nil {
				continue // a golden
			}
			for _, a := range []*answer{s.Profile, s.Answer} {
				if a != nil {
					f.Add(i, max(a.Status, 200), string(a.text()))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, i, status int, body string) {
		kind := kinds[(i%len(kinds)+len(kinds))%len(kinds)]
		if status < 200 || status > 599 {
			status = 200
		}
		answer := func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body))
		}
		var id Identity
		var err error
		if kind == "pass" {
			s := passSettings()
			s.AssertsCI, s.Assurance = true, Verified
			id, err = pusher(t, s, hosts{"pass.example": http.HandlerFunc(answer)}).Result(t.Context(), testPending(testReceipt))
		} else {
			u := newUpstream(t, kind)
			u.override["profile"] = answer
			s := u.settings()
			s.Needs = []string{}
			if kind == "oidc" {
				s.AssertsCI, s.CIClaim, s.Assurance, s.TrustFramework = true, "ci", Verified, "kr_identity_verification"
			}
			id, err = redirector(t, s, u.hosts(t).client()).Exchange(t.Context(), testAsk(), codeParams())
		}
		var e *Error
		switch {
		case err != nil && !errors.As(err, &e):
			t.Errorf("%s: got %v of no class", kind, err)
		case err != nil && (e.Class < Cancelled || e.Class > Down || tidyCode(e.Code) != e.Code):
			t.Errorf("%s: got class %d, code %q", kind, e.Class, e.Code)
		case err == nil:
			wantNormal(t, kind, id)
		}
	})
}

// wantNormal finds whatever is not in normal form.
func wantNormal(t *testing.T, kind string, id Identity) {
	t.Helper()
	for what, ok := range map[string]bool{
		"subject":   id.Subject != "" && asSubject(id.Subject) == id.Subject && id.Issuer != "",
		"name":      asName(id.Name, 100) == id.Name,
		"birthdate": id.Birthdate == "" || asBirthdate(id.Birthdate) == id.Birthdate,
		"gender":    id.Gender == "" || id.Gender == "male" || id.Gender == "female",
		"phone":     id.Phone == "" || regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`).MatchString(id.Phone),
		"carrier":   asCarrier(id.Carrier) == id.Carrier,
		"email":     asEmail(id.Email) == id.Email && (id.Email != "" || !id.EmailVerified),
		"ci":        id.CI == CI{} || len(id.CI.Reveal()) == 88,
		"auth time": id.AuthTime.Before(time.Now().Add(skew + time.Minute)),
		"lines":     !strings.ContainsAny(id.Name+id.Nickname+id.Username+id.Email+id.Picture, "\r\n\x00"),
	} {
		if !ok {
			t.Errorf("%s: %s is not in normal form: %+v", kind, what, id)
		}
	}
	for _, a := range EveryAttribute() {
		if _, from := id.Origins.Of(a); from != id.has(a) {
			t.Errorf("%s: %s is there %v, and its origin is told %v", kind, a, id.has(a), from)
		}
		if id.AssuranceOf(a) > id.Assurance || (kind == "naver" || kind == "kakao") && id.AssuranceOf(a) != Asserted {
			t.Errorf("%s: %s is vouched for beyond its provider", kind, a)
		}
	}
}
