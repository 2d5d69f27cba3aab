package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAxesHaveRoundNumbers(t *testing.T) {
	for span, want := range map[float64]float64{0.6: 0.1, 1: 0.2, 7: 1, 9: 2, 29: 5, 240: 50, 300: 50, 950: 200, 0: 1} {
		if got := step(span); got != want {
			t.Errorf("a span of %g: got steps of %g, want %g", span, got, want)
		}
	}
}

func TestAChartIsWellFormedAndNamesWhatItShows(t *testing.T) {
	svg := Chart("waiting & called", "seconds", "people", []Curve{
		{Name: "in", Colour: "#1a73e8", X: []float64{0, 10}, Y: []float64{0, 5}},
		{Name: "capacity", Colour: "#202124", X: []float64{0, 10}, Y: []float64{4, 4}, Low: []float64{3, 3}, High: []float64{6, 6}, Dashed: true},
	}, Mark{5, "Redis <restarts>"})
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
	for _, want := range []string{"waiting &amp; called", ">seconds<", ">people<", ">in<", ">capacity<", "Redis &lt;restarts&gt;", "stroke-dasharray=\"6 4\""} {
		if !strings.Contains(svg, want) {
			t.Errorf("%q is not in it: %s", want, svg)
		}
	}
}

func TestAnAxisFromBelowZeroSaysZeroWithoutASign(t *testing.T) {
	svg := Chart("before and after", "seconds", "people", []Curve{{Name: "in", Colour: "#1a73e8", X: []float64{-25, 180}, Y: []float64{0, 5}}})
	if !strings.Contains(svg, ">0</text>") || strings.Contains(svg, ">-0</text>") {
		t.Errorf("got %s", svg)
	}
}
