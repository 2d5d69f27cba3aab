package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sinho/config"
	"sinho/console"
	"sinho/providers"
	"sinho/shed"
	"sinho/signal"
	"sinho/store"
	"sinho/store/shared"
)

// warmFor is how long a new configuration waits for what its new providers
// publish before it is taken all the same.
const warmFor = 5 * time.Second

// node is one broker that serves. Store and pepper stay as long as it lives; a
// new configuration, or a changed folder of keys, replaces the generation, and
// requests under way finish on the one they began with.
type node struct {
	path    string
	env     func(string) (string, bool)
	log     *slog.Logger
	level   *slog.LevelVar
	pepper  []byte
	store   store.Store
	stands  standing
	metrics *metrics // nil: none
	traces  *traces  // nil: none
	desk    desk
	tape    *console.Tape
	telling *telling
	alerts  *alerting
	health  *health
	gate    *shed.Gate
	current atomic.Pointer[generation]
	running errgroup.Group // the lights, and what warms up
	strange strangeKeys

	mu     sync.Mutex // guards swapping against leaving, and what follows
	behind context.Context
	darken context.CancelFunc // ends the lights of the current generation
	shut   context.CancelFunc // ends its rooms
}

// newNode opens everything cfg names and makes its first generation. Nothing
// runs yet; close lets go of it.
func newNode(ctx context.Context, o serveOptions, cfg *config.Config) (*node, error) {
	n := &node{path: o.path, env: o.env, level: new(slog.LevelVar), gate: shed.New(runtime.GOMAXPROCS(0))}
	n.level.Set(slog.Level(cfg.Log.Level))
	n.log = newLog(o.stderr, cfg.Log.Format, n.level)
	n.stands = newStanding(n.log)
	sec, err := n.openKeys(ctx, cfg)
	if err != nil {
		return nil, err
	}
	n.pepper = sec.pepper
	if cfg.IsShared() {
		shared.LogTo(n.log)
	}
	kept, durability, err := openStore(ctx, cfg, &n.stands)
	if err != nil {
		return nil, err
	}
	n.store = kept
	if n.traces, err = newTraces(ctx, cfg.Traces, n.log); err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	n.store = n.traces.calls(n.store)
	if cfg.MetricsListen != "" {
		n.metrics = newMetrics(func() *lights { return n.current.Load().lights })
		n.metrics.watchClock(n.stands.clock)
		n.metrics.watchRooms(func() *rooms { return n.current.Load().rooms })
		n.metrics.watchGate(n.gate)
		n.store = n.metrics.timing(n.store)
	}
	n.store = outsideStore{n.store}
	n.health = &health{store: n.store, durability: durability, now: n.stands.clock.Now}
	n.desk, n.tape = newDesk(n.store, n.knows, n.hasRoom, n.stands.clock.Now, n.log), console.NewTape()
	if err = claimStore(ctx, n.store, n.pepper); err == nil {
		err = firstLook(ctx, n.desk)
	}
	if err == nil {
		n.telling, err = newTelling(cfg.PublicURL, kept, n.metrics, n.stands.clock.Now, n.log)
	}
	if err == nil {
		board := func() signal.Board { return n.current.Load().lights.Board() }
		n.alerts, err = newAlerting(cfg.PublicURL, board, n.store, kept, n.metrics, n.stands.clock.Now, n.log)
	}
	var first *generation
	if err == nil {
		first, err = nextGeneration(ctx, cfg, nil, sec, n.outside(), n.log)
	}
	if err == nil {
		err = n.furnish(first)
	}
	if err != nil {
		return nil, errors.Join(err, n.traces.close(ctx), n.store.Close())
	}
	n.telling.use(first.clients, first.secrets)
	n.alerts.use(cfg)
	n.current.Store(first)
	for _, path := range exposed(cfg.KeysDir) {
		n.log.WarnContext(ctx, "a key file can be read by everybody on this machine", "file", path, "do", "chmod o= "+path)
	}
	if cfg.InsecureSample {
		n.log.WarnContext(ctx, "insecure_sample allows secrets in the configuration file", "do", "remove it before anybody real logs in")
	}
	return n, nil
}

func (n *node) outside() outside {
	return outside{store: n.store, stands: n.stands, metrics: n.metrics, traces: n.traces, telling: n.telling, orders: n.desk.Orders}
}

