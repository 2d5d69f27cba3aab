package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sinho/signal"
)

// The places of the demo. Simulators follow at +10 in the order of
// simulatedProviders.
var (
	placeBroker  = place{"broker", 0}
	placeBooking = place{"booking site", 1}
	placeSchool  = place{"school platform", 2}
	placeConsole = place{"operator console", 3}
)

func simPlace(i int, id string) place { return place{id, 10 + i} }

// demoOptions are the command line of `sinho demo`.
type demoOptions struct {
	base    int
	rate    float64
	data    string
	seed    uint64
	logs    bool
	scene   string
	opensIn time.Duration
}

func (d demoOptions) url(p place) string { return fmt.Sprintf("http://localhost:%d", d.base+p.offset) }

func (d demoOptions) places() []place {
	all := []place{placeBroker, placeBooking, placeSchool, placeConsole}
	for i, p := range simulatedProviders() {
		all = append(all, simPlace(i, p.id))
	}
	return all
}

func demoCommand() *cobra.Command {
	var d demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "the broker, five simulated providers, two sites and a crowd, on this machine",
		Long: `Starts in one process, each on its own port and speaking real HTTP to the
others: a broker, a booking site, a school platform, and simulated Naver,
Kakao, PASS, Toss and generic OIDC providers. Synthetic citizens log in all the
time, so the lights are measured and not painted. The stage at the broker's
address lets you break a provider and watch what people do. Below, a model
sends the same people to the same doors twice: everyone told the fastest, and
each advised by Sinho.

With --scene august, or by its button on the stage, the booking site gets what the
evening of 9 August 2021 needed: a waiting room that opens in two minutes (--opens-in), people by
the last digit of their birthday (today's), one device for each, and a crowd before
the door. The stage shows the room and lets you take a number yourself.

Everything listens on localhost only. Ctrl-C ends it.`,
		Example: "  sinho demo\n  sinho demo --base-port 9000 --rate 30\n  sinho demo --rate 0 --data ./state\n  sinho demo --scene august",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.validate(); err != nil {
				return err
			}
			return runDemo(cmd.Context(), d, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.IntVar(&d.base, "base-port", 8080, "port N of the broker; booking site N+1, school platform N+2, operator console N+3, simulators N+10 to N+14")
	f.Float64Var(&d.rate, "rate", 10, "logins a second by synthetic citizens, all providers together, 0 to 200; 0 for none; until every light is measured at least 20")
	f.StringVar(&d.data, "data", "", "folder for state that stays: store and keys (default: temporary, removed at the end)")
	f.Uint64Var(&d.seed, "seed", 1, "seed of all that is left to chance in the simulators and the crowd")
	f.StringVar(&d.scene, "scene", "", "begin with an evening: august is a waiting room before the booking site that opens in two minutes, with people by turns and on one device")
	f.DurationVar(&d.opensIn, "opens-in", 2*time.Minute, "how long after its beginning a scene's waiting room opens, 5s to 1h")
	f.BoolVar(&d.logs, "log", false, "write the broker's log to standard error as JSON lines; without it a reference (문의번호) on a page leads nowhere")
	return cmd
}

func (d demoOptions) validate() error {
	var errs []error
	if err := checkBase(d.base); err != nil {
		errs = append(errs, err)
	}
	if d.rate < 0 || d.rate > 200 || d.rate != d.rate {
		errs = append(errs, fmt.Errorf("--rate %v: it must be from 0 to 200 logins a second", d.rate))
	}
	if d.opensIn < 5*time.Second || d.opensIn > time.Hour {
		errs = append(errs, fmt.Errorf("--opens-in %v: it must be from 5s to 1h", d.opensIn))
	}
	if d.scene != "" && d.scene != sceneAugust {
		errs = append(errs, fmt.Errorf("--scene %q: there is %s", d.scene, sceneAugust))
	}
	return errors.Join(errs...)
}

// runDemo runs everything until ctx ends, which is a clean end.
func runDemo(ctx context.Context, d demoOptions, stdout, stderr io.Writer) error {
	doors := map[string][]net.Listener{}
	defer func() {
		for _, ls := range doors {
			for _, l := range ls {
				l.Close()
			}
		}
	}()
	for _, p := range d.places() {
		ls, err := bind(ctx, p, d.base)
		if err != nil {
			return err
		}
		doors[p.name] = ls
	}
	s, err := openState(d.data)
	if err != nil {
		return err
	}
	defer s.remove()
	log := slog.New(slog.DiscardHandler)
	if d.logs {
		log = slog.New(slog.NewJSONHandler(stderr, nil))
	}
	h, err := wire(d, s, log) //nolint:contextcheck // the waiting room goes by each request's
	if err != nil {
		return err
	}
	if err := firstLook(ctx, h.desk); err != nil {
		return errors.Join(err, h.close())
	}
	welcome(stdout, d, h.once.Password())

	// People leave first, then the doors close, then what stood behind them.
	people, sendHome := context.WithCancel(ctx)
	defer sendHome()
	behind, lightsOut := context.WithCancel(context.WithoutCancel(ctx))
	defer lightsOut()
	var g errgroup.Group
	g.Go(func() error { return settle(behind, h.live.Run(behind)) })
	g.Go(func() error { return settle(behind, h.desk.Run(behind)) })
	g.Go(func() error { return settle(behind, h.telling.Run(behind)) })
	g.Go(func() error { return settle(behind, h.desk.write(behind, func() *lights { return h.lights })) })
	g.Go(func() error { return settle(behind, h.stage.Run(behind)) })
	g.Go(func() error { return settle(people, h.crowd.Run(people)) })
	g.Go(func() error { return h.scene.run(behind, people) })
	g.Go(func() error { return warmUp(people, d, h, stdout) })
	err = serve(people, doors, h.serving, func() {
		lightsOut() // open event streams end with the lights
		h.console.Close()
		for _, one := range h.sims {
			one.Close()
		}
	})
	sendHome()
	lightsOut()
	return errors.Join(err, g.Wait(), h.close())
}

// settle makes the end that was asked for no error.
func settle(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// serve answers on every door until ctx ends, then drains for a few seconds.
func serve(ctx context.Context, doors map[string][]net.Listener, handlers map[string]http.Handler, release func()) error {
	g, ctx := errgroup.WithContext(ctx)
	for name, listeners := range doors {
		server := &http.Server{
			Handler:           handlers[name],
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		}
		for _, l := range listeners {
			g.Go(func() error {
				if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
					return fmt.Errorf("serve the %s: %w", name, err)
				}
				return nil
			})
		}
		g.Go(func() error {
			<-ctx.Done()
			release() // hung simulator requests would hold the doors open
			drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			if server.Shutdown(drain) != nil {
				_ = server.Close()
			}
			return nil
		})
	}
	return g.Wait()
}

func welcome(w io.Writer, d demoOptions, password string) {
	fmt.Fprintf(w, `Sinho demo · everything on localhost, every person fictional

  %-24s the stage: lights, people, buttons that break things
  %-24s a booking site: log in by any of five providers, book, log out
  %-24s a school platform: knows you after one "Continue"
  %-24s the operator console: why a light has its colour, and a word to overrule it
  %-24s one-time password %s (good for one sign-in; a restart gives a fresh one)
`, d.url(placeBroker), d.url(placeBooking), d.url(placeSchool), d.url(placeConsole), "", password)
	for i, p := range simulatedProviders() {
		fmt.Fprintf(w, "  %-24s simulated %s: faults by sliders\n", d.url(simPlace(i, p.id)), p.id)
	}
	fmt.Fprintf(w, `
  try   open the stage, press "Break Kakao", and watch the light and the people
  try   curl %s/signal
  try   curl -X PUT %s/control -d '{"hang":true}'
  stop  Ctrl-C

warming up: citizens log in until every light is measured
`, d.url(placeBroker), d.url(simPlace(1, "kakao")))
}

// warmUpRate is how many citizens come each second until every light is
// measured, when --rate asks for fewer.
const warmUpRate = 20

// warmUp lets citizens in until all lights are measured, then says so.
func warmUp(ctx context.Context, d demoOptions, h *house, stdout io.Writer) error {
	h.crowd.SetRate(max(d.rate, warmUpRate))
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !measured(h.live.Board()) {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	h.crowd.SetRate(d.rate)
	if d.scene == sceneAugust {
		if err := h.scene.begin(); err != nil { //nolint:contextcheck // requests bring theirs
			return err
		}
	}
	fmt.Fprintf(stdout, "ready %s\n", d.url(placeBroker))
	return nil
}

func measured(b signal.Board) bool {
	for _, p := range b.Providers {
		if !p.Measured {
			return false
		}
	}
	return len(b.Providers) > 0
}

// digits turns 1990-05-12 into 19900512.
func digits(date string) string { return strings.ReplaceAll(date, "-", "") }
