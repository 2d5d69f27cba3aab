package demo

import (
	"net/http"
	"strings"
)

// saying is a sentence for a person, Korean first.
type saying struct{ KO, EN string }

// trouble is a login that did not work out: a page for the person, a cause for
// the log.
type trouble struct {
	status int
	say    saying
	code   string // the wire's error code, shown small
	cause  error
}

// Error makes a trouble an error.
func (t *trouble) Error() string {
	if t.cause != nil {
		return t.cause.Error()
	}
	return t.say.EN
}

// Unwrap gives the cause.
func (t *trouble) Unwrap() error { return t.cause }

type troubleView struct {
	Saying saying
	Code   string
}

// sayings by error code: those of RFC 6749 section 4.1.2.1 and OpenID Connect
// Core section 3.1.2.6 that can be met, and the site's own.
var sayings = map[string]saying{
	"access_denied":           {"로그인하지 않고 돌아오셨어요. 원하실 때 다시 시작할 수 있어요.", "You came back without logging in. Start again whenever you like."},
	"login_required":          {"다시 로그인해야 계속할 수 있어요.", "Please log in again to go on."},
	"interaction_required":    {"다시 로그인해야 계속할 수 있어요.", "Please log in again to go on."},
	"temporarily_unavailable": {"지금 로그인 서버가 바빠요. 잠시 뒤에 다시 눌러 주세요.", "The login service is busy right now. Please try again in a moment."},
	"server_error":            {"로그인 중에 문제가 생겼어요. 다시 한 번 시도해 주세요.", "Something went wrong during the login. Please try once more."},
	"unreachable":             {"로그인 서버에 닿지 못했어요. 잠시 뒤에 다시 눌러 주세요.", "The login service cannot be reached. Please try again in a moment."},
	"unmet_authentication_requirements": {
		"이 사이트가 요구하는 방법으로는 지금 로그인할 수 없어요.", "Nobody can log you in just now the way this site asks.",
	},
	"unknown_state": {"이 로그인은 이미 끝났거나 다른 창에서 시작됐어요. 여기서 다시 시작해 주세요.", "This login is over or was begun in another window. Please start again here."},
	"other_issuer":  {"모르는 로그인 서버에서 온 요청이에요. 여기서 다시 시작해 주세요.", "This came from a login service we do not know. Please start again here."},
	"not_fresh":     {"방금 한 본인확인이라는 증명이 없어요. 다른 방법으로 다시 확인해 주세요.", "Nothing proves that this login was made just now. Please verify again another way."},
}

// refusal is the page for an error the issuer sent back.
func refusal(code string) *trouble {
	status := http.StatusBadRequest
	switch code {
	case "access_denied", "login_required", "interaction_required", "unmet_authentication_requirements":
		status = http.StatusForbidden
	case "temporarily_unavailable", "server_error":
		status = http.StatusServiceUnavailable
	}
	say, ok := sayings[code]
	if !ok {
		say = sayings["server_error"]
	}
	return &trouble{status: status, say: say, code: word(code)}
}

// word lets through what looks like an error code and nothing else.
func word(code string) string {
	if len(code) > 64 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return code
}
