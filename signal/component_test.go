package signal

import "testing"

func TestEveryLightHasAStatuspageWord(t *testing.T) {
	for _, tt := range []struct {
		status Status
		want   string
	}{
		{Status{Light: Green, Measured: true, Reason: Reason{Code: CodeOK}}, "operational"},
		{Status{Light: Yellow, Reason: Reason{Code: CodeLittleData}}, "degraded_performance"},
		{Status{Light: Yellow, Measured: true, Reason: Reason{Code: CodeSlow}}, "degraded_performance"},
		{Status{Light: Red, Measured: true, Reason: Reason{Code: CodeErrors}}, "partial_outage"},
		{Status{Light: Grey, Measured: true, Reason: Reason{Code: CodeBreaker}}, "major_outage"},
		{Status{Light: Grey, Reason: Reason{Code: CodeOperator}}, "major_outage"},
		{Status{Light: Grey, Reason: Reason{Code: CodeMaintenance}}, "under_maintenance"},
		{Status{}, "degraded_performance"},
	} {
		if got := tt.status.Component(); got != tt.want {
			t.Errorf("%v, %s: got %s, want %s", tt.status.Light, tt.status.Reason.Code, got, tt.want)
		}
	}
}

func TestTheIndicatorIsOfAllTogether(t *testing.T) {
	lit := func(lights string) (all []Status) {
		for _, l := range lights {
			all = append(all, map[rune]Status{
				'g': {Light: Green, Measured: true}, 'y': {Light: Yellow}, 'r': {Light: Red}, 'x': {Light: Grey},
				'm': {Light: Grey, Reason: Reason{Code: CodeMaintenance}},
			}[l])
		}
		return all
	}
	for lights, want := range map[string]string{
		"ggg": "none", "ggy": "minor", "ggx": "minor", "yyy": "minor", "yyx": "major", "rrr": "major", "rxx": "major",
		"xxx": "critical", "xxm": "critical", "gmg": "maintenance", "mmm": "maintenance", "ymm": "minor",
	} {
		if got, words := Indicator(lit(lights)); got != want || words == "" {
			t.Errorf("%s: got %s (%s), want %s", lights, got, words, want)
		}
	}
}
