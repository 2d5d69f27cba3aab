// Package web is what a citizen sees: the chooser with its lights, the page
// that waits for a phone, the problem pages and the page after logging out. It
// renders what broker decided and signal measured, in Korean and English, with
// or without JavaScript. It decides nothing itself and keeps nothing: no state
// of a login, no session, only two cookies of the device's: its language, and
// which certificates are on it.
package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"sinho/broker"
	"sinho/lobby/hall"
	"sinho/providers"
	"sinho/signal"
)

//go:embed templates static embed
var files embed.FS

// Flow is the broker as the pages need it; the fields have the contracts of
// the methods of broker.Broker with the same names. Every error is, or wraps, a
// *broker.Problem; anything else is shown as an internal one.
type Flow struct {
	Resume   func(w http.ResponseWriter, r *http.Request, sealed string) (broker.Login, error)
	Begin    func(w http.ResponseWriter, r *http.Request, sealed, provider string, c *providers.Contact) (broker.Step, error)
	Continue func(w http.ResponseWriter, r *http.Request, sealed string) (broker.Step, error)
	Finish   func(w http.ResponseWriter, r *http.Request, provider string) (broker.Step, error)
	Waiting  func(w http.ResponseWriter, r *http.Request, journey string) (broker.Step, error)
	Leave    func(w http.ResponseWriter, r *http.Request, journey string) (broker.Step, error)
	Resend   func(w http.ResponseWriter, r *http.Request, journey string) (broker.Step, error)
	Decline  func(w http.ResponseWriter, r *http.Request, sealed string) (broker.Step, error)
	Mine     func(w http.ResponseWriter, r *http.Request) (m broker.Mine, live bool, err error)
	EndMine  func(w http.ResponseWriter, r *http.Request, what, token string) (broker.Step, error)
	Departed func(r *http.Request, front string) (broker.Departed, error)

	TurnedAway func(r *http.Request, sealed string) (broker.TurnedAway, error)
	TurnBack   func(w http.ResponseWriter, r *http.Request, sealed string) (broker.Step, error)

	Elsewhere     func(r *http.Request, sealed string) (broker.HeldElsewhere, error)
	ElsewhereBack func(w http.ResponseWriter, r *http.Request, sealed string) (broker.Step, error)

	// Queue and VerifyEarly are needed where Config.Seat is set.
	Queue       func(w http.ResponseWriter, r *http.Request, sealed string) (broker.Queueing, error)
	VerifyEarly func(w http.ResponseWriter, r *http.Request, sealed string) (broker.Step, error)
}

// Config is everything the pages depend on. Flow must be complete; the rest
// may be zero.
type Config struct {
	Flow Flow
	// Board is the lights as everybody sees them now. It must not block. Nil, or
	// a board that lacks a provider, shows it as not yet measured.
	Board func() signal.Board
	// Seat is the place of one browser in the waiting room; it may set cookies on w.
	// The error is, or wraps, hall.ErrNoRoom where there is nothing to wait for. Nil:
	// there is no waiting room.
	Seat func(w http.ResponseWriter, r *http.Request, e broker.Entrance) (hall.Seat, error)
	Log  *slog.Logger
	// Noted says by which 문의번호 a problem of the request of ctx was shown (nil:
	// nobody asks).
	Noted func(ctx context.Context, ref string)
	// DemoContact prefills the push forms, with a note that says so.
	DemoContact *providers.Contact
	// Version of the program, shown small at the foot of each page.
	Version string
	// Origin is the issuer: forms from it are our own, whatever name a proxy in
	// front gives us. Empty: the Host header alone says.
	Origin string
	// Secure marks the language cookie Secure: set it when the issuer is https.
	Secure bool
	// Now is the clock (nil: time.Now).
	Now func() time.Time
}

// Web renders the pages. It is safe for concurrent use.
type Web struct {
	cfg    Config
	words  words
	pages  map[string]*template.Template
	assets map[string]asset
	script []byte // lights.js
	kept   *kept
	calls  map[string]string // what the waiting room's script says, by language
}

// New parses the templates and reports the first thing missing.
func New(cfg Config) (*Web, error) {
	f := cfg.Flow
	if f.Resume == nil || f.Begin == nil || f.Continue == nil || f.Finish == nil || f.Waiting == nil || f.Leave == nil ||
		f.Resend == nil || f.Decline == nil || f.Mine == nil || f.EndMine == nil || f.Departed == nil ||
		f.TurnedAway == nil || f.TurnBack == nil || f.Elsewhere == nil || f.ElsewhereBack == nil {
		return nil, errors.New("new web: Config.Flow is incomplete")
	}
	if cfg.Seat != nil && (f.Queue == nil || f.VerifyEarly == nil) {
		return nil, errors.New("new web: Config.Flow has no waiting room, and Config.Seat is set")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Board == nil {
		cfg.Board = func() signal.Board { return signal.Board{} }
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, fmt.Errorf("new web: %w", err)
	}
	w := &Web{cfg: cfg, words: dictionary(), pages: map[string]*template.Template{}, assets: assets, kept: newKept()}
	w.calls = map[string]string{}
	for lang, other := range map[string]string{"ko": "en", "en": "ko"} {
		w.calls[lang] = page{words: w.words, Lang: lang, Other: other}.queueWords()
	}
	if w.script, err = lightsScript(w.words); err != nil {
		return nil, fmt.Errorf("new web: %w", err)
	}
	for _, name := range []string{"chooser", "wait", "problem", "out", "mine", "post", "turn", "device", "queue"} {
		t, err := template.New("layout.html").
			Funcs(template.FuncMap{"asset": w.assetURL, "version": func() string { return cfg.Version }}).
			ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("new web: %w", err)
		}
		w.pages[name] = t
	}
	return w, nil
}

