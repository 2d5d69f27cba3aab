package console

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sinho/operator"
	"sinho/seal"
	"sinho/signal"
	"sinho/signal/live"
	"sinho/store"
	"sinho/store/embedded"
)

// room is a console over a real store and real lights that nobody measures.
type room struct {
	t      *testing.T
	store  *away
	desk   *operator.Desk
	lights *live.Live
	now    atomic.Int64 // added to the clock
	told   Sites
	past   map[string][]signal.Hour // by provider; nil: what the store has
	halls  []Room                   // waiting rooms; orders are laid over them
	tape   *Tape
	locks  locks
	*Console
	server *httptest.Server
}

// away is a store that can be gone.
type away struct {
	store.Store
	gone atomic.Bool
}

func (a *away) Read(ctx context.Context, shard store.Shard, key string) ([]byte, error) {
	if a.gone.Load() {
		return nil, fmt.Errorf("test: %w", store.ErrUnavailable)
	}
	return a.Store.Read(ctx, shard, key)
}

func (a *away) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	if a.gone.Load() {
		return nil, fmt.Errorf("test: %w", store.ErrUnavailable)
	}
	return a.Store.ReadAll(ctx, shard, keys...)
}

const secret = "올바른 말 배터리 스테이플"

var hashed = func() operator.Hash {
	h, err := operator.NewHash(secret)
	if err != nil {
		panic(err)
	}
	return h
}()

