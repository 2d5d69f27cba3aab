package signal

import "time"

// Override is an operator's word on a light: grey, with a reason, until a time.
type Override struct {
	// Disabled also refuses people who are on their way back, and session reuse;
	// otherwise they may finish.
	Disabled bool
	Reason   Text
	Until    time.Time
}

// Active reports whether the override still holds.
func (o *Override) Active(now time.Time) bool { return o != nil && now.Before(o.Until) }

// reason is the one everybody sees.
func (o *Override) reason() Reason {
	r := Reason{Code: CodeOperator, Text: o.Reason}
	if o.Disabled {
		r.Code = CodeDisabled
	}
	if r.KO == "" {
		r.KO = "운영자가 잠시 선택할 수 없게 했습니다."
	}
	if r.EN == "" {
		r.EN = "Taken out for a while by an operator."
	}
	return r
}
