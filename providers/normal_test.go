package providers

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestNormalForms(t *testing.T) {
	forms := map[string]func(string) string{
		"phone": asPhone, "birthdate": asBirthdate, "gender": asGender, "digit": asGenderDigit, "carrier": asCarrier,
		"name": func(s string) string { return asName(s, 10) }, "email": asEmail, "picture": asWeb,
		"lines": func(s string) string { return asLines(s, 20) }, "zone": asZone, "locale": asLocale,
		"ci": func(s string) string { return asCI(s).Reveal() }, "di": func(s string) string { return asDI(s).Reveal() },
	}
	tomorrow := time.Now().AddDate(0, 0, 2).Format(time.DateOnly)
	ci := strings.Repeat("A", 86) + "=="
	for _, tt := range []struct{ form, raw, want string }{
		{"phone", "+82 010-0000-0000", "+821000000000"},
		{"phone", "+82 10-0000-0000", "+821000000000"},
		{"phone", "+821000000000", "+821000000000"},
		{"phone", "821000000000", "+821000000000"},
		{"phone", "010-0000-0000", "+821000000000"},
		{"phone", "(02) 123-4567", "+8221234567"},
		{"phone", "+1 (202) 555-0123", "+12025550123"},
		{"phone", "+0 123 456 789", ""},
		{"phone", "+82", ""},
		{"phone", "+82 00-0000-0000", ""},
		{"phone", "1234", ""},
		{"phone", "010-0000-000a", ""},
		{"phone", "01012345678901", ""},
		{"phone", "０１０-0000-0000", ""},
		{"phone", "++821000000000", ""},
		{"phone", "", ""},
		{"birthdate", "1990-05-12", "1990-05-12"},
		{"birthdate", "19900512", "1990-05-12"},
		{"birthdate", "2000-02-29", "2000-02-29"},
		{"birthdate", "1900-02-29", ""},
		{"birthdate", "0000-05-12", ""},
		{"birthdate", "1990", ""},
		{"birthdate", "1990-5-1", ""},
		{"birthdate", tomorrow, ""},
		{"gender", "M", "male"},
		{"gender", "FEMALE", "female"},
		{"gender", "U", ""},
		{"gender", "1", ""},
		{"digit", "1", "male"},
		{"digit", "3", "male"},
		{"digit", "0", "female"},
		{"digit", "4", "female"},
		{"digit", "12", ""},
		{"digit", "x", ""},
		{"carrier", "SKT", "SKT"},
		{"carrier", "kt", "KT"},
		{"carrier", "LG U+", "LGU"},
		{"carrier", "LGT", "LGU"},
		{"carrier", "SKT_MVNO", "SKT_MVNO"},
		{"carrier", "LGU+_MVNO", "LGU_MVNO"},
		{"carrier", "AT&T", ""},
		{"name", " 홍  길동 ", "홍 길동"},
		{"name", "홍길동\u202e", ""},
		{"name", "홍\x00길동", ""},
		{"name", "열글자가넘는이름이라니요", ""},
		{"name", "\xff", ""},
		{"email", "t@example.com", "t@example.com"},
		{"email", "t@", ""},
		{"email", "a b@example.com", ""},
		{"email", "a@example.com, b@example.com", ""},
		{"picture", "https://img.example/p.png", "https://img.example/p.png"},
		{"picture", "javascript:alert(1)", ""},
		{"picture", "data:image/png;base64,AAAA", ""},
		{"lines", "세종대로 110\r\n 04524 \n\n대한민국", "세종대로 110\n04524\n대한민국"},
		{"lines", "세종대로\n\u202e110", ""},
		{"lines", "스무 글자가 넘는\n주소는 아무 데도 없으니까요", ""},
		{"zone", "Asia/Seoul", "Asia/Seoul"},
		{"zone", "Etc/GMT+9", "Etc/GMT+9"},
		{"zone", "../etc/passwd", ""},
		{"zone", "서울", ""},
		{"locale", "ko", "ko"},
		{"locale", "ko_KR", "ko-KR"},
		{"locale", "zh-Hant-TW", "zh-Hant-TW"},
		{"locale", "ko-", ""},
		{"locale", "k", ""},
		{"locale", "ko-대한민국", ""},
		{"ci", ci, ci},
		{"ci", ci[:87], ""},
		{"ci", strings.Repeat("A", 85) + "B==", ""}, // a second spelling of the same bytes
		{"ci", strings.Repeat("A", 84) + "\nA==", ""},
		{"di", strings.Repeat("d", 64), strings.Repeat("d", 64)},
		{"di", "a b", ""},
	} {
		if got := forms[tt.form](tt.raw); got != tt.want {
			t.Errorf("%s of %q: got %q, want %q", tt.form, tt.raw, got, tt.want)
		}
	}
}

