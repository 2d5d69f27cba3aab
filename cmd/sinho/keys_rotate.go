package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sinho/broker"
	"sinho/broker/keys"
)

const (
	// soonest is how long after it is published a key may begin: clients have let
	// go of the old /jwks, and every node has looked at its folder.
	soonest = broker.JWKSAge + lookEvery + 10*time.Second
	// usually leaves time to copy the folder to nodes that do not share it.
	usually = time.Hour
)

// rotation is what `sinho keys rotate` was asked for.
type rotation struct {
	dir     string
	after   span // until the new keys begin
	ifOlder span // 0: in any case
	only    string
	force   bool
}

func keysRotateCommand() *cobra.Command {
	r := rotation{after: span(usually)}
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "make new keys, which take over after a while",
		Long: fmt.Sprintf(`Makes a new key of each kind and algorithm that is there. It is published (or opens) at once, signs (or
seals) after --after, and the old ones stay until everything they made has
expired: %v for signing, %v for sealing. Nodes take the changed folder by
themselves and switch at the instant that stands in it.

Nodes that do not share the folder need a copy of it before --after is over.

With --if-older it may be run every day by a timer, on one node or on all nodes
of a shared folder: it does nothing while the newest key is younger, or while one
waits to take over.`, broker.VerifiesFor, broker.OpensFor),
		Example: "  sinho keys rotate --dir /etc/sinho/keys\n  sinho keys rotate --dir /etc/sinho/keys --if-older 90d --after 24h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return keysRotate(r, time.Now(), cmd.OutOrStdout())
		},
	}
	keysDirFlag(cmd, &r.dir, "the folder of keys")
	cmd.Flags().Var(&r.after, "after", fmt.Sprintf("when the new keys take over, %v at least", soonest))
	cmd.Flags().Var(&r.ifOlder, "if-older", "do nothing while the newest key is younger than this, such as 90d")
	cmd.Flags().StringVar(&r.only, "only", "", forSigning+" or "+forSealing+": leave the other kind alone")
	cmd.Flags().BoolVar(&r.force, "force", false, "allow an --after that clients and nodes may miss")
	return cmd
}

// keysRotate adds a key of each kind that wants one.
func keysRotate(r rotation, now time.Time, stdout io.Writer) error {
	now = now.UTC().Truncate(time.Second)
	after := time.Duration(r.after)
	switch {
	case r.only != "" && r.only != forSigning && r.only != forSealing:
		return fmt.Errorf("keys rotate: --only %s: write %s or %s", r.only, forSigning, forSealing)
	case after < 0, after < soonest && !r.force:
		return fmt.Errorf("keys rotate: --after %v is too soon: clients keep /jwks for %v and nodes look every %v, so write %v at least; --force allows it where nobody is hurt",
			after, broker.JWKSAge, lookEvery, soonest)
	}
	var told []string
	err := changeVault(r.dir, now, func(s *secrets) (err error) {
		told, err = r.apply(s, now, now.Add(after).Truncate(time.Second))
		return err
	})
	for _, line := range told {
		fmt.Fprintln(stdout, line)
	}
	switch {
	case errors.Is(err, errUnchanged) && r.ifOlder > 0:
		return nil // a timer that has nothing to do is no failure
	case err != nil:
		return fmt.Errorf("keys rotate: %s: %w", r.dir, err)
	}
	fmt.Fprintf(stdout, "nodes that share %s take it by themselves; copy it to all others before then\n", r.dir)
	return nil
}

// apply adds to s what is due, active from from on, and tells what was done.
func (r rotation) apply(s *secrets, now, from time.Time) (told []string, err error) {
	sealing, _ := s.sealing.line()
	due := func(use string, lines ...[]keys.Span) bool {
		if r.only != "" && r.only != use {
			return false
		}
		why := r.notYet(lines, now)
		if why == "" {
			told = append(told, fmt.Sprintf("%s: a new key takes over at %s", use, from.Format(time.RFC3339)))
			return true
		}
		told = append(told, fmt.Sprintf("%s: %s, so nothing is done", use, why))
		return false
	}
	err = errUnchanged
	if due(forSigning, s.signingLines(now)...) {
		if s.keys, err = s.keys.Rotate(now, from, broker.VerifiesFor); err != nil {
			return nil, err
		}
	}
	if due(forSealing, sealing) {
		if s.sealing, err = s.sealing.rotate(now, from, broker.OpensFor); err != nil {
			return nil, err
		}
	}
	return told, err
}

// signingLines are the time lines of the signing keys, one for each algorithm.
func (s secrets) signingLines(now time.Time) (lines [][]keys.Span) {
	byAlg := map[string][]keys.Span{}
	for _, k := range s.keys.Keys(now) {
		byAlg[k.Algorithm] = append(byAlg[k.Algorithm], k.Span)
	}
	for _, alg := range s.keys.Algorithms() {
		lines = append(lines, byAlg[alg])
	}
	return lines
}

// notYet says why a kind needs no new key now, "" when it does. Its algorithms
// are rotated together, when the oldest of their newest keys is old: one that was
// added yesterday keeps nobody young.
func (r rotation) notYet(lines [][]keys.Span, now time.Time) (why string) {
	least := time.Duration(r.ifOlder)
	for _, line := range lines {
		if i := slices.IndexFunc(line, func(s keys.Span) bool { return s.From.After(now) }); i >= 0 {
			return "a new key waits until " + keys.FormatTime(line[i].From)
		}
	}
	for _, line := range lines {
		newest := line[keys.Newest(line)]
		began := newest.From
		if began.IsZero() {
			began = newest.Made // of the very first keys
		}
		age := now.Sub(began)
		if began.IsZero() || age >= least {
			return ""
		}
		if told := fmt.Sprintf("the newest key is %v old", age.Round(time.Minute)); why == "" {
			why = told
		}
	}
	return why
}

// span is a duration that may be written in days: 90d.
type span time.Duration

func (s *span) String() string { return time.Duration(*s).String() }

// Type names it in the help.
func (*span) Type() string { return "duration" }

// Set reads 90d, or what time.ParseDuration reads.
func (s *span) Set(text string) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 12)
		if err != nil {
			return errors.New("write a number of days such as 90d")
		}
		*s = span(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("write a duration such as 90d, 24h or 15m")
	}
	*s = span(d)
	return nil
}
