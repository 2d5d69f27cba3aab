package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sinho/config"
	"sinho/lobby/rota"
)

// rotaOptions are the command line of `sinho rota`.
type rotaOptions struct {
	path      string
	rota      string
	client    string
	birthdate string
	at        string
	came      string
	json      bool
}

func rotaCommand() *cobra.Command {
	o := rotaOptions{}
	cmd := &cobra.Command{
		Use:   "rota",
		Short: "say whose turn it is by a rota of sinho.yaml, or whether somebody's is",
		Long: `Says what a rota of sinho.yaml decides about a date of birth at a time, and by
which rule: whether somebody born on that day is admitted and until when, or when
their next turn is. Without --birthdate it says whose turn it is. It connects to
nothing; a running node decides the same by the clock of its store.

Exit code 0: it was decided, whatever it is. 2: it was not, for the command or the
configuration is wrong.`,
		Example: `  sinho rota --config /etc/sinho/sinho.yaml --birthdate 1990-05-12 --at "2021-08-12 20:00"
  sinho rota --client booking --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return badUsage(err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRota(o, os.LookupEnv, time.Now(), cmd.OutOrStdout())
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return badUsage(err) })
	configFlag(cmd, &o.path)
	f := cmd.Flags()
	f.StringVar(&o.rota, "rota", "", "the rota, by its id; not needed where there is one")
	f.StringVar(&o.client, "client", "", "instead: that of a client")
	f.StringVar(&o.birthdate, "birthdate", "", "date of birth, YYYY-MM-DD")
	f.StringVar(&o.at, "at", "", `the time: "2021-08-12 20:00" by the clock of the rota's zone, or RFC 3339; left out, now`)
	f.StringVar(&o.came, "came", "", "when they came from the site, written as --at; left out, at that time")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

// rotaSaid is what is printed.
type rotaSaid struct {
	Rota      string     `json:"rota"`
	Zone      string     `json:"zone"`
	Clients   []string   `json:"clients"`
	At        time.Time  `json:"at"`
	Birthdate string     `json:"birthdate,omitempty"`
	Admitted  *bool      `json:"admitted,omitempty"` // only with a birthdate
	Late      bool       `json:"late,omitempty"`     // by the grace
	Never     bool       `json:"never,omitempty"`
	Rule      *int       `json:"rule,omitempty"` // from 0, as in the file
	From      *time.Time `json:"from,omitempty"`
	To        *time.Time `json:"to,omitempty"`
	Open      *bool      `json:"open,omitempty"` // only without a birthdate
	Turns     []turnSaid `json:"turns,omitempty"`
	KO        string     `json:"ko"`
	EN        string     `json:"en"`
}

type turnSaid struct {
	Digit    *int       `json:"digit,omitempty"`
	BornFrom int        `json:"born_from,omitempty"`
	BornTo   int        `json:"born_to,omitempty"`
	From     time.Time  `json:"from"`
	To       *time.Time `json:"to,omitempty"`
}

func runRota(o rotaOptions, env func(string) (string, bool), now time.Time, stdout io.Writer) error {
	cfg, err := config.Load(o.path, env)
	if err != nil {
		return badUsage(err)
	}
	said := rotaSaid{Clients: []string{}}
	r, err := o.choose(cfg, &said)
	if err != nil {
		return badUsage(err)
	}
	said.Zone, said.At = r.Zone.String(), now.In(r.Zone).Truncate(time.Second)
	if o.at != "" {
		if said.At, err = timeIn(r.Zone, "--at", o.at); err != nil {
			return badUsage(err)
		}
	}
	came := said.At
	if o.came != "" {
		if came, err = timeIn(r.Zone, "--came", o.came); err != nil {
			return badUsage(err)
		}
	}
	if o.birthdate == "" {
		said.today(r)
	} else if err := said.decide(r, o.birthdate, came); err != nil {
		return badUsage(fmt.Errorf("--birthdate %w", err))
	}
	if o.json {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(said)
	}
	fmt.Fprintf(stdout, "%s\n%s\n", said.KO, said.EN)
	said.why(stdout, r)
	return nil
}

// choose finds the rota that is meant.
func (o rotaOptions) choose(cfg *config.Config, said *rotaSaid) (*rota.Rota, error) {
	all := cfg.Timetables()
	names := slices.Sorted(maps.Keys(all))
	said.Rota = o.rota
	for _, c := range cfg.Clients {
		if c.ID != o.client {
			continue
		}
		if c.Rota == "" {
			return nil, fmt.Errorf("--client %s: it has no rota, so everybody is admitted at any time", c.ID)
		}
		said.Rota = c.Rota
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("%s has no rotas: see docs/rota.md", o.path)
	case o.rota != "" && o.client != "":
		return nil, fmt.Errorf("write --rota or --client, not both")
	case said.Rota == "" && o.client != "":
		return nil, fmt.Errorf("--client %s: there is no such client", o.client)
	case said.Rota == "" && len(all) > 1:
		return nil, fmt.Errorf("write --rota: one of %s", strings.Join(names, ", "))
	case said.Rota == "":
		said.Rota = names[0]
	case all[said.Rota] == nil:
		return nil, fmt.Errorf("--rota %s: there is no such rota: one of %s", said.Rota, strings.Join(names, ", "))
	}
	for _, c := range cfg.Clients {
		if c.Rota == said.Rota {
			said.Clients = append(said.Clients, c.ID)
		}
	}
	return all[said.Rota], nil
}

// timeIn reads a time of the clock in a zone, one that it shows, or RFC 3339.
func timeIn(zone *time.Location, flag, text string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02 15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil && t.Format(layout) == text {
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s %q is no time: write \"2021-08-12 20:00\", by the clock of %s, or RFC 3339", flag, text, zone)
	}
	return t.In(zone), nil
}

// decide says what becomes of somebody.
func (s *rotaSaid) decide(r *rota.Rota, birthdate string, came time.Time) error {
	born, err := rota.ParseDate(birthdate)
	if err != nil {
		return err
	}
	d := r.Decide(born, came, s.At)
	s.Birthdate, s.Admitted, s.Late, s.Never = born.String(), &d.Admitted, d.Late, d.Never
	if d.Never {
		s.KO, s.EN = "들어올 수 없습니다. 남은 차례가 없습니다.", "Not admitted, and no turn is left."
		return nil
	}
	s.Rule = &d.Window.Rule
	s.From, s.To = inZone(d.Window.From, r.Zone), inZone(d.Window.To, r.Zone)
	switch {
	case d.Late:
		end := s.To.Add(r.Grace)
		s.KO = fmt.Sprintf("들어올 수 있습니다. 차례는 %s에 끝났지만, 그 전에 왔으므로 %s까지 마칠 수 있습니다.", clockOf(s.To), clockOf(&end))
		s.EN = fmt.Sprintf("Admitted: the turn was over at %s, but whoever came before that may finish until %s.", clockOf(s.To), clockOf(&end))
	case d.Admitted && s.To == nil:
		s.KO, s.EN = "들어올 수 있습니다. 끝나는 때는 없습니다.", "Admitted, with no end."
	case d.Admitted:
		s.KO = fmt.Sprintf("들어올 수 있습니다. %s까지입니다.", clockOf(s.To))
		s.EN = fmt.Sprintf("Admitted until %s.", clockOf(s.To))
	case s.To == nil:
		s.KO = fmt.Sprintf("아직 차례가 아닙니다. 다음 차례는 %s부터입니다.", clockOf(s.From))
		s.EN = fmt.Sprintf("Not admitted. The next turn begins at %s.", clockOf(s.From))
	default:
		s.KO = fmt.Sprintf("아직 차례가 아닙니다. 다음 차례는 %s부터 %s까지입니다.", clockOf(s.From), clockOf(s.To))
		s.EN = fmt.Sprintf("Not admitted. The next turn is from %s to %s.", clockOf(s.From), clockOf(s.To))
	}
	return nil
}

// today says whose turn it is.
func (s *rotaSaid) today(r *rota.Rota) {
	turns, open := r.Today(s.At)
	s.Open = &open
	var ko, en []string
	for _, t := range turns {
		one := turnSaid{BornFrom: t.BornFrom, BornTo: t.BornTo, From: t.From, To: inZone(t.To, r.Zone)}
		whoKO, whoEN := "모두", "everybody"
		if t.BornFrom != 0 || t.BornTo != 0 {
			years := yearsOf(t.BornFrom, t.BornTo)
			whoKO, whoEN = years+"년생", "born "+years
		}
		if t.Digit >= 0 {
			one.Digit = &t.Digit
			whoKO += fmt.Sprintf(" 중 생일 끝자리 %d", t.Digit)
			whoEN += fmt.Sprintf(", day of birth ending in %d", t.Digit)
		}
		span := clockOf(&one.From) + " –"
		if one.To != nil {
			span += " " + clockOf(one.To)
		}
		ko, en = append(ko, whoKO+" ("+span+")"), append(en, whoEN+" ("+span+")")
		s.Turns = append(s.Turns, one)
	}
	switch {
	case len(turns) == 0:
		s.KO, s.EN = "일정이 모두 끝났습니다.", "The rota is over."
	case open:
		s.KO, s.EN = "지금 차례: "+strings.Join(ko, ", "), "Now: "+strings.Join(en, ", ")
	default:
		s.KO, s.EN = "지금은 닫혀 있습니다. 다음 차례: "+strings.Join(ko, ", "), "Closed now. Next: "+strings.Join(en, ", ")
	}
}

// why says by which rule, in lines that need no second language.
func (s *rotaSaid) why(w io.Writer, r *rota.Rota) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	clients := strings.Join(s.Clients, ", ")
	if clients == "" {
		clients = "no client"
	}
	line("rota", "%s, of %s, zone %s, grace %v", s.Rota, clients, s.Zone, r.Grace)
	line("at", "%s", s.At.Format(readable))
	if s.Birthdate != "" {
		born, _ := rota.ParseDate(s.Birthdate)
		line("birthdate", "%s: the day ends in %d", s.Birthdate, born.Digit())
	}
	if s.Rule != nil {
		line("rule", "rules[%d] of it: %s", *s.Rule, ruleOf(r.Rules[*s.Rule]))
	}
}

