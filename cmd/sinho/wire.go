package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"

	"sinho/broker"
	"sinho/broker/client"
	"sinho/demo"
	"sinho/providers"
	"sinho/providers/sim"
	"sinho/signal"
	"sinho/signal/live"
	"sinho/store/embedded"
	"sinho/web"
)

// house is everything a demo is made of, constructed and not yet running.
type house struct {
	store   *embedded.Store
	live    *live.Live
	crowd   *demo.Crowd
	stage   *demo.Stage
	sims    []*sim.Sim
	serving map[string]http.Handler // by place name
}

// close lets go of what only construction held.
func (h *house) close() error {
	for _, s := range h.sims {
		s.Close()
	}
	return h.store.Close()
}

// simulated is one provider of the demo: what its adapter and its simulator
// must agree on.
type simulated struct {
	id        string
	name      providers.Text // of the kinds that have none of their own
	assurance providers.Assurance
	assertsCI bool
}

func simulatedProviders() []simulated {
	return []simulated{
		{id: "naver"},
		{id: "kakao", assertsCI: true},
		{id: "pass", assertsCI: true, assurance: providers.Verified},
		{id: "toss", assertsCI: true, assurance: providers.Verified},
		{id: "oidc", name: providers.Text{KO: "나라아이디", EN: "Nara ID"}},
	}
}

// wire is the only place where the parts meet.
func wire(d demoOptions, s *state, log *slog.Logger) (*house, error) {
	h := &house{serving: map[string]http.Handler{}}
	issuer := d.url(placeBroker)

	adapters := make([]providers.Provider, len(simulatedProviders()))
	watched := make([]live.Provider, len(adapters))
	for i, p := range simulatedProviders() {
		watched[i] = live.Provider{ID: p.id, Capacity: 1, Probes: func() []live.Probe { return probes(adapters[i]) }}
	}
	simSecret, _ := client.NewSecret()
	settings := make([]providers.Settings, len(adapters))
	for i, p := range simulatedProviders() {
		one, err := sim.New(sim.Config{
			ID: p.id, Base: d.url(simPlace(i, p.id)), ClientID: "sinho", ClientSecret: simSecret, ClientName: "Sinho",
			RedirectURIs: []string{issuer + "/callback/" + p.id}, Seed: d.seed,
		})
		if err != nil {
			return nil, fmt.Errorf("simulator %s: %w", p.id, err)
		}
		h.sims = append(h.sims, one)
		h.serving[p.id] = one.Handler()
		settings[i] = p.settings(d.url(simPlace(i, p.id)), simSecret, one)
		watched[i].Name = signal.Text(settings[i].Title())
	}
	lights, err := live.New(live.Config{Providers: watched, Log: log})
	if err != nil {
		return nil, err
	}
	h.live = lights
	for i, set := range settings {
		if adapters[i], err = providers.New(set, lights.Client(set.ID)); err != nil {
			return nil, fmt.Errorf("provider %s: %w", set.ID, err)
		}
	}

	if h.store, err = embedded.Open(filepath.Join(s.dir, "sinho.db"), embedded.Options{}); err != nil {
		return nil, err
	}
	if err := h.front(d, s, log, adapters); err != nil {
		_ = h.store.Close()
		return nil, err
	}
	return h, nil
}

func (p simulated) settings(base, secret string, s *sim.Sim) providers.Settings {
	set := providers.Settings{
		ID: p.id, Name: p.name, ClientID: "sinho", ClientSecret: secret,
		AssertsCI: p.assertsCI, Assurance: p.assurance,
	}
	switch p.id {
	case "oidc":
		set.Issuer = base
		set.Scopes = []string{"openid", "profile", "email", "phone"}
	case "toss":
		set.Base = base
		set.PublicKeyPEM = string(s.TossPublicKey())
	default:
		set.Base = base
	}
	return set
}

func probes(p providers.Provider) []live.Probe {
	var all []live.Probe
	for _, probe := range p.Info().Probes {
		all = append(all, live.Probe(probe))
	}
	return all
}

