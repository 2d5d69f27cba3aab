package sim

import (
	"net/http"
	"time"
)

// listed is how many waiting pushes the phone page shows.
const listed = 50

type phoneView struct {
	Frame  frame
	Client string
	Pushes []phoneLine
	Mode   Approve
	Late   bool // the last button came too late
}

type phoneLine struct {
	Ref, Name, Title, Phrase string
	LeftS                    int // seconds until it expires
}

// mountPhone adds the phone: every waiting push with an approve and a reject
// button.
func (s *Sim) mountPhone(rt *routes) {
	rt.page("GET /phone", s.phone)
	rt.page("POST /phone/{ref}", rt.front.Handler(http.HandlerFunc(s.press)).ServeHTTP)
}

func (s *Sim) phone(w http.ResponseWriter, r *http.Request) {
	view := phoneView{
		Frame: s.frame("휴대전화", "The phone"), Client: s.cfg.ClientName,
		Mode: s.desk.control().Approve, Late: r.URL.Query().Has("late"),
	}
	for _, one := range s.pushes.waiting(listed) {
		view.Pushes = append(view.Pushes, phoneLine{
			Ref: one.ref, Name: s.populace().all[one.person].Name, Title: one.title, Phrase: one.phrase,
			LeftS: int(time.Until(one.expires).Seconds()),
		})
	}
	if len(view.Pushes) == 0 {
		view.Frame.RefreshS = 3 // nothing to read yet; never under a reader
	}
	s.render(w, http.StatusOK, "phone.html", view)
}

func (s *Sim) press(w http.ResponseWriter, r *http.Request) {
	yes, no := r.PostFormValue("approve") != "", r.PostFormValue("reject") != ""
	if yes == no {
		http.Error(w, "press approve or reject", http.StatusBadRequest)
		return
	}
	to := "/phone"
	if !s.pushes.press(r.PathValue("ref"), yes) {
		to = "/phone?late"
	}
	guard(w, "'self'")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
