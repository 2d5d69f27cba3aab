package broker

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
)

// Each test is one attack that has worked on systems like this one.

// Attack: login CSRF and session fixation. What a stranger planted in a browser
// before its person logs in, and keeps a copy of, is worth nothing afterwards;
// and nobody but this host plants anything.
func TestAttackSessionFixation(t *testing.T) {
	w := newWorld(t)
	mallory := w.browser()
	w.naver.set(func() { w.naver.who.Subject = "mallory" })
	theirs := w.claims(w.redeem(mallory.login("naver"))).Subject
	must2(t)(mallory.proceed(mallory.chooser(school()...)))
	victim := w.browser()
	victim.cookies = maps.Clone(mallory.cookies)

	w.naver.set(func() { w.naver.who.Subject = "victim" })
	own := w.claims(w.redeem(victim.login("naver", "prompt", "login"))).Subject
	if own == theirs {
		t.Fatal("the victim was logged in as who planted the session")
	}
	if got := w.claims(w.redeem(mallory.authorize("prompt", "none"))).Subject; got != theirs {
		t.Error("a session that was planted became the victim's")
	}
	if got := w.claims(w.redeem(victim.authorize("prompt", "none"))).Subject; got != own {
		t.Error("the victim's browser is somebody else's still")
	}
	if got := query(t, victim.authorize(school("prompt", "none")...)).Get("error"); got != "interaction_required" {
		t.Errorf("a site that only whoever planted the session has agreed to: got %q, want interaction_required", got)
	}

	br := w.browser()
	seen := map[string]bool{}
	bound := func(rec *httptest.ResponseRecorder) {
		for _, c := range rec.Result().Cookies() {
			seen[strings.TrimPrefix(c.Name, "__Host-sinho-")[:1]] = true
			if !strings.HasPrefix(c.Name, "__Host-sinho-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
				t.Errorf("got %s, want a __Host- cookie, Secure, HttpOnly and Lax", c.Raw)
			}
		}
		br.absorb(rec)
	}
	rec := httptest.NewRecorder()
	br.h.ServeHTTP(rec, br.request(http.MethodGet, "/authorize?"+params().Encode(), nil))
	bound(rec)
	r := sealedIn(t, rec.Header().Get("Location"))
	rec = httptest.NewRecorder()
	step := must2(t)(br.b.Begin(rec, br.request(http.MethodPost, "/login/naver", nil), r, "naver", nil))
	bound(rec)
	rec = httptest.NewRecorder()
	must2(t)(br.b.Finish(rec, br.request(http.MethodGet, "/callback/naver?"+approve(t, step.Redirect).Encode(), nil), "naver"))
	bound(rec)
	if got := slices.Sorted(maps.Keys(seen)); strings.Join(got, "") != "bjs" {
		t.Errorf("got cookies %v, want those of browser, journey and session looked at", got)
	}
}

// sealedThings are one of everything that is sealed and goes through strangers'
// hands, each true and still good.
func sealedThings(w *world, br *browser) map[string]string {
	w.t.Helper()
	offline := at("rotating", "scope", "openid email offline_access", "prompt", "consent")
	tok := w.spend("rotating", br.login("naver", offline...))
	things := map[string]string{
		"access": tok.Access, "refresh": tok.Refresh, "code": query(w.t, br.login("naver", offline...)).Get("code"),
		"session": br.cookies["__Host-sinho-s"], "request": br.chooser(at("rotating", "prompt", "select_account")...),
	}
	to := must2(w.t)(br.begin(things["request"], "naver", nil))
	things["state"] = query(w.t, to.Redirect).Get("state")
	for name, value := range br.cookies {
		if strings.HasPrefix(name, "__Host-sinho-j-") {
			things["journey"] = value
		}
	}
	things["posted"] = query(w.t, br.do(http.MethodPost, "/authorize", params(at("rotating")...)).Header().Get("Location")).Get("posted")
	pushed := decode[pushedAnswer](w.t, w.as("rotating", "/par", params(at("rotating")...)))
	things["pushed"] = strings.TrimPrefix(pushed.RequestURI, pushedPrefix)
	step, err := br.step(http.MethodPost, "/callback/naver", url.Values{"code": {"x"}}, func(rw http.ResponseWriter, r *http.Request) (Step, error) {
		return br.b.Finish(rw, r, "naver")
	})
	things["callback"] = query(w.t, must(w.t, step, err).Redirect).Get("posted")
	things["confirm"] = query(w.t, br.do(http.MethodGet, "/logout", nil).Header().Get("Location")).Get("confirm")
	things["out"] = query(w.t, br.do(http.MethodPost, "/logout", url.Values{"id_token_hint": {tok.IDToken}}).Header().Get("Location")).Get("out")
	mine, _, err := br.mine()
	if err != nil {
		w.t.Fatal(err)
	}
	things["mine"] = mine.Sessions[0].End
	front, err := br.b.farewell([]string{"https://rotating.example/front"}, loggedOut)
	if err != nil {
		w.t.Fatal(err)
	}
	things["front"] = query(w.t, front).Get("front")
	return things
}