// ruleOf says a rule in a few words.
func ruleOf(rule rota.Rule) string {
	at := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", int(d.Hours())%24, int(d.Minutes())%60) }
	var said string
	last := ""
	if rule.Last != (rota.Date{}) {
		last = " " + rule.Last.String()
	}
	if rule.Daily {
		said = fmt.Sprintf("%s –%s, each day %s–%s", rule.First, last, at(rule.Begin), at(rule.End))
	} else {
		if last != "" {
			last += " " + at(rule.End)
		}
		said = fmt.Sprintf("%s %s –%s", rule.First, at(rule.Begin), last)
	}
	if rule.Digit {
		said += ", by the last digit of the day"
	}
	if rule.BornFrom != 0 || rule.BornTo != 0 {
		said += ", born " + yearsOf(rule.BornFrom, rule.BornTo)
	}
	return said
}

// yearsOf is 1972–1985; 0 is an open end.
func yearsOf(from, to int) string {
	var a, b string
	if from != 0 {
		a = fmt.Sprint(from)
	}
	if to != 0 {
		b = fmt.Sprint(to)
	}
	if a == b {
		return a
	}
	return a + "–" + b
}

func inZone(t time.Time, zone *time.Location) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.In(zone)
	return &t
}

func clockOf(t *time.Time) string { return t.Format("2006-01-02 15:04") }

// rotaLines say in the summary of a configuration whose turn it is by each rota.
func rotaLines(w io.Writer, line func(name, format string, args ...any), cfg *config.Config, now time.Time) {
	all := cfg.Timetables()
	for _, one := range cfg.Rotas {
		r := all[one.ID]
		s := rotaSaid{At: now}
		s.today(r)
		var whose []string
		for _, c := range cfg.Clients {
			if c.Rota == one.ID {
				whose = append(whose, c.ID)
			}
		}
		of := cmp.Or(strings.Join(whose, ", "), "no client")
		line("rota", "%s, of %s, zone %s, grace %v. %s", one.ID, of, r.Zone, r.Grace, s.EN)
		if len(s.Turns) == 0 {
			fmt.Fprintf(w, "warning: the rota %s is over, so it lets nobody in any more\n", one.ID)
		}
		if len(whose) == 0 {
			fmt.Fprintf(w, "warning: no client goes by the rota %s\n", one.ID)
		}
	}
}
