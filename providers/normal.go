package providers

import (
	"encoding/base64"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Everything here turns what a vendor wrote into one form, or into "" when it
// cannot be that; nothing is guessed.

// seoul is the time zone of every date on a citizen's papers; Korea has kept
// UTC+9 without summer time since 1988.
func seoul() *time.Location { return time.FixedZone("KST", 9*60*60) }

// asPhone gives E.164 (ITU-T E.164: + and at most 15 digits). Numbers without a
// country code are Korean; the trunk zero goes, also after +82.
func asPhone(raw string) string {
	digits := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r == '+':
			return r
		case r == ' ', r == '-', r == '.', r == '(', r == ')':
			return -1
		}
		return 'x' // spoils the number below
	}, raw)
	digits, international := strings.CutPrefix(digits, "+")
	if strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	korean, isKorean := strings.CutPrefix(digits, "82")
	switch {
	case international && !isKorean:
		if len(digits) < 8 || len(digits) > 15 || digits[0] == '0' {
			return ""
		}
		return "+" + digits
	case !international && strings.HasPrefix(digits, "0"):
		korean = digits
	case !isKorean:
		return ""
	}
	korean = strings.TrimPrefix(korean, "0")
	if len(korean) < 8 || len(korean) > 10 || korean[0] == '0' {
		return ""
	}
	return "+82" + korean
}

// asBirthdate gives YYYY-MM-DD of a real day, not before 1850 and not in the
// future; YYYYMMDD and YYYY-MM-DD are read.
func asBirthdate(raw string) string {
	layout := time.DateOnly
	if len(raw) == 8 {
		layout = "20060102"
	}
	day, err := time.ParseInLocation(layout, raw, seoul())
	if err != nil || day.Year() < 1850 || day.After(time.Now()) {
		return ""
	}
	return day.Format(time.DateOnly)
}

// asBirthdateOf joins a year and a day (MMDD or MM-DD); both are needed.
func asBirthdateOf(year, day string) string {
	if len(year) != 4 {
		return ""
	}
	return asBirthdate(year + strings.Replace(day, "-", "", 1))
}

// asGender gives male or female.
func asGender(raw string) string {
	switch strings.ToLower(raw) {
	case "male", "m":
		return "male"
	case "female", "f":
		return "female"
	}
	return ""
}

// asGenderDigit reads the digit of carriers and of the resident registration
// number: odd is male, even is female.
func asGenderDigit(raw string) string {
	if len(raw) != 1 || raw[0] < '0' || raw[0] > '9' {
		return ""
	}
	if (raw[0]-'0')%2 == 1 {
		return "male"
	}
	return "female"
}

// asCarrier gives SKT, KT or LGU, with _MVNO for a network rented from them.
func asCarrier(raw string) string {
	name := strings.NewReplacer(" ", "", "+", "", "-", "_").Replace(strings.ToUpper(raw))
	base, rented := strings.CutSuffix(name, "_MVNO")
	switch base {
	case "SKT", "KT", "LGU":
	case "LGT":
		base = "LGU"
	default:
		return ""
	}
	if rented {
		return base + "_MVNO"
	}
	return base
}

// asName tidies a name, nickname included: one line of at most most runes,
// without control or formatting characters.
func asName(raw string, most int) string {
	name := strings.Join(strings.Fields(raw), " ")
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > most || strings.ContainsFunc(name, invisible) {
		return ""
	}
	return name
}

// invisible characters make one name look like another.
func invisible(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs) }

// asLines is asName for a text of several lines; a line break is one \n (OpenID
// Connect Core 5.1.1 allows two kinds).
func asLines(raw string, most int) string {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(raw, "\r\n", "\n"), "\n") {
		tidy := asName(line, most)
		if tidy == "" && strings.TrimSpace(line) != "" {
			return ""
		}
		if tidy != "" {
			lines = append(lines, tidy)
		}
	}
	text := strings.Join(lines, "\n")
	if utf8.RuneCountInString(text) > most {
		return ""
	}
	return text
}

// asZone keeps what may be a name of the IANA time zone database: letters,
// digits and + - _ / within 40 bytes. Whether there is such a zone depends on the
// database's edition and is not asked.
func asZone(raw string) string {
	if len(raw) == 0 || len(raw) > maxZone || !isLetter(raw[0]) || strings.ContainsFunc(raw, func(r rune) bool {
		return !isWord(r) && r != '+' && r != '-' && r != '_' && r != '/'
	}) {
		return ""
	}
	return raw
}

// asLocale keeps a language tag (RFC 5646) by its shape; some write ko_KR, which
// OpenID Connect Core 5.1 tells to bear with, and which becomes ko-KR.
func asLocale(raw string) string {
	tag := strings.ReplaceAll(raw, "_", "-")
	if len(tag) < 2 || len(tag) > maxLocale || !isLetter(tag[0]) {
		return ""
	}
	for part := range strings.SplitSeq(tag, "-") {
		if len(part) == 0 || len(part) > 8 || strings.ContainsFunc(part, func(r rune) bool { return !isWord(r) }) {
			return ""
		}
	}
	return tag
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// isWord knows ASCII letters and digits.
func isWord(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// asEmail keeps what looks like one address; it is never proof of anything.
func asEmail(raw string) string {
	at := strings.LastIndexByte(raw, '@')
	if at < 1 || at == len(raw)-1 || len(raw) > 254 || !utf8.ValidString(raw) ||
		strings.ContainsFunc(raw, func(r rune) bool { return invisible(r) || unicode.IsSpace(r) || strings.ContainsRune(`<>",;`, r) }) {
		return ""
	}
	return raw
}

// asWeb keeps a web address of at most 512 bytes.
func asWeb(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > 512 || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return raw
}

// asCI keeps 88 base64 characters in their one encoding: two spellings would be
// two persons.
func asCI(raw string) CI {
	if len(raw) != 88 || strings.ContainsAny(raw, "\r\n") {
		return CI{}
	}
	if _, err := base64.StdEncoding.Strict().DecodeString(raw); err != nil {
		return CI{}
	}
	return CI{hide(raw)}
}

// asDI keeps an opaque value of plausible length.
func asDI(raw string) DI {
	if len(raw) == 0 || len(raw) > 128 || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return DI{}
	}
	return DI{hide(raw)}
}

// asSubject keeps a provider's name for a person: 1 to 255 bytes (OpenID Connect
// Core section 2), nothing invisible.
func asSubject(raw string) string {
	if len(raw) > 255 || !utf8.ValidString(raw) || strings.ContainsFunc(raw, invisible) {
		return ""
	}
	return raw
}
