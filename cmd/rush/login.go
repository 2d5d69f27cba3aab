package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// loginOptions are the command line of `rush login`.
type loginOptions struct {
	issuer, clientID, redirectURI, scope string

	rate     float64
	span     time.Duration
	follow   float64
	provider string
	retries  int
	reload   int
	again    int
	patience time.Duration
	manners
	leave   float64
	tries   string
	seconds string
	most    int
	idle    int    // connections that are kept; 0: as many as most
	files   uint64 // that may be open at once; 0: two for each of most
	seed    uint64
	people  []string
	pids    []int
	citizen bool
	json    bool
}

func loginCommand() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login",
		Short: "complete logins, from /authorize to a verified ID token and userinfo",
		Long: `Sends people to log in at a running Sinho. Each has a browser of their own and
walks the real pages: authorization request, chooser, the provider's page or the
wait for a phone, back to the redirect URI; then the site's part: code for
tokens, the ID token verified, userinfo compared.

Arrivals are open loop: they come at random around --rate whether or not anybody
is done, and latency counts from the moment each was due. The redirect URI only
has to be registered; nobody listens there and nobody needs to.

The whole login is told apart into waiting for the broker's origin (a callback
holds the provider's server legs in it), waiting for other origins, and people's
pauses there and on waiting pages; "beyond" is the whole without the last two. Scripts,
styles and images are not loaded. Processor time is good for comparison at
saturation only: below it, waking from idle doubles it.

Each way to a provider that somebody takes is counted by the light the chooser
showed them ("lights" in the document): whether it then failed, dragged (--slow)
or vanished by the provider's fault, which is how Sinho counts green honesty of
itself, but from outside.`,
		Example: `  sinho demo --rate 0                                     # in another terminal
  rush login --rate 100 --for 1m
  rush login --rate 200 --provider kakao --pid $(pgrep -x sinho)
  rush login --rate 556 --for 10m --follow 1 --json > run.json
  rush login --rate 40 --for 1h --away 6s --leave 0.03 --page-patience 15s --retries 2 --tries ways.csv
  rush login --rate 5 --citizen                           # the full HTML parser`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return runLogin(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	o.siteFlags(cmd)
	o.peopleFlags(cmd)
	o.runFlags(cmd)
	f.Float64Var(&o.rate, "rate", 50, "arrivals a second, above 0 to 10000")
	f.DurationVar(&o.span, "for", 30*time.Second, "how long people come; those under way may finish")
	f.DurationVar(&o.patience, "patience", time.Minute, "how long one login may take")
	f.IntVar(&o.most, "max-in-flight", 4000, "logins under way at once; who comes beyond is shed and counted")
	f.IntVar(&o.idle, "connections", 0, "connections kept for the next request, and about as many requests at once; 0: as many as --max-in-flight. Set it when most who are under way wait, as those who are told to come again do")
	f.BoolVar(&o.citizen, "citizen", false, "walk with the full HTML parser instead of the lean one")
	return cmd
}

// walks is a way to walk a login: lean, or with package citizen.
type walks interface {
	walk(ctx context.Context, p person, buf *bytes.Buffer) outcome
}

// loginRun is one run of load.
type loginRun struct {
	loginOptions
	site    *site
	way     walks
	storm   *stormOptions // nil: nobody waits for an opening
	room    *room         // with it
	tally   *tally
	answers *answers
	each    *table // second
	watch   []*process
	began   time.Time
	took    time.Duration
	stopped bool      // before its time
	buffers sync.Pool // of *bytes.Buffer, one for each person under way
}

// runLogin runs the load and writes its report. When ctx ends early, the report
// is of what has been.
func runLogin(ctx context.Context, o loginOptions, stdout, stderr io.Writer) error {
	r, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	return r.finish(ctx, stdout, stderr)
}

