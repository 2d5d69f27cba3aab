package web

import (
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sinho/broker"
	"sinho/providers"
)

// Bodies: a chooser's form carries a sealed request of 2.4 KB and three short
// fields, a form_post callback at most a code, a state and an ID token.
const (
	maxForm     = 16 << 10
	maxCallback = 64 << 10
)

// begin answers POST /login/{provider}.
func (web *Web) begin(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, maxForm); err != nil {
		web.fail(w, r, err)
		return
	}
	provider, sealed := r.PathValue("provider"), r.PostForm.Get("r")
	var contact *providers.Contact
	if r.PostForm.Has("name") || r.PostForm.Has("birthdate") || r.PostForm.Has("phone") {
		typed := providers.Contact{
			Name: r.PostForm.Get("name"), Birthdate: r.PostForm.Get("birthdate"), Phone: r.PostForm.Get("phone"),
		}
		clean, ok := tidy(typed)
		if !ok {
			web.mend(w, r, sealed, provider, typed)
			return
		}
		contact = &clean
	}
	s, err := web.cfg.Flow.Begin(w, r, sealed, provider, contact)
	web.step(w, r, s, err)
}

// mend shows the form again with what was typed, before any provider is asked.
func (web *Web) mend(w http.ResponseWriter, r *http.Request, sealed, provider string, typed providers.Contact) {
	l, err := web.cfg.Flow.Resume(w, r, sealed)
	if err != nil {
		web.fail(w, r, err)
		return
	}
	web.showChooser(w, r, http.StatusUnprocessableEntity, l, broker.Notice{Code: broker.NoticeContact, From: provider}, &typed)
}

// proceed answers POST /login/continue: single sign-on.
func (web *Web) proceed(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, maxForm); err != nil {
		web.fail(w, r, err)
		return
	}
	s, err := web.cfg.Flow.Continue(w, r, r.PostForm.Get("r"))
	web.step(w, r, s, err)
}

// callback answers /callback/{provider}, whatever way the provider sends it.
func (web *Web) callback(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if err := readForm(w, r, maxCallback); err != nil {
			web.fail(w, r, err)
			return
		}
	}
	s, err := web.cfg.Flow.Finish(w, r, r.PathValue("provider"))
	web.step(w, r, s, err)
}

// readForm bounds and parses a body.
func readForm(w http.ResponseWriter, r *http.Request, limit int64) error {
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	err := r.ParseForm()
	if err == nil {
		return nil
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return &broker.Problem{Status: http.StatusRequestEntityTooLarge, Code: broker.ProblemTooLarge, Cause: err}
	}
	return &broker.Problem{Status: http.StatusBadRequest, Code: broker.ProblemRequest, Cause: err}
}

// tidy forgives how people write dates and numbers (1990-05-12, 010-0000-0000,
// full-width digits) and says whether they can be right at all.
func tidy(c providers.Contact) (providers.Contact, bool) {
	name := strings.Join(strings.Fields(c.Name), " ")
	out := providers.Contact{Name: name, Birthdate: digits(c.Birthdate), Phone: digits(c.Phone)}
	if out.Name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > 60 || strings.ContainsFunc(name, unicode.IsControl) {
		return out, false
	}
	if _, err := time.Parse("20060102", out.Birthdate); err != nil {
		return out, false
	}
	long := len(out.Phone) == 10 || len(out.Phone) == 11
	return out, long && strings.HasPrefix(out.Phone, "01")
}

func digits(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '０' && c <= '９' {
			c -= '０' - '0'
		}
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, s)
}