// Attack: restart or resume of a login from forged state (CVE-2026-7571). A true
// sealed value of one purpose is nothing at the door of another.
func TestAttackSealedValueOfAnotherPurpose(t *testing.T) {
	w := tokenWorld(t)
	br := w.browser()
	things := sealedThings(w, br)
	cookies := maps.Clone(br.cookies)
	callback := func(v url.Values) error { _, err := br.finish("naver", v); return err }
	active := func(name string) func(string) bool {
		return func(v string) bool {
			got := w.introspected("rotating", v)
			return got["active"] == true && got["token_type"] == name
		}
	}
	doors := map[string]func(v string) bool{
		"access":  active("Bearer"),
		"refresh": active("refresh_token"),
		"code": func(v string) bool {
			return w.as("rotating", "/token", codeForm(v, "redirect_uri", "https://rotating.example/cb")).Code == http.StatusOK
		},
		"session": func(v string) bool {
			br.cookies["__Host-sinho-s"] = v
			_, live, err := br.mine()
			return live || err != nil
		},
		"request": func(v string) bool { _, err := br.resume(v); return err == nil },
		"state": func(v string) bool {
			return problemCode(callback(url.Values{"state": {v}, "code": {"y"}})) != ProblemMismatch
		},
		"journey": func(v string) bool {
			for name := range br.cookies {
				if strings.HasPrefix(name, "__Host-sinho-j-") {
					br.cookies[name] = v
				}
			}
			return problemCode(callback(url.Values{"state": {things["state"]}, "code": {"z"}})) != ProblemOtherBrowser
		},
		"posted": func(v string) bool {
			return br.do(http.MethodGet, "/authorize?posted="+v, nil).Code == http.StatusSeeOther
		},
		"pushed": func(v string) bool { return br.come("rotating", pushedPrefix+v).Code == http.StatusSeeOther },
		"callback": func(v string) bool {
			return problemCode(callback(url.Values{"posted": {v}})) != ProblemTampered
		},
		"confirm": func(v string) bool {
			rec := br.do(http.MethodPost, "/logout", url.Values{"confirm": {v}})
			return !strings.HasPrefix(rec.Header().Get("Location"), loggedOut+"?confirm=")
		},
		"out":   func(v string) bool { return br.do(http.MethodGet, "/logout?out="+v, nil).Code == http.StatusSeeOther },
		"mine":  func(v string) bool { _, err := br.end("session", v); return err == nil },
		"front": func(v string) bool { _, err := br.b.Departed(nil, v); return err == nil },
	}
	if len(doors) != len(things) {
		t.Fatalf("got %d doors for %d values", len(doors), len(things))
	}
	for door, opens := range doors {
		for name, value := range things {
			if name == door {
				continue
			}
			br.cookies = maps.Clone(cookies)
			if opens(value) {
				t.Errorf("a sealed %s is taken as %s", name, door)
			}
		}
	}
	// Each door opens to what is made for it: those that end something last.
	for _, door := range []string{"access", "refresh", "session", "request", "posted", "pushed", "front", "code", "callback", "state", "mine"} {
		br.cookies = maps.Clone(cookies)
		if !opensLast(door, doors, things) {
			t.Errorf("a true %s is refused: the test sees nothing", door)
		}
	}
}

// opensLast asks a door for its own value.
func opensLast(door string, doors map[string]func(string) bool, things map[string]string) bool {
	return doors[door](things[door])
}

