package main

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"

	"sinho/broker"
	"sinho/broker/client"
	"sinho/clock"
	"sinho/config"
	"sinho/console"
	"sinho/operator"
	"sinho/providers"
	"sinho/shed"
	"sinho/signal"
	"sinho/signal/live"
	"sinho/store"
	"sinho/web"
)

// This file and wire_demo.go are the only place where the parts meet: what every
// broker has and what a node of serve makes of it, then what a demo does.

// standing is where a node stands: in time, and among others.
type standing struct {
	clock *clock.Clock
	meet  func() live.Exchange // a seat among the others; nil: there are none
}

// newStanding is a node by itself, by this machine's clock.
func newStanding(log *slog.Logger) standing { return standing{clock: clock.New(machineClock(), log)} }

// lights are the measured providers, what bounds each, and the adapters by which
// they are probed.
type lights struct {
	*live.Live
	guards   guards
	adapters atomic.Pointer[[]providers.Provider]
}

// newLights measures what is watched; whoever is probed comes later, by use.
func newLights(watched []live.Provider, watchers int, at standing, log *slog.Logger) (*lights, error) {
	l := &lights{}
	l.use(nil)
	var ids []string
	for i := range watched {
		ids = append(ids, watched[i].ID)
		watched[i].Probes = func() []live.Probe { return l.probes(watched[i].ID) }
	}
	l.guards = newGuards(ids, at.clock.Now)
	cfg := live.Config{Providers: watched, MaxWatchers: watchers, Log: log, Now: at.clock.Now}
	if at.meet != nil {
		cfg.Exchange = at.meet()
	}
	var err error
	l.Live, err = live.New(cfg)
	return l, err
}

// use makes adapters the ones that are probed.
func (l *lights) use(adapters []providers.Provider) { l.adapters.Store(&adapters) }

func (l *lights) probes(id string) []live.Probe {
	var all []live.Probe
	for _, p := range *l.adapters.Load() {
		info := p.Info()
		if info.ID != id {
			continue
		}
		for _, probe := range info.Probes {
			all = append(all, live.Probe(probe))
		}
	}
	return all
}

// front is what people and sites meet: broker and pages.
type front struct {
	issuer   string
	clients  *client.Registry
	secrets  secrets
	store    store.Store
	adapters []providers.Provider // in the order in which they are shown
	lights   *lights
	clock    *clock.Clock
	rotas    timetables         // by name; nil: none
	rooms    *rooms             // nil: nobody waits
	pushes   [3]int             // a minute, by phone number, address and network; 0: the broker's own bounds
	contact  *providers.Contact // prefilled in push forms
	stage    http.Handler       // nil: none
	metrics  *metrics           // nil: none
	telling  *telling
	log      *slog.Logger
}

func newFront(f front) (http.Handler, *broker.Broker, error) {
	// Pages and broker know each other by functions alone, so the one that is
	// made first is told of the other through a variable.
	var pages *web.Web
	b, err := broker.New(broker.Config{
		Issuer: f.issuer, Clients: f.clients, Keys: f.secrets.keys, Ring: f.secrets.ring, Pepper: f.secrets.pepper,
		Store: f.store, Providers: f.adapters, Hooks: f.metrics.counting(f.lights.guards.contained(f.rotas.deciding(f.rooms.guarding(hooks(f.lights.Live, f.telling))))), Log: f.log,
		PushesPerMinute: f.pushes[0], PushesPerAddress: f.pushes[1], PushesPerNetwork: f.pushes[2],
		Now:  f.clock.Now,
		Page: func(w http.ResponseWriter, r *http.Request, p *broker.Problem) { pages.Problem(w, r, p) },
		Post: func(w http.ResponseWriter, r *http.Request, p *broker.FormPost) { pages.Post(w, r, p) },
	})
	if err != nil {
		return nil, nil, err
	}
	pages, err = web.New(web.Config{
		Flow: web.Flow{
			Resume: b.Resume, Begin: b.Begin, Continue: b.Continue,
			Finish: b.Finish, Waiting: b.Waiting, Leave: b.Leave, Resend: b.Resend,
			Decline: b.Decline, Mine: b.Mine, EndMine: b.EndMine, Departed: b.Departed,
			TurnedAway: b.TurnedAway, TurnBack: b.TurnBack,
			Elsewhere: b.Elsewhere, ElsewhereBack: b.ElsewhereBack,
			Queue: b.Queue, VerifyEarly: b.VerifyEarly,
		},
		Seat:  f.rooms.seating(),
		Board: f.lights.Board, Noted: func(ctx context.Context, ref string) { noteOn(ctx, ref, "") }, Log: f.log, Version: version, Now: f.clock.Now,
		DemoContact: f.contact, Origin: f.issuer, Secure: strings.HasPrefix(f.issuer, "https://"),
	})
	if err != nil {
		return nil, nil, err
	}
	feed, err := live.NewFeed(f.lights.Live, f.issuer, f.secrets.signFeed)
	if err != nil {
		return nil, nil, err
	}
	return brokerRoutes(b.Handler(), pages.Handler(), f.lights.Handler(), feed.Handler(), f.rooms.handler(), f.stage), b, nil
}

// brokerRoutes puts the rooms of the broker's listener side by side.
func brokerRoutes(op, pages, lights, feed, rooms, stage http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/authorize", "/par", "/token", "/introspect", "/revoke", "/userinfo", "/.well-known/", "/jwks", "/logout"} {
		mux.Handle(path, op)
	}
	for _, path := range []string{"/signal", "/signal/"} {
		mux.Handle(path, lights)
	}
	mux.Handle("/signal.jws", feed)
	if rooms != nil {
		mux.Handle("/rooms/", rooms)
	}
	if stage != nil {
		for _, path := range []string{"/{$}", "/stage/"} {
			mux.Handle(path, stage)
		}
	}
	mux.Handle("/", pages)
	return mux
}

