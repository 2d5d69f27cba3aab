package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"sinho/broker/client"
	"sinho/config"
	"sinho/console"
	"sinho/operator"
	"sinho/seal"
	"sinho/signal"
	"sinho/store"
)

// This file joins the operators' desk and console to a demo and to a node.

// desk is what every broker has, with a console or without: the operators' words
// for its lights, and the last day.
type desk struct {
	*operator.Desk

	days *operator.Chronicle
	now  func() time.Time
}

func newDesk(st store.Store, known, room func(string) bool, now func() time.Time, log *slog.Logger) desk {
	return desk{
		now:  now,
		Desk: operator.NewDesk(operator.Config{Store: st, Known: known, Room: room, Now: now, Log: log}),
		days: operator.NewChronicle(st, log),
	}
}

// write keeps the lights' history until ctx ends.
func (d desk) write(ctx context.Context, current func() *lights) error {
	return d.days.Run(ctx, func() operator.Source {
		l := current()
		return operator.Source{Board: l.Board, Since: l.Since, Vanished: func(id string) float64 {
			_, byID := l.Honesty()
			return byID[id].Vanished
		}, Usual: l.Usual}
	})
}

// newConsole is the console over a desk and lights.
func newConsole(d desk, l *lights, ways console.Ways, ring *seal.Ring, more console.Config) (*console.Console, error) {
	more.Desk, more.Ways, more.Ring, more.Version, more.Now = d.Desk, ways, ring, version, d.now
	more.Lights = console.Lights{
		Board: l.Board, Insights: l.Insights, Rules: signal.DefaultRules(), Guard: l.guards.reading,
		Minutes: d.days.Minutes, Hours: d.days.Hours, Past: d.days.Past,
	}
	return console.New(more)
}

// consoleOf makes the console that cfg names for a generation, nil when there
// is none.
func consoleOf(g *generation, d desk, told func(context.Context) (console.Sites, error), rooms *console.Rooms, log *slog.Logger) (*console.Console, error) {
	cfg := g.cfg
	c := cfg.Console
	if c == nil {
		return nil, nil //nolint:nilnil // no console is none
	}
	var ways console.Ways
	for _, o := range c.Operators {
		hash, err := operator.ParseHash(o.PasswordHash)
		if err != nil {
			return nil, err // Validate has told
		}
		ways.Operators = append(ways.Operators, console.Operator{Name: o.Name, Hash: hash})
	}
	if o := c.OIDC; o != nil {
		var err error
		ways.OIDC, err = console.NewOIDC(console.OIDCConfig{
			Name: o.Name, Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: string(o.ClientSecret), Scopes: o.Scopes,
			Subjects: o.AllowedSubjects, Emails: o.AllowedEmails, Claim: o.Claim, Values: o.ClaimValues,
		}, cfg.Origin())
		if err != nil {
			return nil, err
		}
	}
	var readers []operator.TokenHash
	for _, text := range c.ReadTokens {
		hash, err := operator.ParseTokenHash(text)
		if err != nil {
			return nil, err // Validate has told
		}
		readers = append(readers, hash)
	}
	return newConsole(d, g.lights, ways, g.secrets.ring, console.Config{
		Origin: cfg.Origin(), Readers: readers, Sites: told, Rooms: rooms, Devices: devicesOf(g), Session: c.Session, Zone: cfg.TimeZone.Location(), Log: log,
	})
}

// devicesOf lets operators release devices where a site refuses a second one, nil
// where none does.
func devicesOf(g *generation) *console.Devices {
	for c := range g.clients.All() {
		if c.OneDevice == client.DeviceRefuse {
			return &console.Devices{HeldBy: g.broker.HeldBy, Release: g.broker.Release}
		}
	}
	return nil
}

// furnish gives a generation its console, and tells its lights every operator's
// word before anybody is sent to them.
func (n *node) furnish(g *generation) (err error) {
	if g.console, err = consoleOf(g, n.desk, n.alerts.beside(n.telling.sites), n.shown(g), n.log); err != nil {
		return err
	}
	g.operators = http.NotFoundHandler()
	if g.console != nil {
		g.operators = behindProxies(g.cfg.Proxies(), g.console.Handler())
	}
	if g.newborn {
		n.desk.Use(g.lights.Override)
	}
	return nil
}

// knows reports whether a provider is enabled now.
func (n *node) knows(id string) bool {
	for _, p := range n.current.Load().cfg.Enabled() {
		if p.ID == id {
			return true
		}
	}
	return false
}

// close ends what a generation keeps live.
func (g *generation) close() {
	if g.console != nil {
		g.console.Close()
	}
}

// consoleListen is where cfg wants the console, "" for nowhere.
func consoleListen(cfg *config.Config) string {
	if cfg.Console == nil {
		return ""
	}
	return cfg.Console.Listen
}

// consoleServer answers operators by the current generation.
func (n *node) consoleServer() *http.Server {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.current.Load().operators.ServeHTTP(w, r)
	})
	return newServer(recovered(n.log, handler), 32<<10, n.certificate)
}

// openConsole listens for operators; nil when there is no console.
func openConsole(ctx context.Context, o serveOptions, cfg *config.Config) (net.Listener, error) {
	if cfg.Console == nil {
		return nil, nil //nolint:nilnil // no console is none
	}
	return openDoor(ctx, o, cfg, "console.listen", cfg.Console.Listen)
}

// operate serves operators until the server is closed. Logins go on without.
func (n *node) operate(ctx context.Context, server *http.Server, l net.Listener) error {
	if l == nil {
		return nil
	}
	if err := answer(server, l, n); err != nil {
		n.log.ErrorContext(ctx, "the console is served no more", "error", err.Error())
	}
	return nil
}

// demoConsole is the console of a demo and its one-time password.
func demoConsole(origin string, st store.Store, told *telling, l *lights, rooms *console.Rooms, ring *seal.Ring, now func() time.Time, log *slog.Logger) (desk, *console.Console, *console.Once, error) {
	d := newDesk(st, func(id string) bool { return l.Light(id) != "" }, func(room string) bool { return room == augustRoom }, now, log)
	d.Use(l.Override)
	once := console.NewOnce("demo")
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		return d, nil, nil, err
	}
	c, err := newConsole(d, l, console.Ways{Once: once}, ring, console.Config{Origin: origin, Sites: told.sites, Rooms: rooms, Zone: zone, Log: log})
	return d, c, once, err
}

// firstLook reads the operators' words before anybody is served.
func firstLook(ctx context.Context, d desk) error {
	if err := d.Look(ctx); err != nil {
		return errors.Join(errors.New("read the operators' words"), err)
	}
	return nil
}
