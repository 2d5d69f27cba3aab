package web

import (
	"net/http"
	"strings"
	"testing"

	"sinho/broker"
	"sinho/providers"
)

func TestTheLanguageIs(t *testing.T) {
	tests := map[string]struct {
		query, cookie, site, accept string
		want                        string
	}{
		"Korean when nobody says anything":             {want: "ko"},
		"what the browser prefers":                     {accept: "en-GB,en;q=0.9,ko;q=0.8", want: "en"},
		"Korean when Korean is preferred":              {accept: "ko-KR,en;q=0.9", want: "ko"},
		"English for who prefers another language":     {accept: "de-DE,de;q=0.9", want: "en"},
		"by weight and not by place":                   {accept: "en;q=0.2, ko;q=0.7", want: "ko"},
		"Korean for a header of nonsense":              {accept: ";;;q=9,*;q=x", want: "ko"},
		"what the site asked for before the browser":   {site: "en", accept: "ko", want: "en"},
		"what was chosen before over what a site asks": {cookie: "ko", site: "en", want: "ko"},
		"what is asked for now over all":               {query: "&lang=en", cookie: "ko", site: "ko", accept: "ko", want: "en"},
		"not what a forged cookie says":                {cookie: "xx", accept: "en", want: "en"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{login: someLogin()}
			f.login.Locale = tc.site
			header := []string{"Accept-Language", tc.accept}
			if tc.cookie != "" {
				header = append(header, "Cookie", langCookie+"="+tc.cookie)
			}
			w := get(newWeb(t, f, nil), "/login?r=x"+tc.query, header...)
			if !strings.Contains(w.Body.String(), `<html lang="`+tc.want+`">`) {
				t.Errorf("got another language, want %s", tc.want)
			}
			if set := w.Header().Get("Set-Cookie") != ""; set != (tc.query != "") {
				t.Errorf("got a language cookie %v, want it only when chosen", set)
			}
		})
	}
}

func TestTheLanguageCookieIsSecureWhenTheIssuerIs(t *testing.T) {
	for _, secure := range []bool{true, false} {
		w := get(newWeb(t, &fake{}, func(c *Config) { c.Secure = secure }), "/logged-out?lang=en")
		c, err := http.ParseSetCookie(w.Header().Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		if c.Secure != secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
			t.Errorf("got %v, want Secure %v, HttpOnly, Lax", c, secure)
		}
	}
}

func TestParticlesFitTheName(t *testing.T) {
	ws := words{"k": {KO: "{p로} {p이} {p을}", EN: "to {p}"}}
	tests := map[string]struct{ name, want string }{
		"a vowel":               {"카카오", "카카오로 카카오가 카카오를"},
		"a consonant":           {"한빛 예약", "한빛 예약으로 한빛 예약이 한빛 예약을"},
		"ㄹ":                     {"서울", "서울로 서울이 서울을"},
		"Latin letters":         {"PASS", "PASS로 PASS가 PASS를"},
		"a name with its holes": {"{p}", "{p}로 {p}가 {p}를"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ws.say("ko", "k", []any{"p", providers.Text{KO: tc.name, EN: "x"}})
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
	holes := words{"k": {KO: "{{p} {q} {n}개 {p로", EN: ""}}
	if got, err := holes.say("ko", "k", []any{"p", "{n}", "n", 2}); err != nil || got != "{{n} {q} 2개 {p로" {
		t.Errorf("got %q, %v; want what is no placeholder left alone", got, err)
	}
	if _, err := ws.say("ko", "missing", nil); err == nil {
		t.Error("got no error for words that are not there")
	}
}

func TestEverySentenceHasBothLanguagesAndTheSameHoles(t *testing.T) {
	holes := func(s string) map[string]bool {
		found := map[string]bool{}
		for part := range strings.SplitSeq(s, "{") {
			if name, _, ok := strings.Cut(part, "}"); ok {
				found[strings.TrimRight(name, "로이을")] = true
			}
		}
		return found
	}
	for key, text := range dictionary() {
		if text.KO == "" || text.EN == "" {
			t.Errorf("%s: got %q and %q, want both", key, text.KO, text.EN)
		}
		ko, en := holes(text.KO), holes(text.EN)
		for name := range en {
			if !ko[name] {
				t.Errorf("%s: got {%s} in English only", key, name)
			}
		}
	}
}

func TestEveryProblemHasItsOwnWords(t *testing.T) {
	seen := map[string]string{}
	for _, code := range []string{
		broker.ProblemClient, broker.ProblemRedirect, broker.ProblemRequest, broker.ProblemTooLarge, broker.ProblemExpired,
		broker.ProblemTampered, broker.ProblemCookies, broker.ProblemOtherBrowser, broker.ProblemProvider, broker.ProblemMismatch,
		broker.ProblemStore, broker.ProblemInternal, broker.ProblemNotFound, problemMethod, problemCrossSite,
	} {
		ws := dictionary()
		said := ws["problem."+code].KO + ws["problem."+code+".next"].KO
		if said == "" || seen[said] != "" {
			t.Errorf("%s: got %q, said by %q already", code, said, seen[said])
		}
		seen[said] = code
	}
}

func FuzzAcceptLanguage(f *testing.F) {
	for _, s := range []string{"ko", "en;q=0.1", "*", "q=", ",,,", "ko-KR;q=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got := accepted(header); got != "ko" && got != "en" {
			t.Errorf("got %q, want ko or en", got)
		}
	})
}

func FuzzTidy(f *testing.F) {
	f.Add("홍길동", "19900512", "01000000000")
	f.Add("", "1990-05-12", "010-0000-0000")
	f.Add("\x00", "２００００１０１", "+82 10")
	f.Fuzz(func(t *testing.T, name, birth, phone string) {
		c, ok := tidy(providers.Contact{Name: name, Birthdate: birth, Phone: phone})
		if ok && (len(c.Birthdate) != 8 || len(c.Phone) < 10 || len(c.Phone) > 11 || c.Name == "" || len(c.Name) > 240) {
			t.Errorf("got %+v passed", c)
		}
	})
}
