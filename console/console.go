// Package console is what the people who run the broker see: every provider's
// light with its numbers and why, the last hours, the operators' words and who
// said them. It renders what signal measured and operator keeps, in Korean and
// English side by side, with or without JavaScript, and stands on a listener of
// its own. It decides nothing about lights, and citizens never meet it.
package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"sinho/operator"
	"sinho/providers/guard"
	"sinho/seal"
	"sinho/signal"
	"sinho/signal/live"
)

//go:embed templates static
var files embed.FS

// Lights are what is measured. The functions must not block.
type Lights struct {
	Board    func() signal.Board
	Insights func() []live.Insight
	// Minutes of a provider, both ends in Unix minutes, oldest first.
	Minutes func(provider string, first, last int64) []signal.Minute
	Rules   signal.Rules
	// Hours and Past are what the store has of a provider, in Unix hours and Unix
	// minutes, both ends in it, oldest first. Nil: there is no page of it. They may
	// wait for the store.
	Hours func(ctx context.Context, provider string, first, last int64) ([]signal.Hour, error)
	Past  func(ctx context.Context, provider string, first, last int64) ([]signal.Recorded, error)
	// Guard is what this node keeps from a provider; nil where nothing is guarded.
	Guard func(provider string) (r guard.Reading, most int)
}

// Config of a Console. Desk, Lights, Ring, Origin and one way to sign in are
// needed.
type Config struct {
	Desk   *operator.Desk
	Lights Lights
	Ways   Ways
	Ring   *seal.Ring // seals the cookies
	// Origin by which browsers reach the console: scheme, host and port. Cookies
	// are Secure and __Host- when it is https.
	Origin string
	// Session is how long a sign-in lasts; 0 is 8 h.
	Session time.Duration
	// Readers may read the history with a token, and nothing else.
	Readers []operator.TokenHash
	// Sites says how telling sites of log-outs goes; nil: nobody is told here.
	Sites func(context.Context) (Sites, error)
	// Devices are the locks of sites that hold people to one device; nil: there are none.
	Devices *Devices
	Rooms   *Rooms         // nil: there is no waiting room
	Zone    *time.Location // of the times shown; nil: UTC
	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

// Console renders the pages. It is safe for concurrent use.
type Console struct {
	cfg      Config
	secure   bool
	sessions *seal.Box
	trips    *seal.Box // sign-ins under way at the organisation's provider
	pages    map[string]*template.Template
	assets   map[string]asset
	limits   *limiter
	// references bounds the references an operator tries, by name.
	references *limiter
	watchers   chan struct{} // a place each
	once       sync.Once
	done       chan struct{} // closed when no page is kept live any more
}

// mostWatchers is how many pages are kept live at a time.
const mostWatchers = 64

// New parses the templates and reports what is missing.
func New(cfg Config) (*Console, error) {
	if cfg.Desk == nil || cfg.Ring == nil || cfg.Origin == "" || cfg.Lights.Board == nil || cfg.Lights.Insights == nil || cfg.Lights.Minutes == nil {
		return nil, errors.New("new console: Config is incomplete")
	}
	if !cfg.Ways.any() {
		return nil, errors.New("new console: nobody could sign in")
	}
	if cfg.Rooms != nil && cfg.Rooms.All == nil {
		return nil, errors.New("new console: Rooms is incomplete")
	}
	if cfg.Session == 0 {
		cfg.Session = 8 * time.Hour
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, fmt.Errorf("new console: %w", err)
	}
	c := &Console{
		cfg: cfg, secure: strings.HasPrefix(cfg.Origin, "https://"), assets: assets, pages: map[string]*template.Template{},
		sessions: cfg.Ring.Box("console session"), trips: cfg.Ring.Box("console sign-in"),
		limits: newLimiter(cfg.Now), references: newLimiter(cfg.Now), watchers: make(chan struct{}, mostWatchers), done: make(chan struct{}),
	}
	for _, name := range []string{"signin", "board", "provider", "history", "audit", "sites", "devices", "rooms", "room", "problem"} {
		t, err := template.New("layout.html").Funcs(c.funcs()).
			ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("new console: %w", err)
		}
		c.pages[name] = t
	}
	return c, nil
}

// Close ends the pages that are kept live; their browsers come again.
func (c *Console) Close() { c.once.Do(func() { close(c.done) }) }

