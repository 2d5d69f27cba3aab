package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"sinho/broker"
	"sinho/providers"
	"sinho/signal"
)

// noon is when all tests happen: 2026-03-02 12:00:00 in Korea.
var noon = time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)

// fake is a broker that answers what a test tells it to, and remembers.
type fake struct {
	login   broker.Login
	step    broker.Step
	err     error
	calls   []string
	contact *providers.Contact

	mine     broker.Mine
	live     bool
	departed broker.Departed

	away broker.TurnedAway
	held broker.HeldElsewhere

	queueing broker.Queueing
}

func (f *fake) flow() Flow {
	return Flow{
		Resume: func(_ http.ResponseWriter, _ *http.Request, sealed string) (broker.Login, error) {
			f.calls = append(f.calls, "resume "+sealed)
			return f.login, f.err
		},
		Begin: func(_ http.ResponseWriter, _ *http.Request, sealed, provider string, c *providers.Contact) (broker.Step, error) {
			f.calls, f.contact = append(f.calls, "begin "+sealed+" "+provider), c
			return f.step, f.err
		},
		Continue: func(_ http.ResponseWriter, _ *http.Request, sealed string) (broker.Step, error) {
			f.calls = append(f.calls, "continue "+sealed)
			return f.step, f.err
		},
		Finish: func(_ http.ResponseWriter, r *http.Request, provider string) (broker.Step, error) {
			f.calls = append(f.calls, "finish "+r.Method+" "+provider)
			return f.step, f.err
		},
		Waiting: func(_ http.ResponseWriter, _ *http.Request, journey string) (broker.Step, error) {
			f.calls = append(f.calls, "waiting "+journey)
			return f.step, f.err
		},
		Leave: func(_ http.ResponseWriter, _ *http.Request, journey string) (broker.Step, error) {
			f.calls = append(f.calls, "leave "+journey)
			return f.step, f.err
		},
		Resend: func(_ http.ResponseWriter, _ *http.Request, journey string) (broker.Step, error) {
			f.calls = append(f.calls, "resend "+journey)
			return f.step, f.err
		},
		Decline: func(_ http.ResponseWriter, _ *http.Request, sealed string) (broker.Step, error) {
			f.calls = append(f.calls, "decline "+sealed)
			return f.step, f.err
		},
		Mine: func(_ http.ResponseWriter, _ *http.Request) (broker.Mine, bool, error) {
			return f.mine, f.live, f.err
		},
		EndMine: func(_ http.ResponseWriter, _ *http.Request, what, token string) (broker.Step, error) {
			f.calls = append(f.calls, "end "+what+" "+token)
			return f.step, f.err
		},
		Departed: func(_ *http.Request, front string) (broker.Departed, error) {
			f.calls = append(f.calls, "departed "+front)
			return f.departed, f.err
		},
		TurnedAway: func(_ *http.Request, sealed string) (broker.TurnedAway, error) {
			f.calls = append(f.calls, "turned away "+sealed)
			return f.away, f.err
		},
		Elsewhere: func(_ *http.Request, sealed string) (broker.HeldElsewhere, error) {
			f.calls = append(f.calls, "elsewhere "+sealed)
			return f.held, f.err
		},
		ElsewhereBack: func(_ http.ResponseWriter, _ *http.Request, sealed string) (broker.Step, error) {
			f.calls = append(f.calls, "elsewhere back "+sealed)
			return f.step, f.err
		},
		Queue: func(_ http.ResponseWriter, _ *http.Request, sealed string) (broker.Queueing, error) {
			f.calls = append(f.calls, "queue "+sealed)
			return f.queueing, f.err
		},
		VerifyEarly: func(_ http.ResponseWriter, _ *http.Request, sealed string) (broker.Step, error) {
			f.calls = append(f.calls, "early "+sealed)
			return f.step, f.err
		},
		TurnBack: func(_ http.ResponseWriter, _ *http.Request, sealed string) (broker.Step, error) {
			f.calls = append(f.calls, "turn back "+sealed)
			return f.step, f.err
		},
	}
}

func someRoutes() []providers.Info {
	return []providers.Info{
		{ID: "naver", Name: providers.Text{KO: "네이버", EN: "Naver"}, Shape: providers.Redirect, Origin: "https://nid.naver.test"},
		{ID: "kakao", Name: providers.Text{KO: "카카오", EN: "Kakao"}, Shape: providers.Redirect, Origin: "https://kauth.kakao.test https://accounts.kakao.test"},
		{ID: "toss", Name: providers.Text{KO: "토스", EN: "Toss"}, Shape: providers.Push},
	}
}

func someLogin() broker.Login {
	return broker.Login{
		Sealed: "sealed-r_1", Ref: "REF12345", Expires: noon.Add(20 * time.Minute), Seed: "seed", Routes: someRoutes(),
		Site: broker.Site{
			ID: "booking", Name: providers.Text{KO: "한빛 예약", EN: "Hanbit Booking"},
			Origin: "https://booking.test", Start: "https://booking.test/login",
		},
	}
}

func status(id string, l signal.Light) signal.Status {
	return signal.Status{
		ID: id, Light: l, Measured: true, Share: 0.3,
		Reason: signal.Reason{Code: "why", Text: signal.Text{KO: id + " 이유", EN: id + " reason"}},
	}
}

func boardOf(all ...signal.Status) func() signal.Board {
	return func() signal.Board { return signal.Board{Seq: 1, At: noon, Providers: all} }
}

func allGreen() func() signal.Board {
	return boardOf(status("naver", signal.Green), status("kakao", signal.Green), status("toss", signal.Green))
}