// Attack: a flood that fills the store (dex#1292, hydra#3559), at the endpoints
// for machines and at My sessions: nobody who proves nothing gets so far.
func TestAttackFloodOfMachineEndpointsStoresNothing(t *testing.T) {
	w := tokenWorld(t)
	stolen := w.proof("signer")
	forged := stolen[:strings.LastIndexByte(stolen, '.')+1] + encode(make([]byte, 64))
	w.store.waited()
	for range 20 {
		for _, path := range []string{"/par", "/token", "/introspect", "/revoke"} {
			for _, form := range []url.Values{
				params(at("rotating", "token", "x")...), asserting(codeForm("x", "token", "x"), forged),
				codeForm("x", "client_id", "rotating", "client_secret", "wrong", "token", "x"),
				{"client_id": {"nobody"}},
			} {
				if rec := w.post(path, form); rec.Code != http.StatusUnauthorized {
					t.Fatalf("%s %v: got %d %s, want 401", path, form, rec.Code, rec.Body)
				}
			}
			w.post(path, url.Values{"client_id": {"mobile"}, "token": {"x"}, "grant_type": {"refresh_token"}, "refresh_token": {"x"}}) // anybody is a public client
		}
		w.post("/par", params("client_id", "mobile", "redirect_uri", "https://mobile.example/cb"))
		br := w.browser()
		br.cookies["__Host-sinho-s"] = "forged"
		if _, live, err := br.mine(); live || err != nil {
			t.Fatalf("got %v %v", live, err)
		}
		_, _ = br.end("all", "forged")
		_, _ = br.b.Departed(nil, "forged")
	}
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store accesses by strangers, want 0", n)
	}
}

// Attack: XSS and header injection through a provider's error text and through
// ui_locales: neither goes anywhere, and into no log.
func TestAttackProviderErrorTextAndLocalesGoNowhere(t *testing.T) {
	const nasty = "\r\nSet-Cookie: x=y\"><script>alert(1)</script>"
	w := newWorld(t)
	br := w.browser()
	r := br.chooser("ui_locales", `ko"><script>alert(1)</script> `+nasty)
	if l, err := br.resume(r); err != nil || l.Locale != "" {
		t.Errorf("got locale %q %v, want none", l.Locale, err)
	}
	back := approve(t, must2(t)(br.begin(r, "naver", nil)).Redirect)
	for _, name := range []string{"error", "error_description", "error_uri", "iss"} {
		back.Set(name, nasty)
	}
	step := must2(t)(br.finish("naver", back))
	if q := query(t, step.Redirect); strings.ContainsAny(step.Redirect, "\r\n<>\"") || len(q) != 3 || q.Get("from") != "naver" || !slices.Contains([]string{NoticeFailed, NoticeAgain}, q.Get("notice")) {
		t.Errorf("got %q, want the chooser with one of our own words", step.Redirect)
	}
	if log := w.logs.String(); strings.ContainsAny(log, "<>") || strings.Contains(log, "Set-Cookie:") {
		t.Errorf("the log quotes it: %s", log)
	}
}

// Attack: SSRF through jwks_uri, sector_identifier_uri, logo_uri and what else a
// request may name (CVE-2020-10770, CVE-2023-44469, CVE-2021-26715): nothing is
// fetched, for these packages have nothing to fetch with. Only logout sends, to
// what is registered.
func TestAttackSSRFThroughWhatARequestNames(t *testing.T) {
	w := protocolWorld(t, signing)
	asked := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	defer server.Close()
	for _, name := range []string{"request_uri", "jwks_uri", "sector_identifier_uri", "logo_uri", "registration", "client_metadata_uri"} {
		value := server.URL + "/" + name
		for _, v := range []url.Values{params(name, value), params("request", w.object(map[string]any{name: value})), params("registration", `{"`+name+`":"`+value+`"}`)} {
			w.browser().do(http.MethodGet, "/authorize?"+v.Encode(), nil)
			w.browser().do(http.MethodPost, "/authorize", v)
			w.post("/par", v, asBooking...)
		}
	}
	select {
	case path := <-asked:
		t.Errorf("%s was fetched", path)
	default:
	}
	for _, folder := range []string{".", "client", "keys"} {
		for _, use := range fetching(t, folder) {
			t.Errorf("%s: a stranger's address may be fetched by it", use)
		}
	}
	if len(fetching(t, "logout")) == 0 {
		t.Error("package logout sends nothing: the test sees nothing")
	}
}

