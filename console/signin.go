package console

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"sinho/signal"
)

// signInView is the page with the ways in.
type signInView struct {
	frame

	Next     string
	Name     string // typed before
	Password bool   // there are operators with passwords
	Once     bool   // there is a one-time password
	Used     bool   // and it is used up
	Provider string // name of the organisation's provider, "" for none
	Wrong    *signal.Text
	Note     *signal.Text
}

func (c *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, err := c.visitor(r); err == nil {
		seeOther(w, ours(r.URL.Query().Get("next")))
		return
	}
	c.showSignIn(w, r, http.StatusOK, nil)
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, status int, wrong *signal.Text) {
	v := signInView{
		frame: c.frame(r, visitor{}, "", "로그인", "Sign in"), Next: ours(r.FormValue("next")), Name: r.PostFormValue("name"), Wrong: wrong,
		Password: len(c.cfg.Ways.Operators) > 0, Once: c.cfg.Ways.Once != nil,
	}
	if v.Once {
		v.Used = c.cfg.Ways.Once.Password() == ""
	}
	if o := c.cfg.Ways.OIDC; o != nil {
		v.Provider = o.cfg.Name
	}
	switch r.URL.Query().Get("why") {
	case "expired":
		v.Note = &signal.Text{KO: "로그인 시간이 끝났습니다. 다시 로그인해 주세요.", EN: "Your session is over. Please sign in again."}
	case "unsent":
		v.Note = &signal.Text{KO: "로그인 시간이 끝나 방금 보낸 조치는 반영되지 않았습니다. 다시 로그인한 뒤 보내 주세요.", EN: "Your session is over, so what you sent was not done. Please sign in and send it again."}
	case "out":
		v.Note = &signal.Text{KO: "로그아웃했습니다. 이 로그인은 어디에서도 더 쓸 수 없습니다.", EN: "You are signed out; that session works nowhere any more."}
	}
	c.render(w, "signin", status, v)
}

func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.problem(w, r, http.StatusBadRequest, problemForm)
		return
	}
	if wait := c.limits.take(r.RemoteAddr); wait > 0 {
		c.tooMany(w, r, wait)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	password, how := r.PostFormValue("password"), byPassword
	var by string
	var good bool
	if once := c.cfg.Ways.Once; once != nil && len(c.cfg.Ways.Operators) == 0 {
		how, by = byOnce, once.name
		good = once.take(password)
	} else {
		by, good = c.check(ctx, r.PostFormValue("name"), password)
	}
	if !good {
		c.refuse(w, r, by, how)
		return
	}
	if err := c.enter(w, r, by, how, "", r.PostFormValue("next")); err != nil {
		if how == byOnce {
			c.cfg.Ways.Once.giveBack(password)
		}
		c.cfg.Log.ErrorContext(ctx, "console sign-in", "error", err)
		c.problem(w, r, http.StatusServiceUnavailable, problemStore)
	}
}

func (c *Console) tooMany(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	w.Header().Set("Retry-After", seconds)
	c.showSignIn(w, r, http.StatusTooManyRequests, &signal.Text{
		KO: "시도가 너무 많았습니다. " + seconds + "초 뒤에 다시 해 주세요.", EN: "Too many attempts. Please try again in " + seconds + " s.",
	})
}

// refuse tells of a sign-in that failed: the page, the log and the trail. by is
// a known name or "": what was typed may be a password in the wrong field.
func (c *Console) refuse(w http.ResponseWriter, r *http.Request, by, how string) {
	c.cfg.Log.WarnContext(r.Context(), "console sign-in refused", "by", by, "how", how)
	if err := c.cfg.Desk.Refuse(r.Context(), by, how); err != nil {
		c.cfg.Log.ErrorContext(r.Context(), "console sign-in refused and not in the trail", "error", err)
	}
	wrong := signal.Text{KO: "이름이나 비밀번호가 맞지 않습니다.", EN: "The name or the password is wrong."}
	switch {
	case how == byOnce && c.cfg.Ways.Once.Password() == "":
		wrong = signal.Text{KO: "일회용 비밀번호는 이미 쓰였습니다. 데모를 다시 시작하면 새 비밀번호가 나옵니다.", EN: "The one-time password has been used. Restart the demo for a fresh one."}
	case how == byOnce:
		wrong = signal.Text{KO: "일회용 비밀번호가 맞지 않습니다. 터미널에 나온 것을 그대로 넣어 주세요.", EN: "The one-time password is wrong. Please enter it as the terminal shows it."}
	case how == byOIDC:
		wrong = signal.Text{KO: "이 계정은 운영자로 등록되어 있지 않습니다.", EN: "This account is not one of the operators."}
	}
	c.showSignIn(w, r, http.StatusUnauthorized, &wrong)
}