func newRoom(t *testing.T, ways Ways) *room {
	t.Helper()
	s, err := embedded.Open(filepath.Join(t.TempDir(), "sinho.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r := &room{t: t, store: &away{Store: s}, tape: NewTape()}
	r.lights, err = live.New(live.Config{Providers: []live.Provider{
		{ID: "naver", Name: signal.Text{KO: "네이버", EN: "Naver"}, Capacity: 3},
		{ID: "kakao", Name: signal.Text{KO: "카카오", EN: "Kakao"}, Capacity: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.desk = operator.NewDesk(operator.Config{
		Store: r.store, Apply: r.lights.Override, Known: func(id string) bool { return r.lights.Light(id) != "" },
	})
	days := operator.NewChronicle(r.store, nil)
	ring, err := seal.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	r.server = httptest.NewUnstartedServer(nil)
	r.Console, err = New(Config{
		Desk: r.desk, Ways: ways, Ring: ring, Origin: "http://" + r.server.Listener.Addr().String(), Session: time.Hour,
		Lights: Lights{
			Board: r.lights.Board, Insights: r.lights.Insights, Minutes: days.Minutes, Rules: signal.DefaultRules(), Past: days.Past,
			Hours: func(ctx context.Context, id string, first, last int64) ([]signal.Hour, error) {
				if r.past == nil {
					return days.Hours(ctx, id, first, last)
				}
				return slices.DeleteFunc(slices.Clone(r.past[id]), func(h signal.Hour) bool { return h.At < first || h.At > last }), nil
			},
		},
		Sites: func(context.Context) (Sites, error) {
			if r.store.gone.Load() {
				return Sites{}, store.ErrUnavailable
			}
			return r.told, nil
		},
		Rooms:   &Rooms{All: r.ordered, Tape: r.tape, Load: func() (float64, float64) { return 40, 14 }},
		Devices: &Devices{HeldBy: r.locks.heldBy, Release: r.locks.release},
		Now:     func() time.Time { return time.Now().Add(time.Duration(r.now.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.server.Config.Handler = r.Handler()
	r.server.Start()
	t.Cleanup(func() { r.Close(); r.server.Close() })
	return r
}

func jimin() Ways { return Ways{Operators: []Operator{{Name: "jimin", Hash: hashed}}} }

// operatorBrowser is one person's browser.
type operatorBrowser struct {
	*room

	http *http.Client
}

func (r *room) browser() *operatorBrowser {
	jar, _ := cookiejar.New(nil)
	return &operatorBrowser{room: r, http: &http.Client{Jar: jar}}
}

type answer struct {
	status int
	at     string // path and query of the page that was shown
	body   string
	header http.Header
}

func (b *operatorBrowser) do(req *http.Request) answer {
	b.t.Helper()
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Request.URL.RequestURI(), string(body), resp.Header}
}

func (b *operatorBrowser) get(path string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.server.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

func (b *operatorBrowser) post(path string, pairs ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

// enter signs in as jimin.
func (b *operatorBrowser) enter() *operatorBrowser {
	b.t.Helper()
	if got := b.post("/sign-in", "name", "jimin", "password", secret, "next", "/"); got.status != http.StatusOK || got.at != "/" {
		b.t.Fatalf("sign in: got %d at %s:\n%s", got.status, got.at, got.body)
	}
	return b
}

func (a answer) says(t *testing.T, status int, parts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: got status %d, want %d", a.at, a.status, status)
	}
	for _, p := range parts {
		if !strings.Contains(a.body, p) {
			t.Errorf("%s does not say %q:\n%s", a.at, p, a.body)
		}
	}
}

// hidden is the value of a hidden field in a form.
func (a answer) hidden(t *testing.T, form, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(a.body, `id="`+form+`"`)
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(rest)
	if !found || m == nil {
		t.Fatalf("no field %s in form %s of:\n%s", name, form, a.body)
	}
	return m[1]
}

func (b *operatorBrowser) word(provider string, pairs ...string) answer {
	b.t.Helper()
	page := b.get("/providers/" + provider)
	all := []string{
		"id", page.hidden(b.t, "word", "id"), "seen", page.hidden(b.t, "word", "seen"),
		"do", "grey", "reason_ko", "점검 중", "reason_en", "Maintenance", "for", "30",
	}
	return b.post("/providers/"+provider+"/word", append(all, pairs...)...)
}

func TestAWordFromTheFormToTheLightsAndBack(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser().enter()
	b.word("kakao").says(t, http.StatusOK, "선택불가로 바꿨습니다", "점검 중", "Maintenance", "지금 되돌리기")
	w := r.desk.Word("kakao")
	if w.By != "jimin" || w.Disabled || w.Until.Sub(w.At) != 30*time.Minute || w.Reason.KO != "점검 중" {
		t.Errorf("got %+v, want jimin's grey for half an hour", w)
	}
	b.get("/").says(t, http.StatusOK, "운영자가 선택불가로", "측정으로는")
	b.word("kakao", "do", "disable", "for", "1440").says(t, http.StatusOK, "사용 중지했습니다", "운영자가 사용 중지")
	if !r.lights.Disabled("kakao") {
		t.Error("kakao is not disabled")
	}
	page := b.get("/providers/kakao")
	b.post("/providers/kakao/word", "do", "back", "id", page.hidden(t, "back", "id"), "seen", page.hidden(t, "back", "seen"), "reason_ko", "복구 확인").
		says(t, http.StatusOK, "되돌렸습니다")
	if r.desk.Word("kakao").ID != "" || r.lights.Disabled("kakao") {
		t.Error("the word is still in force")
	}
	b.get("/audit").says(t, http.StatusOK, "카카오 선택불가로", "카카오 사용 중지", "카카오 되돌림", "복구 확인", "점검 중", "jimin", "앞선 조치")
}

func TestEachMistakeOfAFormIsToldAndChangesNothing(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser().enter()
	long := strings.Repeat("가", 101)
	for _, tt := range []struct {
		name   string
		pairs  []string
		status int
		says   string
	}{
		{"no action", []string{"do", ""}, 422, "골라 주세요"},
		{"an invented action", []string{"do", "paint"}, 422, "골라 주세요"},
		{"no reason in Korean", []string{"reason_ko", " "}, 422, "한국어 사유를 적어 주세요"},
		{"no reason in English", []string{"reason_en", ""}, 422, "영어 사유를 적어 주세요"},
		{"a reason too long", []string{"reason_ko", long}, 422, "100자까지"},
		{"no time", []string{"for", ""}, 422, "언제까지인지"},
		{"a time out of range", []string{"for", "100000"}, 422, "언제까지인지"},
		{"a form without id", []string{"id", ""}, 422, "온전하지 않습니다"},
		{"a stale form", []string{"seen", "other"}, 409, "그사이 다른 운영자가"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := b.word("kakao", tt.pairs...)
			got.says(t, tt.status, tt.says, "반영하지 않았습니다")
			if keeps := strings.Contains(got.body, "Maintenance"); keeps == (tt.pairs[0] == "reason_en") {
				t.Error("what was right was not kept")
			}
		})
	}
	b.word("kakao", "reason_ko", `<script>alert("x")</script>`).says(t, http.StatusOK, "&lt;script&gt;")
	b.post("/providers/nobody/word", "do", "grey").says(t, http.StatusNotFound, "없는 인증기관입니다")
	b.get("/providers/nobody").says(t, http.StatusNotFound, "없는 인증기관입니다")
	all, _, err := r.desk.Trail(t.Context(), operator.Changes, 0)
	if err != nil || len(all) != 1 {
		t.Errorf("got %d entries (%v), want the one that was whole", len(all), err)
	}
}

func TestAttackCrossSiteRequestsToTheConsole(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser().enter()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+"/sign-out", nil)
	req.Header.Set("Origin", "https://evil.example")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	b.do(req).says(t, http.StatusForbidden, "다른 사이트")
	b.get("/").says(t, http.StatusOK, "카카오")
	header := http.Header{"Origin": {"https://evil.example"}}
	for _, c := range b.http.Jar.Cookies(mustParse(r.server.URL)) {
		header.Add("Cookie", c.String())
	}
	if conn, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(r.server.URL, "http")+"/ws?page=board", header); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a WebSocket from another site: got %v, %v, want it refused", conn, err)
	}
}

func TestWithoutTheStoreOperatorsLookAndDoNotAct(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser().enter()
	page := b.get("/providers/kakao")
	r.store.gone.Store(true)
	_ = r.desk.Look(t.Context())
	b.get("/").says(t, http.StatusOK, "저장소에 닿지 않습니다", "카카오")
	b.post("/providers/kakao/word", "id", page.hidden(t, "word", "id"), "do", "grey", "reason_ko", "a", "reason_en", "b", "for", "30").
		says(t, http.StatusServiceUnavailable, "저장소에 닿지 않습니다")
	b.get("/audit").says(t, http.StatusServiceUnavailable, "저장소에 닿지 않습니다")
	r.browser().post("/sign-in", "name", "jimin", "password", secret).says(t, http.StatusServiceUnavailable, "저장소")
	r.store.gone.Store(false)
	_ = r.desk.Look(t.Context())
	if got := b.get("/"); strings.Contains(got.body, "저장소에 닿지 않습니다") {
		t.Error("the store is back and the page says it is not")
	}
}

func TestALivePageIsToldOfAWordAtOnceAndEndsWithItsSession(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser().enter()
	header := http.Header{"Origin": {r.server.URL}}
	for _, c := range b.http.Jar.Cookies(mustParse(r.server.URL)) {
		header.Add("Cookie", c.String())
	}
	conn, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(r.server.URL, "http")+"/ws?page=provider&id=kakao&span=1h", header)
	if err != nil {
		t.Fatal(err, resp)
	}
	defer conn.Close()
	read := func(want string) {
		t.Helper()
		for {
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			_, body, err := conn.ReadMessage()
			if err != nil {
				t.Fatalf("waiting for %q: %v", want, err)
			}
			if strings.Contains(string(body), want) {
				return
			}
		}
	}
	read("카카오")
	b.word("kakao")
	read("지금 되돌리기")
	b.post("/sign-out")
	for {
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		if _, _, err = conn.ReadMessage(); err != nil {
			break
		}
	}
	if !websocket.IsCloseError(err, signedOut) {
		t.Errorf("got %v, want it closed as signed out", err)
	}
	if got := b.get("/ws?page=nothing&id=x"); got.status != http.StatusUnauthorized {
		t.Errorf("got %d after signing out, want 401", got.status)
	}
}

func TestPagesSayWhatOthersMayDoWithThem(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser().enter()
	got := b.get("/")
	for name, want := range map[string]string{
		"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	} {
		if !strings.Contains(got.header.Get(name), want) {
			t.Errorf("%s: got %q, want %q in it", name, got.header.Get(name), want)
		}
	}
	link := regexp.MustCompile(`/static/console\.css\?v=[0-9a-f]+`).FindString(got.body)
	if css := b.get(link); css.status != http.StatusOK || !strings.Contains(css.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: got %d %v", link, css.status, css.header)
	}
	b.get("/static/nothing.css").says(t, http.StatusNotFound)
	secure := &Console{cfg: r.cfg, secure: true}
	w := httptest.NewRecorder()
	secure.setCookie(w, "console", "x", time.Now().Add(time.Hour))
	if c := w.Header().Get("Set-Cookie"); !strings.HasPrefix(c, "__Host-sinho-console=") || !strings.Contains(c, "Secure") || !strings.Contains(c, "HttpOnly") {
		t.Errorf("got %q, want a __Host- cookie over https", c)
	}
}
