package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"sinho/providers"
)

const langCookie = "sinho-lang"

// words is every sentence the pages say, by key.
type words map[string]providers.Text

// page is what each template has: a language and its words.
type page struct {
	words words
	Lang  string // ko or en
	Other string // the other one
	Title string
	// Switch is this page in the other language, "" when it cannot be had by a link.
	Switch string
}

// T says key in the page's language. Arguments are pairs of a placeholder's
// name and its value, a string or a providers.Text.
func (p page) T(key string, args ...any) (string, error) { return p.words.say(p.Lang, key, args) }

// O says key in the other language.
func (p page) O(key string, args ...any) (string, error) { return p.words.say(p.Other, key, args) }

// In picks the page's language of t, or what there is.
func (p page) In(t providers.Text) string { return pick(p.Lang, t) }

// Beside is t in the other language, "" when it says nothing new.
func (p page) Beside(t providers.Text) string {
	if s := pick(p.Other, t); s != p.In(t) {
		return s
	}
	return ""
}

func pick(lang string, t providers.Text) string {
	if (lang == "en" && t.EN != "") || t.KO == "" {
		return t.EN
	}
	return t.KO
}

func (ws words) say(lang, key string, args []any) (string, error) {
	t, ok := ws[key]
	if !ok {
		return "", fmt.Errorf("no words for %q", key)
	}
	s := pick(lang, t)
	if len(args) == 0 {
		return s, nil
	}
	var out strings.Builder
	// One pass: a value that looks like a placeholder stays what it is.
	for {
		before, rest, found := strings.Cut(s, "{")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if v, ok := argument(lang, name, args); ok && closed {
			out.WriteString(v)
			s = after
			continue
		}
		out.WriteByte('{')
		s = rest
	}
}

// argument is what stands for a placeholder: its value, or its value with the
// particle that the placeholder ends in.
func argument(lang, placeholder string, args []any) (string, bool) {
	for i := 0; i+1 < len(args); i += 2 {
		name, _ := args[i].(string)
		suffix, ok := strings.CutPrefix(placeholder, name)
		if !ok {
			continue
		}
		v := fmt.Sprint(args[i+1])
		if text, ok := args[i+1].(providers.Text); ok {
			v = pick(lang, text)
		}
		switch suffix {
		case "":
			return v, true
		case "로":
			return v + particle(v, "으로", "로", true), true
		case "이":
			return v + particle(v, "이", "가", false), true
		case "을":
			return v + particle(v, "을", "를", false), true
		}
	}
	return "", false
}

// particle picks the Korean particle that fits the sound at the end of a word.
// What is not Hangul is taken to end in a vowel, as the names of letters do.
func particle(word, closed, open string, rieulOpen bool) string {
	last, _ := utf8.DecodeLastRuneInString(word)
	if last < '가' || last > '힣' {
		return open
	}
	// Syllables are laid out with 28 endings each; 0 is none, 8 is ㄹ.
	if end := (last - '가') % 28; end == 0 || (rieulOpen && end == 8) {
		return open
	}
	return closed
}

// page decides the language: what the person has just asked for, what they
// asked for before, what the site asked for, what the browser prefers, Korean.
func (web *Web) page(w http.ResponseWriter, r *http.Request, asked string) page {
	lang := known(r.URL.Query().Get("lang"))
	if lang != "" {
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure follows the issuer's scheme
			Name: langCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600,
			HttpOnly: true, Secure: web.cfg.Secure, SameSite: http.SameSiteLaxMode,
		})
	}
	if c, err := r.Cookie(langCookie); lang == "" && err == nil {
		lang = known(c.Value)
	}
	if lang == "" {
		lang = known(asked)
	}
	if lang == "" {
		lang = accepted(r.Header.Get("Accept-Language"))
	}
	other := "en"
	if lang == "en" {
		other = "ko"
	}
	return page{words: web.words, Lang: lang, Other: other}
}

func known(lang string) string {
	if lang == "ko" || lang == "en" {
		return lang
	}
	return ""
}

// accepted reads Accept-Language (RFC 9110 §12.5.4): Korean where it is wanted
// at all as much as anything else, English for whoever prefers another language.
func accepted(header string) string {
	if len(header) > 512 {
		header = header[:512]
	}
	best, lang := 0.0, "ko"
	for part := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil || f < 0 || f > 1 {
				continue
			}
			q = f
		}
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if base == "" || base == "*" || q <= best {
			continue
		}
		best, lang = q, "en"
		if base == "ko" {
			lang = "ko"
		}
	}
	return lang
}