// Handler serves the pages' routes: /login, /callback/, /wait/, /certificates, /queue, /turn, /device, /sessions,
// /logged-out, /static/ and, for other sites' pages, /embed/; everything else under it is a 404 page. Forms from other sites
// are refused, form_post callbacks apart.
func (web *Web) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", web.login)
	mux.HandleFunc("POST /login/{provider}", web.begin)
	mux.HandleFunc("POST /login/continue", web.proceed)
	mux.HandleFunc("POST /login/decline", web.decline)
	mux.HandleFunc("POST /certificates", web.certificates)
	mux.HandleFunc("GET /queue", web.queue)
	mux.HandleFunc("POST /queue/early", web.early)
	mux.HandleFunc("GET /turn", web.turn)
	mux.HandleFunc("POST /turn", web.away(web.cfg.Flow.TurnBack))
	mux.HandleFunc("GET /device", web.device)
	mux.HandleFunc("POST /device", web.away(web.cfg.Flow.ElsewhereBack))
	mux.HandleFunc("GET /sessions", web.mine)
	mux.HandleFunc("POST /sessions/{what}", web.endMine)
	mux.HandleFunc("GET /callback/{provider}", web.callback)
	mux.HandleFunc("POST /callback/{provider}", web.callback)
	mux.HandleFunc("GET /wait/{journey}", web.wait)
	mux.HandleFunc("GET /wait/{journey}/state", web.waitState)
	mux.HandleFunc("POST /wait/{journey}/leave", web.leave)
	mux.HandleFunc("POST /wait/{journey}/resend", web.resend)
	mux.HandleFunc("GET /logged-out", web.loggedOut)
	mux.HandleFunc("GET /static/{file}", web.static)
	mux.HandleFunc("GET /embed/lights.js", web.lights)
	mux.HandleFunc("GET /embed/badge.svg", web.badge)
	mux.HandleFunc("GET /embed/badge/{file}", web.badge)

	// HEAD is for whoever previews links; these paths finish logins.
	mux.HandleFunc("HEAD /callback/{provider}", web.only("GET, POST"))
	mux.HandleFunc("HEAD /wait/{journey}", web.only("GET"))
	mux.HandleFunc("HEAD /wait/{journey}/state", web.only("GET"))
	mux.HandleFunc("/login", web.only("GET, HEAD"))
	mux.HandleFunc("/login/{provider}", web.only("POST"))
	mux.HandleFunc("/callback/{provider}", web.only("GET, POST"))
	mux.HandleFunc("/wait/{journey}", web.only("GET"))
	mux.HandleFunc("/wait/{journey}/state", web.only("GET"))
	mux.HandleFunc("/wait/{journey}/leave", web.only("POST"))
	mux.HandleFunc("/wait/{journey}/resend", web.only("POST"))
	mux.HandleFunc("/certificates", web.only("POST"))
	mux.HandleFunc("HEAD /queue", web.only("GET")) // a GET gives out a number
	mux.HandleFunc("/queue", web.only("GET"))
	mux.HandleFunc("/queue/early", web.only("POST"))
	mux.HandleFunc("/turn", web.only("GET, HEAD, POST"))
	mux.HandleFunc("/device", web.only("GET, HEAD, POST"))
	mux.HandleFunc("/sessions", web.only("GET, HEAD"))
	mux.HandleFunc("/sessions/{what}", web.only("POST"))
	mux.HandleFunc("/logged-out", web.only("GET, HEAD"))
	mux.HandleFunc("/static/{file}", web.only("GET, HEAD"))
	mux.HandleFunc("/embed/lights.js", web.only("GET, HEAD"))
	mux.HandleFunc("/embed/badge.svg", web.only("GET, HEAD"))
	mux.HandleFunc("/embed/badge/{file}", web.only("GET, HEAD"))
	mux.HandleFunc("/", web.notFound)

	guard := http.NewCrossOriginProtection()
	if web.cfg.Origin != "" {
		if err := guard.AddTrustedOrigin(web.cfg.Origin); err != nil {
			web.cfg.Log.Error("web: own origin", "error", err)
		}
	}
	guard.AddInsecureBypassPattern("POST /callback/{provider}")
	guard.SetDenyHandler(http.HandlerFunc(web.crossSite))
	return headers(guard.Handler(mux))
}

// render writes a page, or nothing but a plain 500 when its template fails.
func (web *Web) render(w http.ResponseWriter, name string, status int, view any) {
	var buf bytes.Buffer
	if err := web.pages[name].Execute(&buf, view); err != nil {
		web.cfg.Log.Error("render page", "page", name, "error", err)
		http.Error(w, "잠시 후 다시 시도해 주세요. Please try again in a moment.", http.StatusInternalServerError)
		return
	}
	web.send(w, status, buf.Bytes())
}

func (web *Web) send(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// step answers with what broker decided. Cookies are on w already.
func (web *Web) step(w http.ResponseWriter, r *http.Request, s broker.Step, err error) {
	switch {
	case err != nil:
		web.fail(w, r, err)
	case s.Redirect != "":
		web.proved(w, r, s)
		seeOther(w, s.Redirect)
	case s.Wait != nil:
		web.showWait(w, r, s.Wait)
	case s.Post != nil:
		web.proved(w, r, s)
		web.Post(w, r, s.Post)
	default:
		web.fail(w, r, errors.New("broker decided nothing"))
	}
}

// seeOther answers 303 without a body; http.Redirect would rewrite the paths of
// what broker has checked already.
func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
