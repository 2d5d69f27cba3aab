package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"

	"sinho/broker/client"
	"sinho/console"
	"sinho/demo"
	"sinho/providers"
	"sinho/providers/sim"
	"sinho/signal"
	"sinho/signal/live"
	"sinho/store/embedded"
)

// house is everything a demo is made of, constructed and not yet running.
type house struct {
	store   *embedded.Store
	telling *telling
	live    *live.Live
	lights  *lights
	crowd   *demo.Crowd
	scene   *scene
	stage   *demo.Stage
	desk    desk
	console *console.Console
	once    *console.Once // the password printed at the start
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

// wire makes a demo.
func wire(d demoOptions, s *state, log *slog.Logger) (*house, error) {
	h := &house{serving: map[string]http.Handler{}}
	issuer := d.url(placeBroker)

	simSecret, _ := client.NewSecret()
	settings := make([]providers.Settings, len(simulatedProviders()))
	watched := make([]live.Provider, len(settings))
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
		watched[i] = live.Provider{ID: p.id, Name: signal.Text(settings[i].Title()), Capacity: 1}
	}
	at := newStanding(log)
	s.ring.SetClock(at.clock.Now)
	s.keys.SetClock(at.clock.Now)
	lights, err := newLights(watched, 0, at, log)
	if err != nil {
		return nil, err
	}
	h.live, h.lights = lights.Live, lights
	adapters := make([]providers.Provider, len(settings))
	var verify []providers.Provider // for the scene, in which the generic provider vouches too
	for i, set := range settings {
		if adapters[i], err = providers.NewAt(set, lights.client(set.ID), at.clock.Now); err != nil {
			return nil, fmt.Errorf("provider %s: %w", set.ID, err)
		}
		one := adapters[i]
		if set.ID == "oidc" {
			set.Assurance = providers.Verified
			if one, err = providers.NewAt(set, lights.client(set.ID), at.clock.Now); err != nil {
				return nil, fmt.Errorf("provider %s: %w", set.ID, err)
			}
		}
		verify = append(verify, one)
	}
	lights.use(adapters)

	if h.store, err = embedded.Open(filepath.Join(s.dir, "sinho.db"), embedded.Options{}); err != nil {
		return nil, err
	}
	if h.telling, err = newTelling(issuer, h.store, nil, at.clock.Now, log); err == nil {
		err = h.rooms(d, s, at, log, lights, adapters, verify)
	}
	if err != nil {
		_ = h.store.Close()
		return nil, err
	}
	return h, nil
}

// rooms builds what people and sites meet in a demo: broker, sites, stage.
func (h *house) rooms(d demoOptions, s *state, at standing, log *slog.Logger, lights *lights, adapters, verify []providers.Provider) error {
	issuer := d.url(placeBroker)
	var err error
	tape := console.NewTape()
	shown := &console.Rooms{Tape: tape, Load: lights.Load, All: func() []console.Room { return h.scene.shown() }}
	if h.desk, h.console, h.once, err = demoConsole(d.url(placeConsole), h.store, h.telling, lights, shown, s.ring, at.clock.Now, log); err != nil {
		return err
	}
	h.serving[placeConsole.name] = h.console.Handler()
	booking := demo.SiteConfig{Base: d.url(placeBooking), Issuer: issuer, ClientID: "booking", Log: log}
	school := demo.SiteConfig{Base: d.url(placeSchool), Issuer: issuer, ClientID: "school", Log: log}
	registry, err := demoClients(&booking, &school)
	if err != nil {
		return err
	}
	h.telling.use(registry, s.secrets)
	if h.crowd, err = demo.NewCrowd(demo.CrowdConfig{Start: booking.Base + "/", Rate: d.rate, Seed: d.seed}); err != nil {
		return err
	}
	stage := demo.StageConfig{Broker: issuer, Booking: booking.Base, School: school.Base, Console: d.url(placeConsole), Crowd: h.crowd, Twins: demoTwins(d.seed, at.clock.Now), Log: log}
	for i, p := range simulatedProviders() {
		name := adapters[i].Info().Name
		stage.Sims = append(stage.Sims, demo.Sim{ID: p.id, KO: name.KO, EN: name.EN, URL: d.url(simPlace(i, p.id))})
	}
	first := sim.People()[0]
	var onStage http.Handler // it knows the scene, which knows the broker, on which it stands
	h.scene, err = newScene(front{
		issuer: issuer, clients: registry, secrets: s.secrets, store: h.store, adapters: adapters, lights: lights, clock: at.clock,
		pushes:  [3]int{60_000, 60_000, 60_000}, // the crowd is eight people
		contact: &providers.Contact{Name: first.Name, Birthdate: digits(first.Birthdate), Phone: first.Phone},
		stage:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { onStage.ServeHTTP(w, r) }), telling: h.telling, log: log,
	}, verify, h.sims, h.crowd, booking.Base+"/", school.Base+"/", d)
	if err != nil {
		return err
	}
	h.scene.desk, h.scene.tape = h.desk, tape
	stage.Scene = h.scene.stage()
	if h.stage, err = demo.NewStage(stage); err != nil {
		return err
	}
	onStage = h.stage.Handler()
	h.serving[placeBroker.name] = h.scene
	bookingSite, err := demo.NewBooking(booking)
	if err != nil {
		return err
	}
	schoolSite, err := demo.NewSchool(school)
	if err != nil {
		return err
	}
	h.serving[placeBooking.name] = bookingSite.Handler()
	h.serving[placeSchool.name] = schoolSite.Handler()
	return nil
}
