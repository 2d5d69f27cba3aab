package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sinho/config"
	"sinho/providers"
)

// codedError is an error with an exit code of its own.
type codedError struct {
	error
	code int
}

// Unwrap gives the cause.
func (e codedError) Unwrap() error { return e.error }

// badUsage makes an error one of how the program was called: exit code 2.
func badUsage(err error) error { return codedError{err, 2} }

// doctorOptions are the command line of `sinho doctor`.
type doctorOptions struct {
	path    string
	only    []string
	timeout time.Duration
	noToken bool
	json    bool
}

func doctorCommand() *cobra.Command {
	o := doctorOptions{}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "look at every provider from this machine, and say what is wrong",
		Long: `Asks each enabled provider of sinho.yaml, all at once, from the machine it runs
on: name resolution, TLS (chain, days left), discovery, keys, clocks, the page
people are sent to (opened, not followed), and whether the provider knows us,
with a code that cannot be good. Nobody is logged in and nothing is changed. A
provider's own log may show the refused code; --no-token leaves it out.

Each line is ok, warn (look at it), wrong, or skip. Exit code 0: nothing is
wrong. 1: something is. 2: it was not looked at, for the command or the
configuration is wrong.`,
		Example: `  sinho doctor --config /etc/sinho/sinho.yaml
  sinho doctor --provider kakao --provider toss --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return badUsage(err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.Context(), o, newDoctor(o), os.LookupEnv, cmd.OutOrStdout())
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return badUsage(err) })
	configFlag(cmd, &o.path)
	f := cmd.Flags()
	f.StringArrayVar(&o.only, "provider", nil, "look at this provider only, also when it is not enabled; may be repeated")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "the end of every single check, 1s to 1m")
	f.BoolVar(&o.noToken, "no-token", false, "show no credentials to any provider")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

// doctor is how providers are looked at.
type doctor struct {
	timeout time.Duration
	token   bool
	now     func() time.Time
	resolve func(context.Context, string) ([]netip.Addr, error)
	roots   *x509.CertPool // nil: those the machine trusts
	public  string         // public_url
}

func newDoctor(o doctorOptions) *doctor {
	return &doctor{
		timeout: o.timeout, token: !o.noToken, now: machineClock(),
		resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
	}
}

// State of a finding.
const (
	isFine       = "ok"
	isWorthALook = "warn"
	isWrong      = "wrong"
	isSkipped    = "skip"
)

// finding is what one check says.
type finding struct {
	Check  string `json:"check"` // dns, tls, discovery, keys, clock, page, token
	State  string `json:"state"`
	Detail string `json:"detail"`
	Do     string `json:"do,omitempty"`
}

// patient is one provider that was looked at.
type patient struct {
	ID     string         `json:"id"`
	Kind   string         `json:"kind"`
	Name   providers.Text `json:"name"`
	Checks []finding      `json:"checks"`
}

// chart is the whole answer.
type chart struct {
	Providers []patient `json:"providers"`
	Checks    int       `json:"checks"`
	Warnings  int       `json:"warnings"`
	Wrong     int       `json:"wrong"`
}

func runDoctor(ctx context.Context, o doctorOptions, d *doctor, env func(string) (string, bool), stdout io.Writer) error {
	if o.timeout < time.Second || o.timeout > time.Minute {
		return badUsage(fmt.Errorf("--timeout %v: write 1s to 1m", o.timeout))
	}
	cfg, err := config.Load(o.path, env)
	if err != nil {
		return badUsage(err)
	}
	chosen, err := choose(cfg, o.only)
	if err != nil {
		return badUsage(err)
	}
	d.public = cfg.PublicURL
	c := d.visit(ctx, chosen)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if o.json {
		e := json.NewEncoder(stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(c)
	} else {
		err = c.print(stdout)
	}
	switch {
	case err != nil:
		return fmt.Errorf("doctor: %w", err)
	case c.Wrong > 0:
		return errors.New(countOf(c.Wrong, "thing is wrong", "things are wrong"))
	}
	return nil
}

// choose the providers to look at: the enabled ones, or those that are named.
func choose(cfg *config.Config, only []string) ([]config.Provider, error) {
	if len(only) == 0 {
		return cfg.Enabled(), nil
	}
	var chosen []config.Provider
	for _, p := range cfg.Providers {
		if slices.Contains(only, p.ID) {
			chosen = append(chosen, p)
		}
	}
	for _, id := range only {
		if !slices.ContainsFunc(chosen, func(p config.Provider) bool { return p.ID == id }) {
			return nil, fmt.Errorf("--provider %s: there is none of that id in the configuration", id)
		}
	}
	return chosen, nil
}

// visit looks at all of them at once; they come back in the order given.
func (d *doctor) visit(ctx context.Context, all []config.Provider) chart {
	c := chart{Providers: make([]patient, len(all))}
	var g errgroup.Group
	for i, p := range all {
		g.Go(func() error {
			c.Providers[i] = d.examine(ctx, p)
			return nil
		})
	}
	_ = g.Wait() // none fails
	for _, p := range c.Providers {
		for _, f := range p.Checks {
			switch f.State {
			case isWrong:
				c.Wrong++
			case isWorthALook:
				c.Warnings++
			case isSkipped:
				continue
			}
			c.Checks++
		}
	}
	return c
}

// print writes a block for each provider and a line that sums up.
func (c *chart) print(w io.Writer) error {
	var b strings.Builder
	for _, p := range c.Providers {
		fmt.Fprintf(&b, "%s  %s", p.ID, p.Name.KO)
		if p.Name.EN != p.Name.KO {
			fmt.Fprintf(&b, " %s", p.Name.EN)
		}
		b.WriteString("\n")
		for _, f := range p.Checks {
			fmt.Fprintf(&b, "  %-5s %-9s %s\n", f.State, f.Check, f.Detail)
			if f.Do != "" {
				fmt.Fprintf(&b, "  %-5s %-9s → %s\n", "", "", f.Do)
			}
		}
	}
	fmt.Fprintf(&b, "%s, %s: %d wrong, %s\n", countOf(len(c.Providers), "provider", "providers"),
		countOf(c.Checks, "check", "checks"), c.Wrong, countOf(c.Warnings, "to look at", "to look at"))
	_, err := io.WriteString(w, b.String())
	return err
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