// finish is the run and its report.
func (r *loginRun) finish(ctx context.Context, stdout, stderr io.Writer) error {
	r.load(ctx, stderr)
	err := errors.Join(r.tally.tries.close(), r.each.close())
	if r.room != nil {
		err = errors.Join(err, r.room.stays.out.close(), r.room.returns.close())
	}
	if err != nil {
		return err
	}
	doc := r.report()
	if r.json {
		enc := json.NewEncoder(stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(doc)
	} else {
		err = doc.table(stdout)
	}
	if err == nil && doc.In == 0 && doc.Came > doc.Stopped+doc.Left {
		err = errors.New("not one login got in")
	}
	return err
}

// prepare checks everything that can be wrong before the first arrival: open
// files, the issuer, client and redirect URI, the provider, the processes.
func prepare(ctx context.Context, o loginOptions) (*loginRun, error) {
	need := o.files
	if need == 0 {
		need = uint64(cmp.Or(o.idle, o.most)) * 2 //nolint:gosec // at least 1
	}
	err := enoughFiles(need+64, func(allowed uint64) string {
		if o.idle > 0 && o.files == 0 {
			return fmt.Sprintf("take --connections %d", max(allowed, 66)/2-32)
		}
		return fmt.Sprintf("take --max-in-flight %d", max(allowed, 66)/2-32)
	})
	if err != nil {
		return nil, err
	}
	rt := newTransport(cmp.Or(o.idle, o.most), o.patience)
	s, err := newSite(ctx, rt, site{issuer: o.issuer, clientID: o.clientID, redirectURI: o.redirectURI, scope: o.scope})
	if err != nil {
		return nil, err
	}
	c, err := s.carrier(rt)
	if err != nil {
		return nil, err
	}
	if err := try(ctx, s, c, o); err != nil {
		return nil, err
	}
	c.answers = new(answers) // those of the try are not of the run
	r := &loginRun{loginOptions: o, site: s, tally: newTally(), answers: c.answers, way: &walker{site: s, carrier: c, retries: o.retries, reload: o.reload, manners: o.manners}}
	if o.citizen {
		r.way = &full{site: s, carrier: c, retries: o.retries, patience: o.patience}
	}
	r.buffers.New = func() any { return new(bytes.Buffer) }
	if r.watch, err = watchProcesses(o.pids); err != nil {
		return nil, err
	}
	r.watch = append(r.watch, ourselves()...)
	if r.tally.tries, err = newTable("--tries", o.tries, wayHeader); err != nil {
		return nil, err
	}
	r.each, err = newTable("--seconds", o.seconds, secondHeader)
	return r, err
}

// try asks for one login and looks at what comes back, so that a wrong client
// or redirect URI is told before thousands of people meet it. A broker that is
// merely busy does not stop a run.
func try(ctx context.Context, s *site, c *carrier, o loginOptions) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second) // --patience is of people
	defer cancel()
	g := &walking{walker: &walker{site: s, carrier: c}, buf: new(bytes.Buffer), jar: new(jar)}
	to, err := url.Parse(s.start(newLogin()))
	if err != nil {
		return fmt.Errorf("authorization endpoint of %s: %w", s.issuer, err)
	}
	page, f := g.visit(ctx, "GET", to, nil, "")
	switch {
	case f != nil:
		return fmt.Errorf("ask %s for a login: %w", s.issuer, f)
	case g.back != nil:
		return fmt.Errorf("%s answers client %q with %s: %s", s.issuer, s.clientID, g.back.Get("error"), g.back.Get("error_description"))
	case page.status >= 400 && page.status < 500:
		return fmt.Errorf("%s does not take client %q with redirect URI %s (status %d): %s", s.issuer, s.clientID, s.redirectURI, page.status, gist(g.buf.Bytes()))
	}
	var offered []string
	for _, c := range page.choices() {
		if offered = append(offered, c.provider); c.provider == o.provider {
			return nil
		}
	}
	if o.provider != "" && len(offered) > 0 {
		return fmt.Errorf("--provider %s: the chooser offers %s", o.provider, strings.Join(offered, ", "))
	}
	return nil
}