func newWeb(t *testing.T, f *fake, change func(*Config)) http.Handler {
	t.Helper()
	cfg := Config{Flow: f.flow(), Board: allGreen(), Now: func() time.Time { return noon }}
	if change != nil {
		change(&cfg)
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w.Handler()
}

// get asks for a page as a Korean browser does.
func get(h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Accept-Language", "ko-KR,ko;q=0.9")
	return do(h, r, header)
}

func post(h http.Handler, target string, form url.Values, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(h, r, header)
}

func do(h http.Handler, r *http.Request, header []string) *httptest.ResponseRecorder {
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// node finds the elements of a parsed page that match.
func nodes(t *testing.T, body string, match func(*html.Node) bool) []*html.Node {
	t.Helper()
	root, err := html.ParseWithOptions(strings.NewReader(body), html.ParseOptionEnableScripting(false))
	if err != nil {
		t.Fatal(err)
	}
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && match(n) {
			found = append(found, n)
		}
	}
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func byID(t *testing.T, body, id string) *html.Node {
	t.Helper()
	found := nodes(t, body, func(n *html.Node) bool { return attr(n, "id") == id })
	if len(found) != 1 {
		t.Fatalf("got %d elements with id %q, want 1", len(found), id)
	}
	return found[0]
}

func TestNewRefusesAFlowWithHoles(t *testing.T) {
	flow := (&fake{}).flow()
	flow.Finish = nil
	if _, err := New(Config{Flow: flow}); err == nil {
		t.Error("got no error, want one that names the flow")
	}
}

func TestEachRouteCallsOneStepAndAnswersIt(t *testing.T) {
	away := broker.Step{Redirect: "https://nid.naver.test/authorize?x=a%2Fb//c"}
	push := url.Values{"r": {"R"}, "name": {" 홍 길동 "}, "birthdate": {"1990-05-12"}, "phone": {"010-0000-0000"}}
	tests := map[string]struct {
		method, target string
		form           url.Values
		call           string
	}{
		"a redirect route is begun":         {"POST", "/login/naver", url.Values{"r": {"R"}}, "begin R naver"},
		"a push route is begun":             {"POST", "/login/toss", push, "begin R toss"},
		"a session is continued":            {"POST", "/login/continue", url.Values{"r": {"R"}}, "continue R"},
		"a callback is finished":            {"GET", "/callback/kakao?code=c", nil, "finish GET kakao"},
		"a posted callback is finished":     {"POST", "/callback/kakao", url.Values{"code": {"c"}}, "finish POST kakao"},
		"a wait is looked at":               {"GET", "/wait/j1", nil, "waiting j1"},
		"a wait is left":                    {"POST", "/wait/j1/leave", nil, "leave j1"},
		"an unknown provider is not judged": {"POST", "/login/nobody", url.Values{"r": {"R"}}, "begin R nobody"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{login: someLogin(), step: away}
			h := newWeb(t, f, nil)
			w := get(h, tc.target)
			if tc.method == "POST" {
				f.calls = nil
				w = post(h, tc.target, tc.form)
			}
			if got := strings.Join(f.calls, ","); got != tc.call {
				t.Errorf("got call %q, want %q", got, tc.call)
			}
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != away.Redirect {
				t.Errorf("got %d to %q, want 303 to %q", w.Code, w.Header().Get("Location"), away.Redirect)
			}
			if tc.target == "/login/toss" && *f.contact != (providers.Contact{Name: "홍 길동", Birthdate: "19900512", Phone: "01000000000"}) {
				t.Errorf("got contact %+v, want it tidied", *f.contact)
			}
			if tc.target == "/login/naver" && f.contact != nil {
				t.Errorf("got contact %+v, want none for a redirect", *f.contact)
			}
		})
	}
}

func TestEveryFailureOfAStepBecomesAPage(t *testing.T) {
	tests := map[string]struct {
		err    error
		status int
		want   string
	}{
		"a problem":               {&broker.Problem{Status: 403, Code: broker.ProblemMismatch, Ref: "MYREF"}, 403, "MYREF"},
		"a wrapped problem":       {errors.Join(&broker.Problem{Status: 503, Code: broker.ProblemStore, Ref: "MYREF"}), 503, "MYREF"},
		"an error of no kind":     {errors.New("secret cause"), 500, "저희 쪽에서 문제가 생겼습니다"},
		"a problem without words": {&broker.Problem{Status: 0, Code: "never heard of"}, 500, "저희 쪽에서 문제가 생겼습니다"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := newWeb(t, &fake{err: tc.err}, nil)
			for _, w := range []*httptest.ResponseRecorder{
				get(h, "/login?r=x"), get(h, "/callback/naver"), get(h, "/wait/j"),
				post(h, "/login/naver", url.Values{"r": {"x"}}), post(h, "/login/continue", nil), post(h, "/wait/j/leave", nil),
			} {
				if w.Code != tc.status {
					t.Errorf("got %d, want %d", w.Code, tc.status)
				}
				if tc.want == "MYREF" && !strings.Contains(w.Body.String(), tc.want) {
					t.Errorf("got a page without the reference")
				}
				if strings.Contains(w.Body.String(), "secret cause") {
					t.Error("got the cause on the page, want it in the log only")
				}
			}
		})
	}
}

func TestAStepThatDecidesNothingIsInternal(t *testing.T) {
	h := newWeb(t, &fake{}, nil)
	for _, target := range []string{"/callback/naver", "/wait/j", "/wait/j/state"} {
		if w := get(h, target); w.Code != http.StatusInternalServerError {
			t.Errorf("%s: got %d, want 500", target, w.Code)
		}
	}
}

// httptestRequest asks for the chooser with a raw query of any bytes.
func httptestRequest(query string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/login", nil)
	r.URL.RawQuery = query
	return r
}