// front builds what people and sites meet: broker, pages, sites, stage.
func (h *house) front(d demoOptions, s *state, log *slog.Logger, adapters []providers.Provider) error {
	issuer := d.url(placeBroker)
	booking := demo.SiteConfig{Base: d.url(placeBooking), Issuer: issuer, ClientID: "booking", Log: log}
	school := demo.SiteConfig{Base: d.url(placeSchool), Issuer: issuer, ClientID: "school", Log: log}
	registry, err := demoClients(&booking, &school)
	if err != nil {
		return err
	}

	// Pages and broker know each other by functions alone, so the one that is
	// made first is told of the other through a variable.
	var pages *web.Web
	b, err := broker.New(broker.Config{
		Issuer: issuer, Clients: registry, Keys: s.keys, Ring: s.ring, Pepper: s.pepper,
		Store: h.store, Providers: adapters, Hooks: hooks(h.live), Log: log,
		PushesPerMinute: 60_000, // the crowd is eight people
		Page:            func(w http.ResponseWriter, r *http.Request, p *broker.Problem) { pages.Problem(w, r, p) },
	})
	if err != nil {
		return err
	}
	first := sim.People()[0]
	pages, err = web.New(web.Config{
		Flow: web.Flow{
			Resume: b.Resume, Begin: b.Begin, Continue: b.Continue,
			Finish: b.Finish, Waiting: b.Waiting, Leave: b.Leave,
		},
		Board: h.live.Board, Log: log, Version: version,
		DemoContact: &providers.Contact{Name: first.Name, Birthdate: digits(first.Birthdate), Phone: first.Phone},
	})
	if err != nil {
		return err
	}

	if h.crowd, err = demo.NewCrowd(demo.CrowdConfig{Start: booking.Base + "/", Rate: d.rate, Seed: d.seed}); err != nil {
		return err
	}
	stage := demo.StageConfig{Broker: issuer, Booking: booking.Base, School: school.Base, Crowd: h.crowd, Log: log}
	for i, p := range simulatedProviders() {
		name := adapters[i].Info().Name
		stage.Sims = append(stage.Sims, demo.Sim{ID: p.id, KO: name.KO, EN: name.EN, URL: d.url(simPlace(i, p.id))})
	}
	if h.stage, err = demo.NewStage(stage); err != nil {
		return err
	}
	bookingSite, err := demo.NewBooking(booking)
	if err != nil {
		return err
	}
	schoolSite, err := demo.NewSchool(school)
	if err != nil {
		return err
	}
	h.serving[placeBroker.name] = brokerRoutes(b.Handler(), pages.Handler(), h.live.Handler(), h.stage.Handler())
	h.serving[placeBooking.name] = bookingSite.Handler()
	h.serving[placeSchool.name] = schoolSite.Handler()
	return nil
}

// brokerRoutes puts the rooms of the broker's listener side by side.
func brokerRoutes(op, pages, lights, stage http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/authorize", "/token", "/userinfo", "/.well-known/", "/jwks", "/logout"} {
		mux.Handle(path, op)
	}
	for _, path := range []string{"/signal", "/signal/"} {
		mux.Handle(path, lights)
	}
	for _, path := range []string{"/{$}", "/stage/"} {
		mux.Handle(path, stage)
	}
	mux.Handle("/", pages)
	return mux
}

// demoClients registers the demo's sites with fresh secrets, and a playground
// for whoever wants to try a client of their own.
func demoClients(booking, school *demo.SiteConfig) (*client.Registry, error) {
	register := func(c *demo.SiteConfig, ko, en string) client.Client {
		secret, hash := client.NewSecret()
		c.ClientSecret = secret
		return client.Client{
			ID: c.ClientID, SecretHash: hash, Name: providers.Text{KO: ko, EN: en}, Sector: c.ClientID,
			RedirectURIs: []string{c.RedirectURI()}, PostLogoutURIs: []string{c.PostLogoutURI()}, Start: c.StartURI(),
		}
	}
	return client.NewRegistry(
		register(booking, demo.BookingKO, demo.BookingEN),
		register(school, demo.SchoolKO, demo.SchoolEN),
		client.Client{
			ID: "playground", Public: true, Name: providers.Text{KO: "놀이터", EN: "Playground"}, Sector: "playground",
			RedirectURIs: []string{"http://localhost:3000/callback"}, PostLogoutURIs: []string{"http://localhost:3000/"},
		},
	)
}

// hooks let the lights see and admit the broker's journeys.
func hooks(l *live.Live) broker.Hooks {
	return broker.Hooks{
		Admit:    l.Admit,
		Disabled: l.Disabled,
		Light:    l.Light,
		Started:  func(t broker.Trip) { l.Started(trip(t)) },
		Returned: func(t broker.Trip) { l.Returned(trip(t)) },
		Ended:    func(t broker.Trip) { l.Ended(trip(t)) },
	}
}

func trip(t broker.Trip) live.Trip {
	out := live.Trip{Provider: t.Provider, Light: t.Light, Began: t.Began, Returned: t.Returned, Ended: t.Ended}
	if t.Err != nil {
		out.Class, out.Colours, out.Seen = t.Err.Class.String(), t.Err.Colours(), t.Err.Seen
	}
	return out
}
