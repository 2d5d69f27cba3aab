package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sinho/citizen"
)

// siteFlags are those of the relying party.
func (o *loginOptions) siteFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.issuer, "issuer", "http://localhost:8080", "the broker, exactly as it names itself")
	f.StringVar(&o.clientID, "client-id", "playground", "a public client registered there (PKCE)")
	f.StringVar(&o.redirectURI, "redirect-uri", "http://localhost:3000/callback", "one that is registered for it; it is never dialled")
	f.StringVar(&o.scope, "scope", "openid profile", "scopes to ask for, openid among them")
}

// peopleFlags are those of what people do.
func (o *loginOptions) peopleFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Float64Var(&o.follow, "follow", 0.6, "share that takes the first suggestion, 0 to 1; the others are spread evenly")
	f.StringVar(&o.provider, "provider", "", "everybody takes this one")
	f.IntVar(&o.retries, "retries", 0, "how often a person tries again from the chooser, 0 to 10")
	f.IntVar(&o.reload, "reload", 0, "how often a person loads a page of the broker's address again that did not come (502, 503, 504, or no answer), a second later or when it says (Retry-After), 0 to 10")
	f.IntVar(&o.again, "again", 0, "how often a person begins anew at the site after a login that failed, a second later, 0 to 10")
	f.DurationVar(&o.away, "away", 0, "how long half of the people are at a provider's page (lognormal, sigma 0.6), 0 to 10m")
	f.Float64Var(&o.leave, "leave", 0, "share that leaves the provider's page and is not seen again, 0 to 1")
	f.DurationVar(&o.page, "page-patience", 0, "how long a provider's page is waited for before it counts as not come, 0 to 10m; 0: as long as --patience")
	f.DurationVar(&o.slow, "slow", 2*time.Second, "from when on the answer to a return from a provider counts as slow, above 0 to 1m")
	f.StringArrayVar(&o.people, "person", nil, "NAME,YYYYMMDD,PHONE for push forms; may be repeated (default: the demo's eight people)")
}

// runFlags are those of the run and its report.
func (o *loginOptions) runFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.tries, "tries", "", "CSV to write: each way to a provider that somebody took, its light, and what became of it")
	f.StringVar(&o.seconds, "seconds", "", "CSV to write: each second of the run, who came, what was asked and answered, who got in and how fast")
	f.Uint64Var(&o.seed, "seed", 1, "seed of who comes when and takes what")
	f.IntSliceVar(&o.pids, "pid", nil, "processes on this machine whose processor time and memory to tell; may be repeated")
	f.BoolVar(&o.json, "json", false, "write the report as JSON to standard output")
}

func (o loginOptions) validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for flag, value := range map[string]string{"--issuer": o.issuer, "--redirect-uri": o.redirectURI} {
		u, err := url.Parse(value)
		wrong(err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "", "%s %q: it must be an http or https address", flag, value)
	}
	wrong(o.clientID == "", "--client-id: it must not be empty")
	wrong(!(o.rate > 0 && o.rate <= 10_000), "--rate %v: it must be above 0 and at most 10000 logins a second", o.rate)
	wrong(o.span <= 0, "--for %v: it must be above 0", o.span)
	wrong(!(o.follow >= 0 && o.follow <= 1), "--follow %v: it must be from 0 to 1", o.follow)
	wrong(o.retries < 0 || o.retries > 10, "--retries %d: it must be from 0 to 10", o.retries)
	wrong(o.reload < 0 || o.reload > 10, "--reload %d: it must be from 0 to 10", o.reload)
	wrong(o.reload > 0 && o.citizen, "--reload: the --citizen walker cannot")
	wrong(o.again < 0 || o.again > 10, "--again %d: it must be from 0 to 10", o.again)
	wrong(o.patience <= 0, "--patience %v: it must be above 0", o.patience)
	wrong(o.away < 0 || o.away > 10*time.Minute, "--away %v: it must be from 0 to 10m", o.away)
	wrong(!(o.leave >= 0 && o.leave <= 1), "--leave %v: it must be from 0 to 1", o.leave)
	wrong(o.page < 0 || o.page > 10*time.Minute, "--page-patience %v: it must be from 0 to 10m", o.page)
	wrong(o.slow <= 0 || o.slow > time.Minute, "--slow %v: it must be above 0 and at most 1m", o.slow)
	wrong(o.citizen && (o.away > 0 || o.leave > 0 || o.page > 0 || o.tries != ""), "--away, --leave, --page-patience, --tries: the --citizen walker cannot")
	wrong(o.idle < 0, "--connections %d: it must not be below 0", o.idle)
	wrong(o.most < 1, "--max-in-flight %d: it must be at least 1", o.most)
	if _, err := o.crowd(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// crowd is who comes: the people of --person, or the simulators' own.
func (o loginOptions) crowd() ([]citizen.Person, error) {
	if len(o.people) == 0 {
		return citizen.People(), nil
	}
	var out []citizen.Person
	for _, p := range o.people {
		parts := strings.Split(p, ",")
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
			return nil, fmt.Errorf("--person %q: it must be NAME,YYYYMMDD,PHONE", p)
		}
		out = append(out, citizen.Person{Name: parts[0], Birthdate: parts[1], Phone: parts[2]})
	}
	return out, nil
}
