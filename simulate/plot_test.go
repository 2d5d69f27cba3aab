package simulate

import "testing"

func TestAxesHaveRoundNumbers(t *testing.T) {
	for span, want := range map[float64]float64{0.6: 0.1, 1: 0.2, 7: 1, 9: 2, 29: 5, 240: 50, 300: 50, 950: 200, 0: 1} {
		if got := step(span); got != want {
			t.Errorf("a span of %g: got steps of %g, want %g", span, got, want)
		}
	}
}