// ServeHTTP answers by the current generation.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.current.Load().handler.ServeHTTP(w, r)
}

func (n *node) handler() http.Handler {
	mux := http.NewServeMux()
	n.health.routes(mux)
	o := observer{log: n.log, access: func() bool { return n.current.Load().cfg.Log.Access }, traces: n.traces}
	mux.Handle("/", o.watch(recovered(n.log, n.gate.Handler(n, kindOf, n.current.Load().cfg.PublicURL))))
	return recovered(n.log, byTLSAlone(fewCookies(mux)))
}

func (n *node) certificate() *certificate { return n.current.Load().identity }

// start lights the first generation. behind outlives the listeners.
func (n *node) start(behind context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.behind = behind
	first := n.current.Load()
	n.light(first) //nolint:contextcheck // lights live as long as the node
	n.open(first)  //nolint:contextcheck // and so do rooms
	n.running.Go(func() error { return settle(behind, n.desk.Run(behind)) })
	n.running.Go(func() error {
		n.desk.follow(behind, func() { n.order(behind) })
		return nil
	})
	n.running.Go(func() error { return settle(behind, n.tape.Run(behind, n.stands.clock.Now, n.atWork)) })
	n.running.Go(func() error { return settle(behind, n.telling.Run(behind)) })
	n.running.Go(func() error {
		tellRefusals(behind, n.gate, n.log)
		return nil
	})
	n.running.Go(func() error { return settle(behind, n.alerts.Run(behind)) })
	n.running.Go(func() error {
		return settle(behind, n.desk.write(behind, func() *lights { return n.current.Load().lights }))
	})
	n.running.Go(func() error {
		n.warm(behind, first.adapters, nil)
		return settle(behind, n.tend(behind))
	})
}

// light runs the lights of g. The caller holds mu.
func (n *node) light(g *generation) {
	ctx, darken := context.WithCancel(n.behind)
	n.darken = darken
	n.running.Go(func() error { return settle(ctx, g.lights.Run(ctx)) })
}

// open runs the rooms of g. The caller holds mu.
func (n *node) open(g *generation) {
	ctx, shut := context.WithCancel(n.behind)
	n.shut = shut
	n.running.Go(func() error { return settle(ctx, g.rooms.Run(ctx)) })
}

// leave tells load balancers, and later dark ends what people watch.
func (n *node) leave() { n.health.leaving.Store(true) }

// dark ends the lights for good, so that open streams end too.
func (n *node) dark() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.behind = nil
	n.darken()
	n.shut()
	n.current.Load().close()
}

// close waits for what ran behind and closes the store.
func (n *node) close(ctx context.Context) error {
	return errors.Join(n.running.Wait(), n.traces.close(ctx), n.store.Close())
}