func TestContact(t *testing.T) {
	future := time.Now().AddDate(1, 0, 0).Format("20060102")
	for _, tt := range []struct {
		name string
		c    Contact
		want []error
	}{
		{"everything right", testContact(), nil},
		{"ten digits", Contact{"홍길동", "19900512", "0111234567"}, nil},
		{"a long name", Contact{strings.Repeat("가", 40), "19900512", "01000000000"}, nil},
		{"nothing", Contact{}, []error{ErrContactName, ErrContactBirthdate, ErrContactPhone}},
		{"one letter", Contact{"홍", "19900512", "01000000000"}, []error{ErrContactName}},
		{"41 letters", Contact{strings.Repeat("가", 41), "19900512", "01000000000"}, []error{ErrContactName}},
		{"a line break", Contact{"홍길\n동", "19900512", "01000000000"}, []error{ErrContactName}},
		{"a day that never was", Contact{"홍길동", "19900231", "01000000000"}, []error{ErrContactBirthdate}},
		{"not born yet", Contact{"홍길동", future, "01000000000"}, []error{ErrContactBirthdate}},
		{"born in 1899", Contact{"홍길동", "18991231", "01000000000"}, []error{ErrContactBirthdate}},
		{"a landline", Contact{"홍길동", "19900512", "0212345678"}, []error{ErrContactPhone}},
		{"no such prefix", Contact{"홍길동", "19900512", "01200000000"}, []error{ErrContactPhone}},
		{"twelve digits", Contact{"홍길동", "19900512", "010000000000"}, []error{ErrContactPhone}},
		{"hyphens", Contact{"홍길동", "1990-05-12", "010-0000-0000"}, []error{ErrContactBirthdate, ErrContactPhone}},
		{"other digits", Contact{"홍길동", "19900512", "０1000000000"}, []error{ErrContactPhone}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.c.Validate()
			for _, each := range []error{ErrContactName, ErrContactBirthdate, ErrContactPhone} {
				want := false
				for _, w := range tt.want {
					want = want || errors.Is(w, each)
				}
				if errors.Is(err, each) != want {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			}
			if err != nil && tt.c.Phone != "" && strings.Contains(err.Error(), tt.c.Phone) {
				t.Error("the error tells the number")
			}
		})
	}
}

