package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"sinho/broker"
	"sinho/broker/keys"
)

func keysAddCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "add ALGORITHM",
		Short: "make the first key of an algorithm that an older folder has none of",
		Long: `Makes the first key of PS256 or EdDSA in a folder that was made with ES256 and
RS256 alone. It signs at once, and only for clients whose algorithm in sinho.yaml
is that one: copy the folder to every node first, and give sites the time for
which they may keep /jwks, ` + broker.JWKSAge.String() + `.

Nodes of older versions cannot read the folder then: upgrade them all before.`,
		Example:   "  sinho keys add PS256 --dir /etc/sinho/keys\n  sinho keys add EdDSA --dir /etc/sinho/keys",
		ValidArgs: []string{keys.PS256, keys.EdDSA},
		Args:      cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return keysAdd(dir, args[0], time.Now(), cmd.OutOrStdout())
		},
	}
	keysDirFlag(cmd, &dir, "the folder of keys")
	return cmd
}

func keysAdd(dir, alg string, now time.Time, stdout io.Writer) error {
	now = now.UTC().Truncate(time.Second)
	err := changeVault(dir, now, func(s *secrets) (err error) {
		s.keys, err = s.keys.Add(alg, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("keys add: %s: %w", dir, err)
	}
	fmt.Fprintf(stdout, "%s: a key signs for clients with algorithm: %s\nnodes that share %s take it by themselves; copy it to all others before a client asks for it\n", alg, alg, dir)
	return nil
}