// reload takes configuration and keys anew. A bad one of the two is refused,
// whole, with every message logged, and the old one stays; it does not keep the
// other from being taken, for keys must arrive in time.
func (n *node) reload(ctx context.Context, why string) {
	old := n.current.Load()
	sec, err := n.freshKeys(ctx, old)
	if err != nil {
		n.refuse(ctx, "keys", why, err)
		sec = old.secrets
	}
	next, err := n.prepare(ctx, old, sec)
	if err != nil {
		n.refuse(ctx, "configuration", why, err)
		if sec.print == old.secrets.print {
			return
		}
		if next, err = nextGeneration(ctx, old.cfg, old, sec, n.outside(), n.log); err != nil {
			n.refuse(ctx, "keys", why, err)
			return
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.behind == nil {
		return // leaving
	}
	end, shut := n.darken, n.shut
	if err := n.furnish(next); err != nil {
		n.refuse(ctx, "configuration", why, err)
		return
	}
	// New ones too: operators may have ordered something since they were made.
	if err := next.rooms.use(next.cfg, next.around()); err != nil {
		n.refuse(ctx, "configuration", why, err)
		next.close()
		return
	}
	if next.rooms != old.rooms {
		n.open(next) //nolint:contextcheck // rooms live as long as the node
	}
	defer old.close()
	if next.newborn {
		n.light(next) //nolint:contextcheck // lights live as long as the node
	} else {
		next.lights.use(next.adapters)
		next.lights.Plan(ctx, next.cfg.Planned())
	}
	n.level.Set(slog.Level(next.cfg.Log.Level))
	n.telling.use(next.clients, next.secrets)
	n.alerts.use(next.cfg)
	n.current.Store(next)
	if next.lights != old.lights {
		end() // whoever watches comes again and finds the new ones
	}
	if next.rooms != old.rooms {
		shut() // the same
	}
	n.tellKeys(ctx, old.secrets, next.secrets)
	if next.cfg == old.cfg {
		return
	}
	n.log.InfoContext(ctx, "configuration taken", "why", why, "clients", len(next.cfg.Clients), "providers", len(next.adapters),
		"lights_began_anew", next.newborn)
}

// prepare loads what the file says now and makes it, without showing it.
func (n *node) prepare(ctx context.Context, old *generation, sec secrets) (*generation, error) {
	cfg, err := config.Load(n.path, n.env)
	if err != nil {
		return nil, err
	}
	if wrong := frozen(old.cfg, cfg); len(wrong) > 0 {
		return nil, wrong
	}
	next, err := nextGeneration(ctx, cfg, old, sec, n.outside(), n.log)
	if err != nil {
		return nil, err
	}
	n.warm(ctx, next.adapters, old.adapters)
	return next, nil
}

// refuse logs why a configuration, or keys, were not taken, one line for each
// mistake.
func (n *node) refuse(ctx context.Context, what, why string, err error) {
	message := what + " refused, the old one stays"
	if what == "keys" {
		message = "keys refused, the old ones stay"
	}
	all, ok := errors.AsType[config.Mistakes](err)
	if !ok {
		n.log.ErrorContext(ctx, message, "why", why, "wrong", err.Error()) //nolint:sloglint // one of two constants
		return
	}
	for _, m := range all {
		n.log.ErrorContext(ctx, message, "why", why, //nolint:sloglint // the same
			"at", m.Where(), "setting", m.Path, "wrong", m.Wrong, "do", m.Do)
	}
}

// warm lets new adapters fetch what their providers publish, so that nobody's
// login has to. It is no fault when a provider does not answer.
func (n *node) warm(ctx context.Context, adapters, known []providers.Provider) {
	fresh := slices.DeleteFunc(slices.Clone(adapters), func(p providers.Provider) bool { return slices.Contains(known, p) })
	warmAll(ctx, fresh, func(p providers.Provider, err error) {
		n.log.WarnContext(ctx, "provider does not tell its keys yet", "provider", p.Info().ID, "error", err.Error())
	})
}

// warmAll waits at most warmFor, and tells who did not answer unless ctx has ended.
func warmAll(ctx context.Context, adapters []providers.Provider, silent func(providers.Provider, error)) {
	within, cancel := context.WithTimeout(ctx, warmFor)
	defer cancel()
	var g errgroup.Group
	for _, p := range adapters {
		w, can := p.(interface{ Warm(context.Context) error })
		if !can {
			continue
		}
		g.Go(func() error {
			if err := w.Warm(within); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
				silent(p, err)
			}
			return nil
		})
	}
	_ = g.Wait() // none fails
}

// frozen are the settings that differ and cannot while the node runs.
func frozen(old, next *config.Config) config.Mistakes {
	var all config.Mistakes
	for _, s := range []struct {
		path      string
		was, want any
	}{
		{"public_url", old.PublicURL, next.PublicURL},
		{"listen", old.Listen, next.Listen},
		{"metrics_listen", old.MetricsListen, next.MetricsListen},
		{"metrics_profile", old.MetricsProfile, next.MetricsProfile},
		{"console.listen", consoleListen(old), consoleListen(next)},
		{"tls", old.TLS != nil, next.TLS != nil},
		{"store", old.Store, next.Store},
		{"redis", old.Redis, next.Redis},
		{"keys_dir", old.KeysDir, next.KeysDir},
		{"max_watchers", old.MaxWatchers, next.MaxWatchers},
		{"traces", old.Traces, next.Traces},
		{"log.format", old.Log.Format, next.Log.Format},
	} {
		if !reflect.DeepEqual(s.was, s.want) {
			all = append(all, next.Mistake(s.path, "cannot change while the broker runs", "restart to take it, or put the old value back; nothing else of the file was taken either"))
		}
	}
	return all
}
