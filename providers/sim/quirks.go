package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Quirk is one oddity of a vendor's that can be switched on while the simulator
// runs. What a vendor always does (Naver's errors with HTTP 200 on its older path,
// PASS's single verification) needs no switch.
type Quirk string

// Quirks. See QuirksOf for whose they are.
const (
	QuirkTypes       Quirk = "types"        // numbers as strings and strings as numbers
	QuirkExtra       Quirk = "extra"        // fields nobody knows, nested too
	QuirkSparse      Quirk = "sparse"       // what may be missing is missing
	QuirkErrors200   Quirk = "errors-200"   // token errors with HTTP 200 on the OpenID path too
	QuirkResultCode  Quirk = "result-code"  // the profile is an error with HTTP 200
	QuirkTrunkZero   Quirk = "trunk-zero"   // every phone as +82 010-…
	QuirkLunar       Quirk = "lunar"        // every birthday is lunar
	QuirkWithheld    Quirk = "withheld"     // nobody has agreed to share a name
	QuirkUnder14     Quirk = "under-14"     // everybody is too young
	QuirkNoAuthTime  Quirk = "no-auth-time" // the ID token does not say when
	QuirkOldAuthTime Quirk = "old-auth-time"
	QuirkWrongNonce  Quirk = "wrong-nonce" // an ID token of another login
	QuirkWrongSub    Quirk = "wrong-sub"   // the profile is of somebody else
	QuirkNotFinal    Quirk = "not-final"   // the first result is not ready, COMPLETED or not
	QuirkCI          Quirk = "ci"          // userinfo carries a ci claim
	QuirkList        Quirk = "list"        // verified_claims is a list
	QuirkNoISS       Quirk = "no-iss"      // iss was promised and does not come back
)

// QuirksOf are the oddities a simulator can have, in the order of the page.
func QuirksOf(id string) []Quirk {
	return map[string][]Quirk{
		"naver": {QuirkTypes, QuirkExtra, QuirkSparse, QuirkErrors200, QuirkResultCode, QuirkWrongNonce, QuirkWrongSub},
		"kakao": {
			QuirkTypes, QuirkExtra, QuirkSparse, QuirkTrunkZero, QuirkLunar, QuirkWithheld, QuirkUnder14,
			QuirkNoAuthTime, QuirkOldAuthTime, QuirkWrongNonce, QuirkWrongSub,
		},
		"oidc": {
			QuirkTypes, QuirkExtra, QuirkSparse, QuirkCI, QuirkList, QuirkNoISS, QuirkNoAuthTime, QuirkOldAuthTime,
			QuirkWrongNonce, QuirkWrongSub,
		},
		"pass": {QuirkTypes, QuirkExtra, QuirkSparse},
		"toss": {QuirkExtra, QuirkSparse, QuirkNotFinal},
	}[id]
}

// Quirks are those that are on, in the order of the page.
func (s *Sim) Quirks() []Quirk {
	on := s.quirks.Load()
	return slices.DeleteFunc(QuirksOf(s.cfg.ID), func(q Quirk) bool { return on == nil || !slices.Contains(*on, q) })
}

// SetQuirks switches on exactly those named; one this vendor does not have is a
// *FieldError, and nothing changes.
func (s *Sim) SetQuirks(on []Quirk) error {
	for _, q := range on {
		if !slices.Contains(QuirksOf(s.cfg.ID), q) {
			return &FieldError{Field: "quirks", Reason: fmt.Sprintf("%.40q is none of %v", q, QuirksOf(s.cfg.ID))}
		}
	}
	on = slices.Clone(on)
	s.quirks.Store(&on)
	return nil
}

// odd says whether a quirk is on.
func (s *Sim) odd(q Quirk) bool {
	on := s.quirks.Load()
	return on != nil && slices.Contains(*on, q)
}

const quirksPath = "/control/quirks"

// mountQuirks adds GET and PUT (a JSON list of names) and the page's form.
func (s *Sim) mountQuirks(control *http.ServeMux, front *http.CrossOriginProtection) {
	control.HandleFunc("GET "+quirksPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Quirks(), nil) })
	control.Handle("PUT "+quirksPath, front.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var on []Quirk
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
		if err != nil || json.Unmarshal(body, &on) != nil || on == nil {
			answer(w, nil, &refusal{status: http.StatusBadRequest, body: &FieldError{Reason: "the body must be a JSON list of names"}})
			return
		}
		if err := s.SetQuirks(on); err != nil {
			answer(w, nil, &refusal{status: http.StatusBadRequest, body: asFieldError(err)})
			return
		}
		answer(w, s.Quirks(), nil)
	})))
	control.Handle("POST "+quirksPath, front.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxControl)
		if err := r.ParseForm(); err != nil {
			s.panel(w, http.StatusBadRequest, &FieldError{Reason: "the form could not be read"})
			return
		}
		var on []Quirk
		for _, name := range r.PostForm["quirk"] {
			on = append(on, Quirk(name))
		}
		if err := s.SetQuirks(on); err != nil {
			s.panel(w, http.StatusBadRequest, asFieldError(err))
			return
		}
		guard(w, "'self'")
		w.Header().Set("Location", panelPath)
		w.WriteHeader(http.StatusSeeOther)
	})))
}

