package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sinho/broker"
	"sinho/broker/keys"
)

// takingOver is how long before it begins a key counts as active: some node's
// clock may be ahead.
const takingOver = 10 * time.Second

func keysRetireCommand() *cobra.Command {
	var dir string
	var force bool
	cmd := &cobra.Command{
		Use:   "retire KEY",
		Short: "take a key away before its time",
		Long: `Takes a key out of the folder at once. Rotation does that by itself when
nothing needs a key any more, so this is for a key that somebody else may know.

A key that is needed is not taken away without --force. With it, what the key
has signed is refused from then on (and clients may refuse what the next key
signs until they read /jwks again, up to ` + broker.JWKSAge.String() + `), and what it has sealed is lost:
sessions end, and people who are logging in begin again. If it was active, the
key that waits begins at once, or a new one is made.

KEY is what "sinho keys list" shows; one that begins with - comes behind --.`,
		Example: "  sinho keys list\n  sinho keys retire seal-3 --force\n  sinho keys retire --force -- -x3Fq81",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return keysRetire(dir, args[0], force, time.Now(), cmd.OutOrStdout())
		},
	}
	keysDirFlag(cmd, &dir, "the folder of keys")
	cmd.Flags().BoolVar(&force, "force", false, "even if it is needed")
	return cmd
}

func keysRetire(dir, name string, force bool, now time.Time, stdout io.Writer) error {
	now = now.UTC().Truncate(time.Second)
	var gone keyView
	err := changeVault(dir, now, func(s *secrets) (err error) {
		if gone, err = s.named(name, now); err != nil {
			return err
		}
		if why := needed(gone, now); why != "" && !force {
			return fmt.Errorf("%s %s; --force takes it away all the same, for a key that somebody else may know", short(gone.ID), why)
		}
		if gone.Use == forSigning {
			s.keys, err = s.keys.Remove(gone.ID, now, broker.VerifiesFor)
			return err
		}
		version, err := strconv.ParseUint(strings.TrimPrefix(gone.ID, "seal-"), 10, 8)
		if err == nil {
			s.sealing, err = s.sealing.remove(uint8(version), now, broker.OpensFor)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("keys retire: %s: %w", dir, err)
	}
	fmt.Fprintf(stdout, "%s (%s, %s) is gone from %s\n", short(gone.ID), gone.Use, gone.State, dir)
	if why := needed(gone, now); why != "" {
		fmt.Fprintf(stdout, "warning: it %s; %s\nwarning: nodes that do not share %s have it until you copy the folder\n", why, lost(gone), dir)
	}
	return nil
}

// named finds a key by its id or the beginning of it.
func (s secrets) named(name string, now time.Time) (found keyView, err error) {
	for _, v := range s.views(now) {
		switch {
		case v.ID == name:
			return v, nil
		case v.Use != forSigning || len(name) < 4 || !strings.HasPrefix(v.ID, name):
		case found.ID != "":
			return found, fmt.Errorf("%q begins more than one key: write more of it", name)
		default:
			found = v
		}
	}
	if found.ID == "" {
		return found, fmt.Errorf("%q: %w; `sinho keys list` names them", name, keys.ErrUnknown)
	}
	return found, nil
}

// needed says what a key is still needed for, "" for nothing.
func needed(v keyView, now time.Time) string {
	switch {
	case v.State == keys.Active && v.Use == forSigning:
		return "is the key that signs: `sinho keys rotate` replaces it without anybody noticing"
	case v.State == keys.Active:
		return "is the key that seals: `sinho keys rotate` replaces it without anybody noticing"
	case v.State == keys.Published && v.From.Sub(now) < takingOver:
		return "is about to take over"
	case v.State == keys.Retired && v.Until == nil:
		return "may still be needed, as nobody has said until when: `sinho keys rotate` does"
	case v.State == keys.Retired:
		return "is needed until " + keys.FormatTime(*v.Until) + " and then goes by itself"
	}
	return ""
}

// lost says what goes with a key that was needed.
func lost(v keyView) string {
	if v.Use == forSigning {
		return "what it has signed is refused, and clients may refuse the next key until they read /jwks again, within " + broker.JWKSAge.String()
	}
	return "what it has sealed is lost: sessions end, and people who are logging in begin again"
}
