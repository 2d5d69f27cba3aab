package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// watchOptions are the command line of `rush watch`.
type watchOptions struct {
	issuer    string
	watchers  int
	slow      int
	span      time.Duration
	ramp      time.Duration
	reconnect float64
	from      string
	each      int
	seed      uint64
	pids      []int
	json      bool
}

func watchCommand() *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "a swarm of watchers of the lights",
		Long: `Holds many WebSocket connections to a Sinho's lights and counts what reaches
them. A frame's delay is from the time it carries to its receipt, which means
something only where both clocks are one, and only as finely as the server
writes its time (whole seconds make it up to a second too long); "behind" is
how much later than the first watcher of this swarm each one had the same
frame, on one clock and exact. The frame a connection starts with, which may be
old, counts for neither.

A watcher that is refused (503) comes back after what Retry-After says; one
whose connection ends, by itself or by --reconnect, comes back after a random
time up to 1 s, doubling with each failure in a row up to 2 min.

One process can hold as many watchers as it may open files (ulimit -n). One
source address has about 28,000 ports towards one server: several processes
against a server on this machine use --from with different addresses.`,
		Example: `  rush watch --watchers 5000 --for 1m --pid $(pgrep -x sinho)
  rush watch --watchers 1000 --slow 100 --for 2m           # some stop reading
  rush watch --watchers 5000 --reconnect 0.5               # half of them a minute
  rush watch --watchers 18000 --from 127.1.1.1 & rush watch --watchers 18000 --from 127.1.2.1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return runWatch(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.issuer, "issuer", "http://localhost:8080", "the broker; its lights are at /signal/ws")
	f.IntVar(&o.watchers, "watchers", 1000, "how many, 1 to 1000000")
	f.IntVar(&o.slow, "slow", 0, "how many of them stop reading once connected")
	f.DurationVar(&o.span, "for", 30*time.Second, "how long, ramp included")
	f.DurationVar(&o.ramp, "ramp", 0, "over how long they come (default: 1000 a second, at least 1 s)")
	f.Float64Var(&o.reconnect, "reconnect", 0, "share that hangs up and comes back each minute, 0 to 60")
	f.StringVar(&o.from, "from", "", "first source address, such as 127.1.1.1; each further --per-address watchers take the next one")
	f.IntVar(&o.each, "per-address", 15_000, "watchers of one source address")
	f.Uint64Var(&o.seed, "seed", 1, "seed of who comes and goes when")
	f.IntSliceVar(&o.pids, "pid", nil, "processes on this machine whose processor time and memory to tell; may be repeated")
	f.BoolVar(&o.json, "json", false, "write the report as JSON to standard output")
	return cmd
}

func (o watchOptions) validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if _, err := o.socket(); err != nil {
		errs = append(errs, err)
	}
	wrong(o.watchers < 1 || o.watchers > 1_000_000, "--watchers %d: it must be from 1 to 1000000", o.watchers)
	wrong(o.slow < 0 || o.slow > o.watchers, "--slow %d: it must be from 0 to the %d watchers", o.slow, o.watchers)
	wrong(o.span <= 0, "--for %v: it must be above 0", o.span)
	wrong(o.ramp < 0 || o.ramp > o.span, "--ramp %v: it must be from 0 to --for, which is %v", o.ramp, o.span)
	wrong(!(o.reconnect >= 0 && o.reconnect <= 60), "--reconnect %v: it must be from 0 to 60", o.reconnect)
	wrong(o.each < 1 || o.each > 28_000, "--per-address %d: it must be from 1 to 28000", o.each)
	if _, err := o.sources(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// socket is the address of the lights.
func (o watchOptions) socket() (string, error) {
	u, err := url.Parse(o.issuer)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("--issuer %q: it must be an http or https address", o.issuer)
	}
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	u.Path = strings.TrimSuffix(u.Path, "/") + "/signal/ws"
	return u.String(), nil
}

// sources are the addresses watchers connect from, each for o.each of them; nil
// leaves it to the system.
func (o watchOptions) sources() ([]netip.Addr, error) {
	if o.from == "" {
		if o.watchers <= o.each {
			return nil, nil
		}
		o.from = "127.1.1.1" // only a server on this machine can be reached so
		if u, err := url.Parse(o.issuer); err != nil || !loopback(u.Hostname()) {
			return nil, fmt.Errorf("--watchers %d: more than --per-address %d need --from with a source address of this machine", o.watchers, o.each)
		}
	}
	addr, err := netip.ParseAddr(o.from)
	if err != nil {
		return nil, fmt.Errorf("--from %q: it must be an IP address", o.from)
	}
	var all []netip.Addr
	for n := 0; n < o.watchers; n += max(o.each, 1) {
		all = append(all, addr)
		addr = addr.Next()
	}
	return all, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// runWatch holds the swarm and writes its report. When ctx ends early, the
// report is of what has been.
func runWatch(ctx context.Context, o watchOptions, stdout, stderr io.Writer) error {
	need := uint64(o.watchers) + 128 //nolint:gosec // at least 1
	err := enoughFiles(need, func(allowed uint64) string {
		return fmt.Sprintf("take --watchers %d in each of several processes", max(allowed, 129)-128)
	})
	if err != nil {
		return err
	}
	to, err := o.socket()
	if err != nil {
		return err
	}
	from, err := o.sources()
	if err != nil {
		return err
	}
	dialer := newSocketDialer(to, from, o.each)
	if err := reachable(ctx, dialer, to); err != nil {
		return err
	}
	processes, err := watchProcesses(o.pids)
	if err != nil {
		return err
	}
	processes = append(processes, ourselves()...)
	s := newSwarm(o, dialer.dial)
	watching, enough := context.WithCancel(context.WithoutCancel(ctx))
	defer enough()
	var behind sync.WaitGroup
	behind.Go(func() { sample(watching, processes) })
	behind.Go(func() { s.progress(watching, stderr) })
	s.run(ctx, func() { // while all are still connected
		enough()
		behind.Wait()
		for _, p := range processes {
			p.look()
		}
	})
	doc := s.report(to, processes)
	if !o.json {
		return doc.table(stdout)
	}
	enc := json.NewEncoder(stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// reachable connects once, so that a wrong address is told before thousands try.
func reachable(ctx context.Context, d *socketDialer, to string) error {
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	c, err := d.dial(ctx, 0, false)
	if busy, ok := errors.AsType[*refusal](err); ok && busy.status == 503 {
		return nil // it is there, and full
	}
	if err != nil {
		return fmt.Errorf("connect to the lights at %s: %w", to, err)
	}
	c.close()
	return nil
}
