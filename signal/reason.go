package signal

import (
	"fmt"
	"strconv"
	"time"
)

// What a Reason's code can be.
const (
	CodeOK         = "ok"          // green: real logins go through as usual
	CodeLittleData = "little_data" // yellow: too few logins to know (measured is false)
	CodeSlow       = "slow"        // server legs longer than t1
	CodeVerySlow   = "very_slow"   // server legs longer than t2
	CodeErrors     = "errors"      // server legs that failed
	CodeBreaker    = "breaker"     // failures in a row, none succeeded
	CodeMissing    = "missing"     // people sent there do not come back
	CodePage       = "page"        // probes of the authorization page fail
	CodeProbes     = "probes"      // probes of the server legs fail
	CodeRecovering = "recovering"  // better already, watched until it stays so
	CodeTrickle    = "trickle"     // grey until now, tried with a few logins
	CodeOperator   = "operator"    // an operator said so
	CodeDisabled   = "disabled"    // an operator switched it off

	CodeMaintenance = "maintenance" // a planned maintenance of the provider
)

// finding is one judgement of one tick, with the numbers behind it.
type finding struct {
	light    Light
	code     string
	measured bool // real logins or people say so, or it worsens
	n, k     int  // k of n
	limit    time.Duration
	span     time.Duration

	seen, well int           // of all observations, those that ended well within within
	within     time.Duration // t1
	usual      time.Duration // nine in ten usually take no longer; 0: not known
	usualOf100 int           // people who usually come back; 0: not known
	// of a thousand, how many usually fail
	perMille      int
	perMilleKnown bool
}

// recovering is a finding that is better than what is shown, as the reason of
// the light that is shown all the same.
func (f finding) recovering(shown Light) finding {
	f.light, f.code, f.measured = shown, CodeRecovering, true
	return f
}

// known reports whether the finding rests on something.
func (f finding) known() bool { return f.code != CodeLittleData }

// reason puts a finding into words.
func (f finding) reason() Reason {
	r := Reason{Code: f.code}
	switch f.code {
	case CodeOK:
		r.Text = Text{KO: "최근 로그인이 평소처럼 처리되고 있습니다.", EN: "Recent logins go through as usual."}
		if f.limit > 0 {
			r.KO = fmt.Sprintf("최근 로그인이 평소처럼 처리되고 있습니다. 열에 아홉은 %s초 안에 끝납니다.", seconds(f.limit))
			r.EN = fmt.Sprintf("Recent logins go through as usual, nine in ten answers within %s s.", seconds(f.limit))
		}
	case CodeLittleData:
		r.KO = fmt.Sprintf("최근 로그인이 적어(%d건) 아직 판단하기 어렵습니다.", f.n)
		r.EN = fmt.Sprintf("Little data: too few recent logins (%d) to say yet.", f.n)
	case CodeSlow, CodeVerySlow:
		r.KO = fmt.Sprintf("최근 %d건 중 %d건이 %s초를 넘었습니다.", f.n, f.k, seconds(f.limit))
		r.EN = fmt.Sprintf("%d of the last %d answers took over %s s.", f.k, f.n, seconds(f.limit))
		if f.usual > 0 {
			r.KO += fmt.Sprintf(" 평소 %s초.", seconds(f.usual))
			r.EN += fmt.Sprintf(" Usually %s s.", seconds(f.usual))
		}
	case CodeErrors:
		r.KO = fmt.Sprintf("최근 %d건 중 %d건이 실패했습니다.", f.n, f.k)
		r.EN = fmt.Sprintf("%d of the last %d requests failed.", f.k, f.n)
		if f.perMilleKnown {
			r.KO += fmt.Sprintf(" 평소 1000건 중 %d건.", f.perMille)
			r.EN += fmt.Sprintf(" Usually %d in 1000.", f.perMille)
		}
	case CodeBreaker:
		r.KO = fmt.Sprintf("%s초 동안 %d번 연속으로 응답하지 않았습니다.", whole(f.span), f.k)
		r.EN = fmt.Sprintf("No answer %d times in a row over %s s.", f.k, whole(f.span))
		if f.usual > 0 {
			r.KO += fmt.Sprintf(" 평소에는 %s초 안에 응답합니다.", seconds(f.usual))
			r.EN += fmt.Sprintf(" Usually it answers within %s s.", seconds(f.usual))
		}
	case CodeMissing:
		if f.usualOf100 > 0 {
			minutes := int(f.span.Minutes())
			r.KO = fmt.Sprintf("%d분 동안 떠난 %d명 중 %d명만 돌아왔습니다. 지난 7일 같은 시간대에는 100명 중 %d명이 돌아왔습니다.", minutes, f.n, f.k, f.usualOf100)
			r.EN = fmt.Sprintf("Only %d of %d who left within %d min came back. At this hour of the last 7 days %d in 100 did.", f.k, f.n, minutes, f.usualOf100)
			break
		}
		r.KO = fmt.Sprintf("평소라면 %d명이 돌아왔을 동안 %d명만 돌아왔습니다.", f.n, f.k)
		r.EN = fmt.Sprintf("Only %d came back where usually %d would have.", f.k, f.n)
	case CodePage:
		r.KO = fmt.Sprintf("인증 화면이 %d번 연속으로 열리지 않았습니다.", f.k)
		r.EN = fmt.Sprintf("The login page did not open %d times in a row.", f.k)
	case CodeProbes:
		r.KO = fmt.Sprintf("응답 확인이 %d번 연속으로 실패했습니다.", f.k)
		r.EN = fmt.Sprintf("%d checks in a row failed.", f.k)
	case CodeRecovering:
		r.Text = Text{KO: "나아지고 있어 잠시 지켜보고 있습니다.", EN: "Getting better; watched a little longer."}
		if f.seen > 0 {
			r.KO += fmt.Sprintf(" 최근 %d건 중 %d건이 %s초 안에 끝났습니다.", f.seen, f.well, seconds(f.within))
			r.EN += fmt.Sprintf(" %d of the last %d answers came within %s s.", f.well, f.seen, seconds(f.within))
		}
	case CodeTrickle:
		r.Text = Text{KO: "다시 응답하는지 조금씩 보내며 확인하고 있습니다.", EN: "Being tried with a few logins, to see whether it answers again."}
		if f.k > 0 {
			r.KO = fmt.Sprintf("%d번 연속으로 다시 응답해 조금씩 보내며 확인하고 있습니다.", f.k)
			r.EN = fmt.Sprintf("It has answered again %d times in a row; being tried with a few logins.", f.k)
		}
	}
	return r
}

// seconds writes a duration as seconds with at most one decimal below ten.
func seconds(d time.Duration) string {
	s := d.Seconds()
	if s >= 10 {
		return strconv.FormatFloat(s, 'f', 0, 64)
	}
	if s < 0.1 {
		return "0.1"
	}
	return strconv.FormatFloat(float64(int(s*10+0.5))/10, 'f', -1, 64)
}

// whole writes a duration as whole seconds, at least one.
func whole(d time.Duration) string { return strconv.Itoa(max(int(d.Round(time.Second).Seconds()), 1)) }