// quirkView is one switch of the page.
type quirkView struct {
	Name   Quirk
	KO, EN string
	On     bool
}

func (s *Sim) quirkViews() []quirkView {
	words := map[Quirk][2]string{
		QuirkTypes:       {"숫자와 글자를 바꿔 씀", "Strings for numbers and the other way"},
		QuirkExtra:       {"모르는 항목을 덧붙임", "Fields nobody knows"},
		QuirkSparse:      {"없어도 되는 항목은 없음", "What may be missing is missing"},
		QuirkErrors200:   {"오류도 HTTP 200", "Errors with HTTP 200"},
		QuirkResultCode:  {"프로필이 HTTP 200 오류", "The profile is an error with HTTP 200"},
		QuirkTrunkZero:   {"전화번호를 +82 010으로", "Phones as +82 010"},
		QuirkLunar:       {"모두 음력 생일", "Every birthday is lunar"},
		QuirkWithheld:    {"이름 제공에 동의하지 않음", "Names are not agreed to"},
		QuirkUnder14:     {"모두 14세 미만", "Everybody is under 14"},
		QuirkNoAuthTime:  {"인증 시각을 알리지 않음", "No auth_time"},
		QuirkOldAuthTime: {"어제 한 로그인", "A login of yesterday"},
		QuirkWrongNonce:  {"다른 로그인의 ID 토큰", "An ID token of another login"},
		QuirkWrongSub:    {"다른 사람의 프로필", "The profile of somebody else"},
		QuirkNotFinal:    {"완료되어도 첫 결과는 아직", "The first result is not ready"},
		QuirkCI:          {"CI를 함께 보냄", "A ci claim"},
		QuirkList:        {"verified_claims를 목록으로", "verified_claims as a list"},
		QuirkNoISS:       {"돌려보낼 때 iss를 뺌", "No iss in the answer"},
	}
	var all []quirkView
	for _, q := range QuirksOf(s.cfg.ID) {
		all = append(all, quirkView{Name: q, KO: words[q][0], EN: words[q][1], On: s.odd(q)})
	}
	return all
}

// twist bends an answer as the quirks say that every vendor has: known is the
// object whose fields they are about.
func (s *Sim) twist(answer, known map[string]any, optional ...string) map[string]any {
	if s.odd(QuirkSparse) {
		for _, name := range optional {
			delete(known, name)
		}
	}
	if s.odd(QuirkTypes) {
		for name, v := range known {
			known[name] = retyped(v)
		}
	}
	if s.odd(QuirkExtra) {
		known["added_since"] = map[string]any{"deep": []any{1, "two", nil, map[string]any{"id": "x"}}}
		answer["trace"] = 1234567890123
	}
	return answer
}

// retyped is a value in another JSON type that can mean the same.
func retyped(v any) any {
	switch v := v.(type) {
	case bool:
		return map[bool]string{true: "true", false: "false"}[v]
	case int:
		return fmt.Sprint(v)
	case int64:
		return fmt.Sprint(v)
	case string:
		if v != "" && v[0] != '0' && len(v) < 16 && strings.Trim(v, "0123456789") == "" {
			return json.Number(v)
		}
	}
	return v
}

// proofClaims bends what an ID token says of a login.
func (s *Sim) proofClaims(claims map[string]any) map[string]any {
	if s.odd(QuirkNoAuthTime) {
		delete(claims, "auth_time")
	}
	if at, is := claims["auth_time"].(int64); is && s.odd(QuirkOldAuthTime) {
		claims["auth_time"] = at - int64(24*time.Hour/time.Second)
	}
	if s.odd(QuirkWrongNonce) {
		claims["nonce"] = "of-another-login"
	}
	return claims
}

// shown is whose profile is told.
func (s *Sim) shown(person int) int {
	if s.odd(QuirkWrongSub) {
		return (person + 1) % len(s.populace().all)
	}
	return person
}