// hooks let the lights see and admit the broker's journeys.
func hooks(l *live.Live, t *telling) broker.Hooks {
	return broker.Hooks{
		Tell:     t.tell,
		Admit:    l.Admit,
		Disabled: l.Disabled,
		Light:    l.Light,
		Started:  func(t broker.Trip) { l.Started(trip(t)) },
		Returned: func(t broker.Trip) { l.Returned(trip(t)) },
		Ended:    func(t broker.Trip) { l.Ended(trip(t)) },
		Noted:    noteOn,
	}
}

func trip(t broker.Trip) live.Trip {
	out := live.Trip{Provider: t.Provider, Light: t.Light, Began: t.Began, Returned: t.Returned, Ended: t.Ended}
	if t.Err != nil {
		out.Class, out.Colours, out.Seen = t.Err.Class.String(), t.Err.Colours(), t.Err.Seen
	}
	return out
}

// generation is what one configuration, with its keys, makes of a node:
// everything but the store, the pepper and the listeners, which stay.
type generation struct {
	cfg      *config.Config
	secrets  secrets
	identity *certificate // nil without TLS
	lights   *lights
	newborn  bool                 // the lights are not those of the generation before
	adapters []providers.Provider // without their terms
	clients  *client.Registry
	rooms    *rooms
	handler  http.Handler
	broker   *broker.Broker

	console   *console.Console // nil: none
	operators http.Handler     // what the console's listener answers
}

// outside is what outlives generations.
type outside struct {
	store   store.Store
	stands  standing
	metrics *metrics // nil: none
	traces  *traces  // nil: none
	telling *telling
	orders  func() map[string]operator.RoomOrder // of operators, for waiting rooms; nil: none
}

// nextGeneration makes what cfg says. Lights stay when the list of providers
// does, and so does every adapter whose settings are the same, with what it has
// learnt.
func nextGeneration(ctx context.Context, cfg *config.Config, before *generation, sec secrets, out outside, log *slog.Logger) (*generation, error) {
	g := &generation{cfg: cfg, secrets: sec}
	if wrong := unsignable(cfg, sec.keys); len(wrong) > 0 {
		return nil, wrong
	}
	var err error
	if g.identity, err = loadCertificate(cfg); err != nil {
		return nil, err
	}
	enabled := cfg.Enabled()
	watched := watchedProviders(cfg)
	if before != nil && reflect.DeepEqual(watched, watchedProviders(before.cfg)) {
		g.lights = before.lights
	} else {
		g.newborn = true
		if g.lights, err = newLights(watched, cfg.MaxWatchers, out.stands, log); err != nil {
			return nil, err
		}
	}
	g.adapters = make([]providers.Provider, len(enabled))
	for i, p := range enabled {
		if !g.newborn && reflect.DeepEqual(p.Settings(), before.cfg.Enabled()[i].Settings()) {
			g.adapters[i] = before.adapters[i]
			continue
		}
		if g.adapters[i], err = providers.NewAt(p.Settings(), shed.Client(out.traces.legs(p.ID, g.lights.client(p.ID))), out.stands.clock.Now); err != nil {
			return nil, err
		}
	}
	if g.newborn {
		g.lights.use(g.adapters)
		g.lights.Plan(ctx, cfg.Planned())
	}
	out.metrics.expect(g.adapters)
	out.metrics.expectRotas(cfg.Rotas)
	g.clients, err = client.NewRegistry(cfg.Registrations()...)
	if err != nil {
		return nil, err
	}
	if before != nil && before.secrets.print == sec.print {
		g.rooms = before.rooms
	} else if g.rooms, err = newRooms(cfg, g.around(), out, log); err != nil {
		return nil, err
	}
	handler, op, err := newFront(front{ //nolint:contextcheck // the waiting room goes by each request's
		issuer: cfg.PublicURL, rooms: g.rooms.where(len(cfg.Rooms) > 0), clients: g.clients, secrets: sec, store: out.store, adapters: underTerms(enabled, g.adapters), lights: g.lights, clock: out.stands.clock, rotas: cfg.Timetables(),
		pushes: [3]int{cfg.PushesPerMinute, cfg.PushesPerAddress, cfg.PushesPerNetwork}, metrics: out.metrics, telling: out.telling, log: log,
	})
	if err != nil {
		return nil, err
	}
	g.handler, g.broker = behindProxies(cfg.Proxies(), handler), op
	return g, nil
}

// around is what is around the rooms of g.
func (g *generation) around() surroundings {
	return surroundings{lights: g.lights, clients: g.clients, secrets: g.secrets}
}

// underTerms are the adapters of some providers as everybody but a probe sees
// them: with the terms laid over them.
func underTerms(of []config.Provider, adapters []providers.Provider) []providers.Provider {
	all := make([]providers.Provider, len(adapters))
	for i, p := range adapters {
		all[i] = providers.Under(p, of[i].Terms())
	}
	return all
}

// watchedProviders are the enabled providers as the lights see them.
func watchedProviders(cfg *config.Config) []live.Provider {
	var all []live.Provider
	for _, p := range cfg.Enabled() {
		all = append(all, live.Provider{ID: p.ID, Name: signal.Text(p.Settings().Title()), Capacity: p.Capacity, CapacityCap: p.CapacityCap})
	}
	return all
}
