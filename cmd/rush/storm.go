package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"
)

// stormOptions are what `rush storm` has beyond `rush login`.
type stormOptions struct {
	loginOptions
	onset
	capacity    float64
	times       float64
	opens       string
	t0          time.Time
	tabs        float64
	greedy      float64
	reconnect   float64
	reconnectAt time.Duration
	noShow      float64
	noScript    float64
	sockets     float64
	waits       string
	returns     string
}

func stormCommand() *cobra.Command {
	var o stormOptions
	cmd := &cobra.Command{
		Use:   "storm",
		Short: "an opening at eight: everybody at once, through the waiting room",
		Long: `Sends a crowd to an opening. --before people come in the time --early before it,
evenly; at the opening --times as many a second as --capacity says that providers
take, then fewer and fewer (a third every --decay). Nobody waits for anybody: what
the server does changes no arrival.

Whoever is sent to a waiting room waits there: by the room's socket, working out
their own place from each frame as a page does (--sockets); as an app does, by
JSON and Retry-After; or on a device without JavaScript, by the page that
refreshes itself (--no-script). They remember the first estimate they were shown,
come when called, and log in as "rush login" has them do it.

The report tells how the room kept its word: estimates against what came, who was
told to come again later (with a pass in hand or without), whether anybody lost
their place, whether two browsers had one number, and whether a second tab got in
on the pass of the first.`,
		Example: `  rush storm --capacity 60 --before 1000 --early 20s --for 3m
  rush storm --capacity 60 --opens 2026-08-09T20:00:00+09:00 --reconnect 0.1 --reconnect-at 45s --waits waits.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.prepare(time.Now()); err != nil {
				return err
			}
			return runStorm(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	o.siteFlags(cmd)
	o.peopleFlags(cmd)
	o.runFlags(cmd)
	f.DurationVar(&o.patience, "patience", 15*time.Minute, "how long one person stays in all, waiting included")
	f.IntVar(&o.most, "max-in-flight", 20_000, "people at once, those who wait among them; who comes beyond is shed and counted")
	f.DurationVar(&o.span, "for", 3*time.Minute, "how long people come after the opening; those under way may finish")
	f.Float64Var(&o.capacity, "capacity", 50, "logins a second that all providers together take, above 0 to 2000: the measure of the crowd and nothing else")
	f.Float64Var(&o.times, "times", 5, "arrivals at the opening, as a multiple of --capacity, above 0 to 100")
	f.DurationVar(&o.decay, "decay", 40*time.Second, "in which arrivals fall to a third")
	f.IntVar(&o.before, "before", 0, "how many come before the opening")
	f.DurationVar(&o.early, "early", 20*time.Second, "in the time before it, evenly")
	f.StringVar(&o.opens, "opens", "", "the opening, as RFC 3339 (default: --early from now)")
	f.Float64Var(&o.tabs, "tabs", 0.2, "share that opens the link in a second tab of the same browser, 0 to 1")
	f.Float64Var(&o.greedy, "greedy", 0.1, "share of these who go on in both tabs when called, 0 to 1; the others leave the second alone")
	f.Float64Var(&o.reconnect, "reconnect", 0, "share that drops socket and page at one moment and comes back, 0 to 1")
	f.DurationVar(&o.reconnectAt, "reconnect-at", 45*time.Second, "that moment, after the opening")
	f.Float64Var(&o.noShow, "no-show", 0.05, "share that does not come when called, 0 to 1")
	f.Float64Var(&o.noScript, "no-script", 0.1, "share without JavaScript, 0 to 1")
	f.Float64Var(&o.sockets, "sockets", 0.5, "share of the others that holds the socket, 0 to 1; the rest asks as apps do")
	f.StringVar(&o.waits, "waits", "", "CSV to write: each stay in the room, what was told and what came")
	f.StringVar(&o.returns, "returns", "", "CSV to write: each return from a provider, and how it was answered")
	return cmd
}

// prepare checks the options, and sets what follows from them.
func (o *stormOptions) prepare(now time.Time) error {
	o.rate, o.peak = 1, o.capacity*o.times // the rate is not used: arrivals have a pace
	errs := []error{o.validate()}
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(!(o.capacity > 0 && o.capacity <= 2000), "--capacity %v: it must be above 0 and at most 2000 logins a second", o.capacity)
	wrong(!(o.times > 0 && o.times <= 100), "--times %v: it must be above 0 and at most 100", o.times)
	wrong(o.decay < time.Second || o.decay > time.Hour, "--decay %v: it must be from 1s to 1h", o.decay)
	wrong(o.before < 0 || o.before > 1_000_000, "--before %d: it must be from 0 to 1000000", o.before)
	wrong(o.early < 0 || o.early > time.Hour, "--early %v: it must be from 0 to 1h", o.early)
	wrong(o.before > 0 && o.early == 0, "--before %d: there is no time to come in; set --early", o.before)
	for flag, share := range map[string]float64{
		"--tabs": o.tabs, "--greedy": o.greedy, "--reconnect": o.reconnect, "--no-show": o.noShow, "--no-script": o.noScript, "--sockets": o.sockets,
	} {
		wrong(!(share >= 0 && share <= 1), "%s %v: it must be from 0 to 1", flag, share)
	}
	o.t0 = now.Add(o.early)
	if o.opens != "" {
		at, err := time.Parse(time.RFC3339, o.opens)
		wrong(err != nil, "--opens %q: it must be as in 2026-08-09T20:00:00+09:00", o.opens)
		wrong(err == nil && at.Before(now), "--opens %s: it is over", o.opens)
		o.t0 = at
	}
	return errors.Join(errs...)
}

// habits draws how somebody behaves in the room.
func (o *stormOptions) habits(chance *rand.Rand) habits {
	h := habits{manner: byAPI}
	switch draw := chance.Float64(); {
	case draw < o.noScript:
		h.manner = byPage
	case draw < o.noScript+(1-o.noScript)*o.sockets:
		h.manner = bySocket
	}
	h.tab = chance.Float64() < o.tabs
	h.greedy = h.tab && chance.Float64() < o.greedy
	h.reconnect = chance.Float64() < o.reconnect
	h.noShow = chance.Float64() < o.noShow
	return h
}

// begins waits until the first may come, who come early.
func (o *stormOptions) begins(ctx context.Context) error {
	return pause(ctx, time.Until(o.t0.Add(-o.early)))
}

// runStorm runs the storm and writes its report. When ctx ends early, the report is
// of what has been.
func runStorm(ctx context.Context, o stormOptions, stdout, stderr io.Writer) error {
	r, err := prepareStorm(ctx, o)
	if err != nil {
		return err
	}
	return r.finish(ctx, stdout, stderr)
}

// prepareStorm checks everything that can be wrong before anybody comes. A socket is
// a file, and so is a request; a person who waits otherwise holds nothing.
func prepareStorm(ctx context.Context, o stormOptions) (*loginRun, error) {
	o.idle = stormIdle
	o.files = uint64(o.sockets*(1-o.noScript)*float64(o.most)) + stormRequests
	r, err := prepare(ctx, o.loginOptions)
	if err != nil {
		return nil, err
	}
	r.storm, r.room = &o, &room{stays: newStays(), tabAfter: time.Second, moment: o.t0.Add(o.reconnectAt)}
	if w, lean := r.way.(*walker); lean {
		w.room = r.room
	}
	if r.room.stays.out, err = newTable("--waits", o.waits, stayHeader); err != nil {
		return nil, err
	}
	r.room.returns, err = newTable("--returns", o.returns, returnHeader)
	return r, err
}

// stormIdle connections are kept: most who wait ask seldom.
const stormIdle = 500

// stormRequests are files for requests under way.
const stormRequests = 4000