// load lets people come, and waits for the last of them.
func (r *loginRun) load(ctx context.Context, stderr io.Writer) {
	crowd, _ := r.crowd()                                  // validated
	chance := rand.New(rand.NewPCG(r.seed, math.MaxInt32)) //nolint:gosec // who comes when is no secret, and a seed repeats it
	loop := &openLoop[person]{
		rate: r.rate, span: r.span, most: r.most, gap: poisson(chance),
		draw: func() person {
			p := person{
				follows: chance.Float64() < r.follow, other: chance.Uint32(), provider: r.provider,
				who: crowd[chance.IntN(len(crowd))],
			}
			if r.away > 0 {
				p.pace = chance.NormFloat64()
			}
			p.leaves = r.leave > 0 && chance.Float64() < r.leave
			if r.storm != nil {
				p.habits = r.storm.habits(chance)
			}
			return p
		},
		walk: r.one, shed: func(person) { r.tally.turnedAway() }, late: r.tally.arrived,
	}
	if r.storm != nil {
		loop.pace, loop.span = r.storm.pace, r.storm.early+r.span
		if r.storm.begins(ctx) != nil {
			return
		}
	}
	watching, enough := context.WithCancel(context.WithoutCancel(ctx))
	defer enough()
	var behind sync.WaitGroup
	behind.Go(func() { sample(watching, r.watch) })
	behind.Go(func() { r.progress(watching, stderr, loop) })
	r.began = time.Now()
	loop.run(ctx)
	r.took = time.Since(r.began)
	r.stopped = ctx.Err() != nil
	enough()
	behind.Wait()
	for _, p := range r.watch {
		p.look()
	}
}

// one is one person's login.
func (r *loginRun) one(ctx context.Context, p person, due time.Time) {
	bounded, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	buf, _ := r.buffers.Get().(*bytes.Buffer)
	defer r.buffers.Put(buf)
	o := r.way.walk(bounded, p, buf)
	for n := 0; n < r.again && !o.in && !own(o.failure.kind) && bounded.Err() == nil; n++ {
		p.provider, p.follows, p.leaves = "", true, false
		o = r.anew(bounded, p, buf, &o)
	}
	switch {
	case o.in:
	case ctx.Err() != nil:
		o.failure.kind = kindStopped
	case o.failure.kind == kindStopped: // somebody else's cancelling
		o.failure.kind = kindNetwork
	}
	r.tally.ended(&o, time.Since(due))
}

// anew is the same person once more from the site, a moment after a login that
// failed. What had been before is in the outcome too.
func (r *loginRun) anew(ctx context.Context, p person, buf *bytes.Buffer, before *outcome) outcome {
	began := time.Now()
	if err := pause(ctx, onSecondThought); err != nil {
		return *before
	}
	waited := time.Since(began)
	o := r.way.walk(ctx, p, buf)
	o.notices = slices.Concat(before.notices, []string{kindBegan + "-" + before.failure.kind}, o.notices)
	o.ways = slices.Concat(before.ways, o.ways)
	o.tries += before.tries
	o.ledger.broker += before.ledger.broker
	o.ledger.provider += before.ledger.provider
	o.ledger.person += before.ledger.person + waited
	return o
}

// onSecondThought is how long a person looks at a page that did not come before
// they load it again, or begin anew.
const onSecondThought = time.Second

// secondHeader names the columns of --seconds.
const secondHeader = "at_ms,came,asked,later,in,failed,under_way,beyond_p50_ms,beyond_p95_ms"

// second looks at what was since the last look, and writes it to the file of
// --seconds.
func (r *loginRun) second(underWay int64) (s second, failed, shed int64) {
	s, failed, shed = r.tally.tick()
	asked, later := r.answers.tick()
	r.each.write(fmt.Sprintf("%d,%d,%d,%d,%d,%d,%d,%g,%g", time.Now().UnixMilli(), s.came, asked, later, s.in, s.failed, underWay,
		inMS(s.beyond.at(0.5)), inMS(s.beyond.at(0.95))))
	return s, failed, shed
}

// progress writes a line a second.
func (r *loginRun) progress(ctx context.Context, w io.Writer, loop *openLoop[person]) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			r.second(loop.underWay.Load())
			return
		case <-tick.C:
			s, failed, shed := r.second(loop.underWay.Load())
			fmt.Fprintf(w, "%4.0f s  %4d came  %4d in  p50 %s  p99 %s  beyond p99 %s  %5d under way  %d failed  %d shed\n",
				time.Since(began).Seconds(), s.came, s.in, short(s.whole.at(0.5)), short(s.whole.at(0.99)), short(s.beyond.at(0.99)),
				loop.underWay.Load(), failed, shed)
		}
	}
}

// short is a duration for people, seven columns wide.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%5.1f s", d.Seconds())
	case d >= 100*time.Millisecond:
		return fmt.Sprintf("%4.0f ms", inMS(d))
	default:
		return fmt.Sprintf("%4.1f ms", inMS(d))
	}
}
