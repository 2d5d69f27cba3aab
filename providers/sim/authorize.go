package sim

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// door is one authorize page of a vendor.
type door struct {
	path string
	// plain OAuth 2 without OpenID Connect or PKCE, and a state is a must.
	plain bool
	// iss goes back with every answer (RFC 9207).
	iss bool
	// strict answers every parameter of OpenID Connect Core 3.1.2.1 as written.
	strict bool
	// codes the vendor shows on its error page.
	unknownClient, wrongRedirect string
}

// carried are the parameters of an authorization request that go through the
// page as hidden fields; everything else is dropped.
func carried() []string {
	return []string{
		"client_id", "redirect_uri", "response_type", "scope", "state", "nonce",
		"code_challenge", "code_challenge_method", "prompt", "max_age", "auth_type",
		"response_mode", "request", "request_uri", "ui_locales", "login_hint", "acr_values",
	}
}

// enter mounts the page of d. Nothing is stored before somebody approves.
func (f *flow) enter(rt *routes, d door) {
	rt.page("GET "+d.path, func(w http.ResponseWriter, r *http.Request) { f.show(w, r, d, http.StatusOK) })
	rt.page("POST "+d.path, func(w http.ResponseWriter, r *http.Request) {
		pressed := r.PostFormValue("approve") != "" || r.PostFormValue("cancel") != ""
		if !pressed || rt.front.Check(r) != nil {
			// A request that came by POST, or a button another site pressed.
			f.show(w, r, d, http.StatusOK)
			return
		}
		f.decide(w, r, d)
	})
}

// show gives the login page, or what is wrong with the request.
func (f *flow) show(w http.ResponseWriter, r *http.Request, d door, status int) {
	if f.misfit(w, r, d) {
		return
	}
	view := loginView{Frame: f.sim.frame("로그인", "Log in"), Action: d.path, Client: f.sim.cfg.ClientName}
	for _, name := range carried() {
		if v := r.FormValue(name); v != "" {
			view.Hidden = append(view.Hidden, field{name, v})
		}
	}
	who := f.sim.populace()
	chosen, crowd := 0, who.crowd
	shown := who.all[:len(who.all)-crowd]
	if crowd > 0 {
		chosen = f.sim.somebody(who)
		shown = append(slices.Clone(shown), who.all[chosen])
	}
	for k, p := range shown {
		if crowd > 0 && k == len(shown)-1 {
			k = chosen
		}
		view.People = append(view.People, choice{Value: strconv.Itoa(k), Name: p.Name, Birthdate: p.Birthdate, Chosen: k == chosen})
	}
	f.sim.render(w, status, "login.html", view)
}

// decide answers a pressed button.
func (f *flow) decide(w http.ResponseWriter, r *http.Request, d door) {
	if f.misfit(w, r, d) {
		return
	}
	person, err := strconv.Atoi(r.PostFormValue("person"))
	switch {
	case r.PostFormValue("cancel") != "" || f.sim.desk.control().Approve == Reject:
		f.back(w, r, d, url.Values{"error": {"access_denied"}, "error_description": {"Canceled By User"}})
		return
	case err != nil || person < 0 || person >= len(f.sim.populace().all):
		f.show(w, r, d, http.StatusBadRequest)
		return
	}
	scope := r.FormValue("scope")
	code := token()
	f.codes.put(code, grant{
		person: person, door: d.path, redirectURI: r.FormValue("redirect_uri"), scope: scope,
		nonce: r.FormValue("nonce"), challenge: r.FormValue("code_challenge"), authTime: time.Now(),
	})
	f.sim.agreed()
	f.back(w, r, d, url.Values{"code": {code}})
}

// misfit answers a request that cannot be served and says so. Before client
// and redirect URI are known to be right nobody is sent anywhere.
func (f *flow) misfit(w http.ResponseWriter, r *http.Request, d door) bool {
	if r.ParseForm() != nil {
		f.sim.oops(w, oopsView{Code: "invalid_request", What: "the request could not be read"})
		return true
	}
	uri := r.FormValue("redirect_uri")
	switch {
	case r.FormValue("client_id") != f.sim.cfg.ClientID:
		f.sim.oops(w, oopsView{Code: d.unknownClient, What: "client_id", Received: r.FormValue("client_id")})
		return true
	case !slices.Contains(f.sim.cfg.RedirectURIs, uri):
		f.sim.oops(w, oopsView{Code: d.wrongRedirect, What: "redirect_uri", Received: uri, Registered: f.sim.cfg.RedirectURIs})
		return true
	}
	if code, why := d.check(r.Form); code != "" {
		f.back(w, r, d, url.Values{"error": {code}, "error_description": {why}})
		return true
	}
	return false
}

// check looks at the parameters whose faults are told to the client, as the
// error code and a description; code is empty when all is well.
func (d door) check(form url.Values) (code, why string) {
	challenge, method := form.Get("code_challenge"), form.Get("code_challenge_method")
	switch {
	case form.Get("response_type") != "code":
		return "unsupported_response_type", "response_type must be code"
	case d.plain && form.Get("state") == "":
		return "invalid_request", "state is needed"
	case d.plain:
		return "", ""
	case challenge == "" && method != "":
		return "invalid_request", "code_challenge_method without code_challenge"
	case challenge != "" && method != "S256":
		return "invalid_request", "code_challenge_method must be S256"
	case challenge != "" && !isChallenge(challenge):
		return "invalid_request", "code_challenge is not an S256 one"
	case has(form.Get("prompt"), "none"):
		return "login_required", "every login asks the person here"
	case !d.strict:
		return "", ""
	case form.Get("request") != "":
		return "request_not_supported", "request objects are not supported"
	case form.Get("request_uri") != "":
		return "request_uri_not_supported", "request_uri is not supported"
	case form.Get("response_mode") != "" && form.Get("response_mode") != "query":
		return "invalid_request", "response_mode must be query"
	case !knownPrompts(form.Get("prompt")):
		return "invalid_request", "prompt has an unknown value"
	case !isAge(form.Get("max_age")):
		return "invalid_request", "max_age must be a number of seconds"
	}
	return "", ""
}

func isChallenge(s string) bool {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return len(s) == 43 && strings.Trim(s, alphabet) == ""
}

func knownPrompts(prompt string) bool {
	for p := range strings.FieldsSeq(prompt) {
		if p != "login" && p != "consent" && p != "select_account" {
			return false
		}
	}
	return true
}

func isAge(s string) bool {
	if s == "" {
		return true
	}
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0
}

// back sends the browser to the client with the answer.
func (f *flow) back(w http.ResponseWriter, r *http.Request, d door, answer url.Values) {
	to, err := url.Parse(r.FormValue("redirect_uri"))
	if err != nil {
		f.sim.oops(w, oopsView{Code: d.wrongRedirect, What: "redirect_uri"})
		return
	}
	if state := r.FormValue("state"); state != "" {
		answer.Set("state", state)
	}
	if d.iss && !f.sim.odd(QuirkNoISS) {
		answer.Set("iss", f.sim.cfg.Base)
	}
	if to.RawQuery != "" {
		to.RawQuery += "&"
	}
	to.RawQuery += answer.Encode()
	guard(w, "'self'")
	w.Header().Set("Location", to.String())
	w.WriteHeader(http.StatusSeeOther)
}