func FuzzPhone(f *testing.F) {
	for _, s := range []string{"+82 010-0000-0000", "010-0000-0000", "821000000000", "+1 202 555 0123", "+", "٣", "+82(0)10"} {
		f.Add(s)
	}
	e164 := regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`)
	f.Fuzz(func(t *testing.T, raw string) {
		got := asPhone(raw)
		if got != "" && (!e164.MatchString(got) || strings.HasPrefix(got, "+820")) {
			t.Errorf("got %q of %q", got, raw)
		}
		if again := asPhone(got); again != got {
			t.Errorf("got %q of %q, and %q of that", got, raw, again)
		}
	})
}

func FuzzBirthdate(f *testing.F) {
	for _, s := range []string{"1990-05-12", "19900512", "0000-05-12", "1990", "9999-12-31", "1990-13-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := asBirthdate(raw)
		if got == "" {
			return
		}
		day, err := time.Parse(time.DateOnly, got)
		if err != nil || day.Year() < 1850 || asBirthdate(got) != got {
			t.Errorf("got %q of %q", got, raw)
		}
	})
}

func FuzzWords(f *testing.F) {
	for _, s := range []string{"홍길동", "M", "SKT_MVNO", "t@example.com", "https://x.example/p", "\u202e", strings.Repeat("A", 86) + "=="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for name, got := range map[string]string{
			"name": asName(raw, 40), "email": asEmail(raw), "subject": asSubject(raw), "carrier": asCarrier(raw),
			"code": tidyCode(raw), "web": asWeb(raw), "zone": asZone(raw), "locale": asLocale(raw), "ci": asCI(raw).Reveal(), "di": asDI(raw).Reveal(),
		} {
			if !utf8.ValidString(got) || len(got) > 512 || strings.ContainsAny(got, "\r\n\x00") {
				t.Errorf("%s: got %q of %q", name, got, raw)
			}
		}
		if code := tidyCode(raw); !regexp.MustCompile(`^[A-Za-z0-9_.-]{0,40}$`).MatchString(code) {
			t.Errorf("got code %q", code)
		}
	})
}

// A claim of another case is another claim (RFC 8259 section 8.3), wherever
// it stands.
func TestClaimNamesAreToldApartByCase(t *testing.T) {
	var all claimSet
	if err := json.Unmarshal([]byte(`{"SUB":"a","sub":"b","Sub":"c","Name":"other","EMAIL_verified":true}`), &all); err != nil {
		t.Fatal(err)
	}
	if c := all.standard(); c.Subject != "b" || c.Name != "" || c.EmailVerified.on {
		t.Errorf("got sub %q, name %q, e-mail verified %v; want b, none, false", c.Subject, c.Name, c.EmailVerified.on)
	}
}

// No well-formed answer, however wrongly typed, breaks the reading of its other
// fields.
func FuzzLooseClaims(f *testing.F) {
	for _, s := range []string{`"x"`, `1`, `1.5e300`, `true`, `null`, `[]`, `{}`, `{"claims":1}`, `[{"verification":[]},2]`, `"\ud800"`, `"a\"b"`, "\"\xff\"", `"길동"`, ` "x" `} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if !json.Valid([]byte(value)) {
			return
		}
		fields := []string{
			"name", "email_verified", "phone_number", "birthdate", "gender", "verified_claims", "picture", "nickname",
			"given_name", "family_name", "middle_name", "preferred_username", "profile", "website", "zoneinfo", "locale", "address",
		}
		for _, field := range fields {
			var all claimSet
			err := json.Unmarshal([]byte(`{"`+field+`":`+value+`,"sub":"s"}`), &all)
			if c := all.standard(); err != nil || c.Subject != "s" {
				t.Errorf("%s %s: got sub %q, %v", field, value, c.Subject, err)
			}
		}
		var loose text
		var exact string
		_ = loose.UnmarshalJSON([]byte(value))
		if json.Unmarshal([]byte(value), &exact) == nil && string(loose) != exact {
			t.Errorf("%s: got %q, want %q", value, loose, exact)
		}
		var v struct {
			N number               `json:"n"`
			K object[kakaoAccount] `json:"k"`
			S string               `json:"s"`
		}
		if err := json.Unmarshal([]byte(`{"n":`+value+`,"k":`+value+`,"s":"s"}`), &v); err != nil || v.S != "s" {
			t.Errorf("%s: got %q, %v", value, v.S, err)
		}
	})
}

func FuzzTossValue(f *testing.F) {
	f.Add("v1$x$AAAA")
	f.Add("")
	f.Fuzz(func(t *testing.T, framed string) {
		s, err := newTossSession(&testKeys()["RS256"].(*rsa.PrivateKey).PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := s.open(framed); err == nil && plain != "" {
			t.Errorf("got %q of %q", plain, framed)
		}
		if plain, err := s.open(s.seal(framed)); err != nil || plain != framed {
			t.Errorf("got %q, %v of our own %q", plain, err, framed)
		}
	})
}
