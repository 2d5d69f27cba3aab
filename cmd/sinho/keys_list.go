package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sinho/broker/keys"
	"sinho/config"
)

// What a key is for.
const (
	forSigning = "sign"
	forSealing = "seal"
)

// sealingAlgorithm is what package seal does with its keys.
const sealingAlgorithm = "XChaCha20-Poly1305"

// keyView is what may be told of a key.
type keyView struct {
	ID        string     `json:"id"`
	Use       string     `json:"use"` // sign or seal
	Algorithm string     `json:"alg"`
	State     keys.State `json:"state"`
	Made      *time.Time `json:"made,omitempty"`  // unknown before keys had time lines
	From      *time.Time `json:"from,omitempty"`  // since ever
	Until     *time.Time `json:"until,omitempty"` // not decided
}

// views of all keys at now: those that sign, then those that seal, each kind in
// the order in which they follow each other.
func (s secrets) views(now time.Time) []keyView {
	var all []keyView
	add := func(id, use, alg string, state keys.State, span keys.Span) {
		set := func(t time.Time) *time.Time {
			if t.IsZero() {
				return nil
			}
			t = t.UTC()
			return &t
		}
		all = append(all, keyView{id, use, alg, state, set(span.Made), set(span.From), set(span.Until)})
	}
	for _, k := range s.keys.Keys(now) {
		add(k.ID, forSigning, k.Algorithm, k.State, k.Span)
	}
	states := s.sealing.states(now)
	for i, k := range s.sealing {
		add(k.id(), forSealing, sealingAlgorithm, states[i], k.Span)
	}
	begins := func(v keyView) time.Time {
		if v.From == nil {
			return time.Time{}
		}
		return *v.From
	}
	slices.SortStableFunc(all, func(a, b keyView) int {
		return cmp.Or(-cmp.Compare(a.Use, b.Use), cmp.Compare(a.Algorithm, b.Algorithm), begins(a).Compare(begins(b)))
	})
	return all
}

func keysListCommand() *cobra.Command {
	var dir string
	var asJSON, utc bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "show every key and its time line, no secrets",
		Long: `Shows the keys of a folder: published (known to all, not yet in use), active
(signs or seals), retired (what it made is still alive) and removed (over; the
next rotation drops it). The pepper has no time line; its fingerprint is shown.`,
		Example: "  sinho keys list --dir /etc/sinho/keys\n  sinho keys list --dir /etc/sinho/keys --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			zone := config.Default().TimeZone.Location()
			if utc {
				zone = time.UTC
			}
			return keysList(dir, time.Now(), zone, asJSON, cmd.OutOrStdout())
		},
	}
	keysDirFlag(cmd, &dir, "the folder of keys")
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs; times in UTC")
	cmd.Flags().BoolVar(&utc, "utc", false, "times in UTC, not in Asia/Seoul")
	return cmd
}

func keysList(dir string, now time.Time, zone *time.Location, asJSON bool, stdout io.Writer) error {
	s, err := openVault(dir)
	if err != nil {
		return fmt.Errorf("keys list: %s: %w", dir, err)
	}
	if asJSON {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(struct {
			Pepper string    `json:"pepper_fingerprint"`
			Keys   []keyView `json:"keys"`
		}{fingerprint(s.pepper), s.views(now)})
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tUSE\tALG\tSTATE\tFROM\tUNTIL")
	for _, v := range s.views(now) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", short(v.ID), v.Use, v.Algorithm, v.State, when(v.From, zone, "ever"), when(v.Until, zone, none))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "pepper %s\ntimes in %s\n", fingerprint(s.pepper), zone)
	return nil
}

// short is enough of a kid to tell it from others.
func short(id string) string {
	if len(id) > shortID {
		return id[:shortID]
	}
	return id
}

const shortID = 12

func when(t *time.Time, zone *time.Location, never string) string {
	if t == nil {
		return never
	}
	return t.In(zone).Format("2006-01-02 15:04:05")
}