// Handler serves the console. Forms from other sites are refused.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sign-in", c.signInPage)
	mux.HandleFunc("POST /sign-in", c.signIn)
	mux.HandleFunc("POST /sign-in/provider", c.depart)
	mux.HandleFunc("GET /callback", c.arrive)
	mux.HandleFunc("POST /sign-out", c.signOut)
	mux.HandleFunc("GET /{$}", c.signedIn(c.board))
	mux.HandleFunc("GET /providers/{id}", c.signedIn(c.provider))
	mux.HandleFunc("POST /providers/{id}/word", c.signedIn(c.change))
	mux.HandleFunc("GET /audit", c.signedIn(c.audit))
	if c.cfg.Sites != nil {
		mux.HandleFunc("GET /sites", c.signedIn(c.sites))
	}
	if c.cfg.Rooms != nil {
		mux.HandleFunc("GET /rooms", c.signedIn(c.roomsPage))
		mux.HandleFunc("GET /rooms/{name}", c.signedIn(c.roomPage))
		mux.HandleFunc("POST /rooms/{name}/order", c.signedIn(c.order))
	}
	if c.cfg.Devices != nil {
		mux.HandleFunc("GET /devices", c.signedIn(c.devices))
		mux.HandleFunc("POST /devices", c.signedIn(c.release))
	}
	if c.keepsHistory() {
		mux.HandleFunc("GET /history", c.signedIn(c.historyPage))
		mux.HandleFunc("GET /api/history.csv", c.export(true))
		mux.HandleFunc("GET /api/history", c.export(false))
	}
	mux.HandleFunc("GET /ws", c.watch)
	mux.HandleFunc("GET /static/{file}", c.static)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { c.problem(w, r, http.StatusNotFound, problemNotFound) })

	guard := http.NewCrossOriginProtection()
	if err := guard.AddTrustedOrigin(c.cfg.Origin); err != nil {
		c.cfg.Log.Error("console: own origin", "error", err)
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.problem(w, r, http.StatusForbidden, problemCrossSite)
	}))
	return c.headers(guard.Handler(mux))
}

func (c *Console) headers(next http.Handler) http.Handler {
	// Chromium applies form-action to the redirect that follows a POST.
	policy := "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if c.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		next.ServeHTTP(w, r)
	})
}

// frame is what every page has.
type frame struct {
	Title    signal.Text
	By, How  string // who is signed in, "" for nobody
	At       string // address of this page, for refreshing without JavaScript
	Here     string // which part of the menu
	Live     string // address of the WebSocket, "" when the page is not live
	Lost     time.Time
	Blind    bool
	Telling  bool // there is a page of sites
	Past     bool // there is a page of history
	Locks    bool // there is a page of devices
	HasRooms bool // there are pages of rooms
	Shut     []closedRoom
	Version  string
}

func (c *Console) frame(r *http.Request, v visitor, here string, ko, en string) frame {
	return frame{
		Title: signal.Text{KO: ko, EN: en}, By: v.By, How: v.How, At: r.URL.RequestURI(), Here: here,
		Lost: c.cfg.Desk.Lost(), Blind: v.blind, Telling: c.cfg.Sites != nil, Locks: c.cfg.Devices != nil, Past: c.keepsHistory(), Version: c.cfg.Version,
		HasRooms: c.cfg.Rooms != nil, Shut: c.closedRooms(),
	}
}

// render writes a page, or nothing but a plain 500 when its template fails.
func (c *Console) render(w http.ResponseWriter, name string, status int, view any) {
	var buf bytes.Buffer
	if err := c.pages[name].Execute(&buf, view); err != nil {
		c.cfg.Log.Error("render console page", "page", name, "error", err)
		http.Error(w, "화면을 만들지 못했습니다. The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes())
}

// What a page of its own says went wrong.
type trouble struct{ What, Do signal.Text }

var (
	problemNotFound  = trouble{signal.Text{KO: "없는 주소입니다", EN: "There is no such page"}, signal.Text{KO: "현황에서 다시 골라 주세요.", EN: "Please choose again on the board."}}
	problemProvider  = trouble{signal.Text{KO: "없는 인증기관입니다", EN: "There is no such provider"}, signal.Text{KO: "설정에서 빠졌을 수 있습니다. 현황에서 다시 골라 주세요.", EN: "It may have left the configuration. Please choose again on the board."}}
	problemRoom      = trouble{signal.Text{KO: "없는 대기실입니다", EN: "There is no such room"}, signal.Text{KO: "설정에서 빠졌을 수 있습니다. 대기실 목록에서 다시 골라 주세요.", EN: "It may have left the configuration. Please choose again among the rooms."}}
	problemCrossSite = trouble{signal.Text{KO: "다른 사이트에서 보낸 버튼은 받지 않습니다", EN: "We take no button pressed on another site"}, signal.Text{KO: "아무것도 바뀌지 않았습니다. 이 화면에서 다시 눌러 주세요.", EN: "Nothing was changed. Please press it again on our own page."}}
	problemForm      = trouble{signal.Text{KO: "보낸 내용을 읽지 못했습니다", EN: "What was sent could not be read"}, signal.Text{KO: "아무것도 바뀌지 않았습니다. 이전 화면으로 돌아가 다시 보내 주세요.", EN: "Nothing was changed. Please go back and send it again."}}
	problemStore     = trouble{signal.Text{KO: "저장소에 닿지 않습니다", EN: "The store cannot be reached"}, signal.Text{KO: "마지막 요청은 반영되었을 수도, 아닐 수도 있습니다. 잠시 후 현황을 다시 보고 판단해 주세요. 이미 건 조치는 끝날 때까지 그대로입니다.", EN: "The last request may or may not have been taken: look at the board again in a moment. Words in force stay until they end."}}
	problemInternal  = trouble{signal.Text{KO: "저희 쪽에서 문제가 생겼습니다", EN: "Something went wrong on our side"}, signal.Text{KO: "로그를 봐 주세요.", EN: "Please look at the log."}}
)

type problemView struct {
	frame
	trouble

	To string // a way on, "" for the board
}

func (c *Console) problem(w http.ResponseWriter, r *http.Request, status int, t trouble) {
	v, _ := c.visitor(r)
	c.render(w, "problem", status, problemView{frame: c.frame(r, v, "", t.What.KO, t.What.EN), trouble: t})
}
