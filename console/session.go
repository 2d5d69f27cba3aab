package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"sinho/operator"
	"sinho/store"
)

// sealedSession is what the cookie carries.
type sealedSession struct {
	ID  string    `json:"id"`
	By  string    `json:"by"`
	How string    `json:"how"`
	Via string    `json:"via,omitempty"` // what let somebody in at the organisation's provider
	End time.Time `json:"end"`
}

// visitor is who asks; By is "" for nobody.
type visitor struct {
	sealedSession

	// blind: the store is away, so nobody knows whether the session was ended.
	// Such a visitor may look and not act.
	blind bool
}

var (
	errNobody  = errors.New("nobody is signed in")
	errExpired = errors.New("the session is over")
)

// storeWait bounds how long a page waits for the store.
const storeWait = 3 * time.Second

// visitor finds who asks: errNobody without a cookie, errExpired with one that
// is over, signed out, or of somebody who may no longer.
func (c *Console) visitor(r *http.Request) (visitor, error) {
	cookie, err := r.Cookie(c.cookieName("console"))
	if err != nil {
		return visitor{}, errNobody
	}
	body, err := c.sessions.Open(cookie.Value, c.cfg.Now())
	var v visitor
	if err != nil || json.Unmarshal(body, &v.sealedSession) != nil || !c.cfg.Ways.still(v.sealedSession) {
		return visitor{}, errExpired
	}
	if err := c.alive(r.Context(), &v); err != nil {
		return visitor{}, err
	}
	return v, nil
}

// alive asks the store whether a session still is.
func (c *Console) alive(ctx context.Context, v *visitor) error {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	ok, err := c.cfg.Desk.Alive(ctx, v.ID)
	v.blind = err != nil
	if err == nil && !ok || !c.cfg.Now().Before(v.End) {
		return errExpired
	}
	return nil
}

// cookieName is one that only this origin can set, where the browser helps.
func (c *Console) cookieName(name string) string {
	if c.secure {
		return "__Host-sinho-" + name
	}
	return "sinho-" + name
}

// setCookie sets a cookie until end; an end in the past removes it. Lax: the
// way back from the organisation's provider begins on another site.
func (c *Console) setCookie(w http.ResponseWriter, name, value string, end time.Time) {
	age := int(end.Sub(c.cfg.Now()).Seconds())
	if age <= 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure follows the origin's scheme
		Name: c.cookieName(name), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	})
}

// enter begins a session and sends its browser on.
func (c *Console) enter(w http.ResponseWriter, r *http.Request, by, how, via, next string) error {
	s, err := c.cfg.Desk.SignIn(r.Context(), by, how, c.cfg.Session)
	if err != nil {
		return err
	}
	body, err := json.Marshal(sealedSession{ID: s.ID, By: by, How: how, Via: via, End: s.End})
	if err != nil {
		return err
	}
	sealed, err := c.sessions.Seal(body, s.End)
	if err != nil {
		return err
	}
	c.setCookie(w, "console", sealed, s.End)
	seeOther(w, ours(next))
	return nil
}

// signedIn lets only visitors through; others are asked to sign in.
func (c *Console) signedIn(next func(http.ResponseWriter, *http.Request, visitor)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := c.visitor(r)
		if err == nil {
			next(w, r, v)
			return
		}
		q := url.Values{}
		if errors.Is(err, errExpired) {
			q.Set("why", "expired")
		}
		if at := r.URL.RequestURI(); r.Method == http.MethodGet && at != "/" {
			q.Set("next", at)
		} else if id, name := r.PathValue("id"), r.PathValue("name"); id+name != "" {
			q.Set("next", "/providers/"+id)
			if name != "" {
				q.Set("next", "/rooms/"+name)
			}
			q.Set("why", "unsent")
		}
		to := "/sign-in"
		if len(q) > 0 {
			to += "?" + q.Encode()
		}
		seeOther(w, to)
	}
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	v, err := c.visitor(r)
	if err == nil {
		err = c.cfg.Desk.SignOut(r.Context(), operator.Session{ID: v.ID, By: v.By, How: v.How})
		if errors.Is(err, store.ErrUnavailable) {
			c.setCookie(w, "console", "", time.Time{})
			c.problem(w, r, http.StatusServiceUnavailable, problemStore)
			return
		}
	}
	c.setCookie(w, "console", "", time.Time{})
	seeOther(w, "/sign-in?why=out")
}

func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

var ourPages = regexp.MustCompile(`^/(providers/[a-z0-9-]{1,32}|rooms(/[a-z0-9-]{1,20})?|audit|history|devices)?(\?[a-z0-9=&-]*)?$`)

// ours is the address of a page of this console, "/" for anything else.
func ours(next string) string {
	if ourPages.MatchString(next) {
		return next
	}
	return "/"
}

// takes reports whether a form can be read and what it wants be done; why not is
// answered.
func (c *Console) takes(w http.ResponseWriter, r *http.Request, v visitor) bool {
	switch {
	case r.ParseForm() != nil:
		c.problem(w, r, http.StatusBadRequest, problemForm)
		return false
	case v.blind:
		c.problem(w, r, http.StatusServiceUnavailable, problemStore)
		return false
	}
	return true
}
