package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "the keys that every node shares",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(keysInitCommand(), keysListCommand(), keysAddCommand(), keysRotateCommand(), keysRetireCommand())
	return cmd
}

func keysInitCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "make signing keys, a sealing key and a pepper, once for all nodes",
		Long: `Makes the folder that keys_dir in sinho.yaml names: keys that sign ID tokens, one
each for ES256, RS256, PS256 and EdDSA, a key that seals what travels with people, and the pepper from which every
person's name at every site is made. Do it once, copy the folder to every node,
and keep a copy of pepper.key where nobody can lose it: it can never change.

Nothing is overwritten.`,
		Example: "  sinho keys init --dir /etc/sinho/keys",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return keysInit(dir, cmd.OutOrStdout())
		},
	}
	keysDirFlag(cmd, &dir, "the folder to make")
	return cmd
}

func keysDirFlag(cmd *cobra.Command, dir *string, what string) {
	cmd.Flags().StringVar(dir, "dir", "keys", what)
}

func keysInit(dir string, stdout io.Writer) error {
	if err := newVault(dir); err != nil {
		return fmt.Errorf("keys init: %w", err)
	}
	s, err := openVault(dir)
	if err != nil {
		return fmt.Errorf("keys init: read what was written: %w", err)
	}
	fmt.Fprintf(stdout, `%s has the keys of a new broker, readable by you alone:
  %-18s sign ID tokens
  %-18s seal what travels with people
  %-18s makes every person's name; its fingerprint is %s
Copy the folder to every node, and keep a copy of %s where it cannot be lost.
`, dir, signingFile, sealingFile, pepperFile, fingerprint(s.pepper), pepperFile)
	return nil
}