// fetching are the places in a package's sources that could reach out.
func fetching(t *testing.T, folder string) (uses []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources in %s: %v", folder, err)
	}
	reaching := map[string][]string{
		"http": {"Client", "Transport", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm", "NewRequest", "NewRequestWithContext"},
		"net":  {"Dial", "DialTimeout", "Dialer", "LookupHost", "LookupIP", "Resolver", "DefaultResolver"},
		"tls":  {"Dial", "DialWithDialer", "Dialer"},
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, is := n.(*ast.SelectorExpr); is {
				if p, is := s.X.(*ast.Ident); is && slices.Contains(reaching[p.Name], s.Sel.Name) {
					uses = append(uses, set.Position(s.Pos()).String())
				}
			}
			return true
		})
	}
	return uses
}

// Attack: the post-logout redirect by pollution and by other spellings, also by
// a form and past the page that tells sites.
func TestAttackPostLogoutRedirectByEveryWay(t *testing.T) {
	const bye = "https://booking.example/bye"
	w := newWorld(t, consenting("booking", func(c *client.Client) {
		c.Consent = false
		c.FrontchannelLogoutURI = "https://booking.example/front"
	}))
	for _, uri := range []string{
		"https://booking.example@evil.example/bye", "https://booking.example.evil.example/bye", "https://BOOKING.example/bye", "https://booking.example./bye",
		"https://booking.example/%62ye", "https://booking.example/bye%2f", "https://booking.example/bye%00", bye + "?x=1", "http://booking.example/bye",
		"//evil.example/bye", "javascript:alert(1)", "\\\\evil.example", " " + bye, "https://school.example/cb?x=1",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			br := w.browser()
			hint := w.redeem(br.login("naver")).IDToken
			if to := br.leaves(method, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {uri}, "state": {"s"}}); to != "" {
				t.Errorf("%s %q: led to %q, want nowhere", method, uri, to)
			}
		}
	}
	br := w.browser()
	v := url.Values{"id_token_hint": {w.redeem(br.login("naver")).IDToken}, "post_logout_redirect_uri": {bye, "https://evil.example/"}}
	if rec := br.do(http.MethodGet, "/logout?"+v.Encode(), nil); !strings.HasPrefix(rec.Header().Get("Location"), loggedOut+"?confirm=") {
		t.Errorf("two of them: got %q, want a question", rec.Header().Get("Location"))
	}
	v = url.Values{"id_token_hint": v["id_token_hint"], "post_logout_redirect_uri": {bye}, "state": {"a\r\nSet-Cookie: x&b=#<script>"}}
	to := br.leaves(http.MethodPost, v)
	if q := query(t, to); !strings.HasPrefix(to, bye+"?state=") || strings.ContainsAny(to, "\r\n<># ") || len(q) != 1 || q.Get("state") != v.Get("state") {
		t.Errorf("got %q, want the registered address and the state as one parameter", to)
	}
}

// leads asks to log out and gives where that leads.
func (br *browser) leads(method string, v url.Values) string {
	br.w.t.Helper()
	target, form := "/logout?"+v.Encode(), url.Values(nil)
	if method == http.MethodPost {
		target, form = "/logout", v
	}
	to := br.do(method, target, form).Header().Get("Location")
	if strings.HasPrefix(to, "/logout?out=") {
		to = br.do(http.MethodGet, to, nil).Header().Get("Location")
	}
	return to
}

// leaves logs out and gives where the person is led in the end, "" for our own page.
func (br *browser) leaves(method string, v url.Values) string {
	br.w.t.Helper()
	to := br.leads(method, v)
	front, found := strings.CutPrefix(to, loggedOut+"?front=")
	if !found {
		br.w.t.Errorf("got %q, want the page that tells sites", to)
		return to
	}
	d, err := br.b.Departed(nil, front)
	if err != nil || len(d.Frames) != 1 || d.Frames[0] != "https://booking.example/front" {
		br.w.t.Errorf("got %+v %v, want one frame, of the site", d, err)
	}
	br.w.clock.add(time.Second)
	return d.To
}
