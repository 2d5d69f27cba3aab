package web

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// plate is one provider on a badge.
type plate struct{ name, light, shape, word, why string }

// The sizes of a plate, in SVG units, which are pixels at its natural size.
const (
	plateHeight = 28
	plateGap    = 6
	plateText   = 14 // font size
	platePad    = 12 // left and right of each text
)

// badgeFont is what Korean systems have.
const badgeFont = `-apple-system,'Apple SD Gothic Neo','Noto Sans KR','Noto Sans CJK KR','Malgun Gothic',sans-serif`

// hue is the side of a plate that has the light: white on it is read by day and
// by night (WCAG AA), so the picture needs no style sheet.
func hue(light string) string {
	switch light {
	case "green":
		return "#0b6b39"
	case "red":
		return "#a8261c"
	case "grey":
		return "#515c65"
	}
	return "#7a5200"
}

// badgeInk is the side that has the name.
const badgeInk = "#17232c"

// textWidth is how wide a text will be, closely enough: Hangul is as wide as it
// is high, Latin about half. The drawing makes the text keep to it.
func textWidth(s string) float64 {
	em := 0.0
	for _, r := range s {
		switch {
		case r >= 0x1100:
			em += 0.92
		case r == ' ' || r == '.' || r == ':' || r == 'i' || r == 'l':
			em += 0.3
		case r >= 'A' && r <= 'Z':
			em += 0.68
		default:
			em += 0.56
		}
	}
	return math.Ceil(em * plateText)
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// drawBadge draws the plates one below the other, all as wide as the widest. It
// uses attributes alone: no style sheet, script or reference.
func drawBadge(plates []plate, lang string) []byte {
	names, lights := 0.0, 0.0
	var title, desc []string
	for _, p := range plates {
		names = max(names, textWidth(p.name))
		lights = max(lights, textWidth(p.word))
		title = append(title, p.name+": "+p.word)
		if p.why != "" {
			desc = append(desc, p.name+": "+p.why)
		}
	}
	left := names + 2*platePad
	width := left + lights + 2*platePad + 18 // 18: the shape
	height := len(plates)*(plateHeight+plateGap) - plateGap
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" viewBox="0 0 %.0f %d" role="img" aria-labelledby="t d" xml:lang="%s">`,
		width, height, width, height, lang)
	fmt.Fprintf(&b, `<title id="t">%s</title><desc id="d">%s</desc>`, escaped(strings.Join(title, ", ")), escaped(strings.Join(desc, " ")))
	fmt.Fprintf(&b, `<g font-family="%s" font-size="%d" font-weight="600" fill="#ffffff" aria-hidden="true">`, badgeFont, plateText)
	for i, p := range plates {
		y := i * (plateHeight + plateGap)
		base := float64(y) + plateHeight/2 + 5
		fmt.Fprintf(&b, `<path d="M7 %d H%.0f V%d H7 a7 7 0 0 1 -7 -7 V%d a7 7 0 0 1 7 -7 Z" fill="%s"/>`, y, left, y+plateHeight, y+7, badgeInk)
		fmt.Fprintf(&b, `<path d="M%.0f %d H%.0f a7 7 0 0 1 7 7 V%d a7 7 0 0 1 -7 7 H%.0f Z" fill="%s"/>`, left, y, width-7, y+plateHeight-7, left, hue(p.light))
		text := func(x float64, s string) {
			fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" textLength="%.0f" lengthAdjust="spacingAndGlyphs">%s</text>`, x, base, textWidth(s), escaped(s))
		}
		text(platePad, p.name)
		b.WriteString(drawShape(p.light, left+platePad, float64(y)+plateHeight/2))
		text(left+platePad+18, p.word)
	}
	b.WriteString("</g></svg>\n")
	return []byte(b.String())
}

// drawShape draws ●, ▲, ■ or ✕ as a path, the same in every font, 12 wide with
// its middle at y.
func drawShape(light string, x, y float64) string {
	switch light {
	case "green":
		return fmt.Sprintf(`<circle cx="%.1f" cy="%.1f" r="5"/>`, x+6, y)
	case "red":
		return fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="10" height="10"/>`, x+1, y-5)
	case "grey":
		return fmt.Sprintf(`<path d="M%.1f %.1f l9 9 m0 -9 l-9 9" stroke="#ffffff" stroke-width="2.6" fill="none"/>`, x+1.5, y-4.5)
	}
	return fmt.Sprintf(`<path d="M%.1f %.1f l6 10.5 h-12 Z"/>`, x+6, y-6)
}
