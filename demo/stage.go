package demo

import (
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Sim is one simulated provider as the stage knows it.
type Sim struct {
	ID string
	// KO and EN are its name until the board tells one.
	KO, EN string
	// URL is its origin; URL+"/control" is read and changed.
	URL string
}

// StageConfig says where everything is.
type StageConfig struct {
	// Broker is Sinho's origin, on which the stage itself stands.
	Broker string
	// Booking and School are the sites' origins, Console the operators' page;
	// an empty one is not shown.
	Booking, School, Console string
	Sims                     []Sim
	// Crowd may be nil: then nobody comes by himself.
	Crowd *Crowd
	// Twins may be nil: then the two lanes are not shown.
	Twins *Twins
	// Scene may be nil: then there is no button for it.
	Scene *Scene
	// Client reads the broker and the simulators; nil is one with a time-out of 3 s.
	Client *http.Client
	Log    *slog.Logger
	// Now is time.Now when nil.
	Now func() time.Time
}

// Stage is what a newcomer sees first: the lights, the people, and buttons that
// make things happen. It shows what it reads over HTTP and what the crowd
// counted, and scripts nothing.
type Stage struct {
	cfg   StageConfig
	pages *pages

	mu       sync.Mutex // guards all below
	seen     scene
	healthy  map[string]json.RawMessage // each simulator's control before anything was broken
	events   []Event
	lastSaid map[string]said
	judged   int // the last play of the twins whose sentence is in the log
}

// scene is what the stage has last read.
type scene struct {
	board   *board
	honesty *honesty
	faults  map[string][]string
	room    *roomFrame // of a scene; nil: not read
}

// NewStage makes the stage. Run keeps it looking; Handler works without.
func NewStage(cfg StageConfig) (*Stage, error) {
	if cfg.Broker == "" {
		return nil, errors.New("stage: no broker")
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 3 * time.Second, Transport: SharedTransport()}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p, err := newPages("stage", "신호", "Sinho", template.FuncMap{"light": lightOf}, "stage")
	if err != nil {
		return nil, err
	}
	return &Stage{
		cfg: cfg, pages: p, seen: scene{faults: map[string][]string{}},
		healthy: map[string]json.RawMessage{}, lastSaid: map[string]said{},
	}, nil
}

// Handler serves "/" and "/stage/…" on the broker's origin.
func (s *Stage) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /stage/state", s.state)
	mux.HandleFunc("POST /stage/storm", s.act(s.storm))
	mux.HandleFunc("POST /stage/scene", s.act(s.begin))
	mux.HandleFunc("POST /stage/break", s.act(s.breakIt))
	mux.HandleFunc("POST /stage/recover", s.act(s.recoverAll))
	mux.Handle("GET /stage/static/", s.pages.static("/stage/static/", "stage"))
	guarded := http.NewCrossOriginProtection().Handler(mux)
	socket := "ws" + strings.TrimPrefix(origin(s.cfg.Broker), "http")
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' " + socket +
		"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		guarded.ServeHTTP(w, r)
	})
}

// Run looks at the broker and the simulators every second until ctx ends, and
// notes what changed. It returns nil when ctx ended it.
func (s *Stage) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.look(ctx)
		s.judge()
		select {
		case <-tick.C:
		case <-ctx.Done():
			if t, ok := s.cfg.Client.Transport.(*http.Transport); ok {
				t.CloseIdleConnections()
			}
			return nil
		}
	}
}

// act runs a button: 303 back to the stage, or 204 for a script.
func (s *Stage) act(do func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		script := strings.Contains(r.Header.Get("Accept"), "application/json")
		if err := do(r); err != nil {
			status := http.StatusBadGateway
			if errors.Is(err, errUnknownFault) {
				status = http.StatusBadRequest
			}
			s.cfg.Log.WarnContext(r.Context(), "stage button failed", "path", r.URL.Path, "error", err)
			http.Error(w, "하지 못했습니다. Could not be done: "+err.Error(), status)
			return
		}
		if script {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

func (s *Stage) storm(*http.Request) error {
	crowd := s.crowd()
	if crowd == nil {
		return errors.New("there is no crowd")
	}
	crowd.Storm()
	s.pressTwins("", "storm")
	s.say(Event{Kind: "act", KO: "폭주 시작: 20:00처럼 사람이 몰립니다", EN: "Storm: people arrive as at 20:00"})
	return nil
}

// link is an address of the page's foot.
type link struct{ ID, KO, EN, URL string }

func (s *Stage) links() []link {
	var out []link
	for _, l := range []link{
		{"booking", BookingKO, BookingEN, s.cfg.Booking},
		{"school", SchoolKO, SchoolEN, s.cfg.School},
		{"console", "운영자 화면", "Operator console", s.cfg.Console},
	} {
		if l.URL != "" {
			out = append(out, l)
		}
	}
	return out
}
