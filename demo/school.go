package demo

import (
	"net/http"
	"time"
)

// freshFor is how long a fresh login opens the examination room.
const freshFor = 10 * time.Minute

// School is the school platform: it knows people after one "Continue", and
// asks for a fresh login before an examination.
type School struct{ party *party }

// NewSchool makes the school platform. It speaks to the issuer when first
// needed.
func NewSchool(cfg SiteConfig) (*School, error) {
	p, err := newPages("school", SchoolKO, SchoolEN, nil, "school")
	if err != nil {
		return nil, err
	}
	site, err := newParty("school", cfg, p)
	if err != nil {
		return nil, err
	}
	return &School{party: site}, nil
}

// Handler serves the whole site: / /login /callback /me /logout.
func (s *School) Handler() http.Handler {
	mux := http.NewServeMux()
	s.party.mount(mux)
	mux.HandleFunc("GET /{$}", s.home)
	return s.party.guard(mux)
}

type schoolView struct {
	In    bool
	Who   person
	Exam  bool   // the examination room is open
	Until string // KST
	Today string
	Day   string
}

func (s *School) home(w http.ResponseWriter, r *http.Request) {
	now := s.party.now()
	ko, en := weekday(kst(now))
	v := schoolView{Today: kst(now).Format("1월 2일") + " (" + ko + ")", Day: en + kst(now).Format(" 2 Jan")}
	if known, in := s.party.session(r); in {
		v.In, v.Who = true, known.Claims.person()
		until := known.Began.Add(freshFor)
		v.Exam, v.Until = known.Fresh && now.Before(until), kst(until).Format("15:04")
	}
	s.party.pages.render(w, http.StatusOK, "school", v)
}
