package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sinho/operator"
)

func operatorsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "operators",
		Short: "the people at the console",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(operatorsHashCommand(), operatorsTokenCommand())
	return cmd
}

func operatorsHashCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "hash",
		Short: "turn a password into what console.operators wants",
		Long: fmt.Sprintf(`Reads a password, twice and unseen at a terminal, or one line from a pipe, and
prints its argon2id hash for password_hash in sinho.yaml. %d characters are the
least. The password is kept nowhere.`, operator.LeastPassword),
		Example: "  sinho operators hash\n  printf '%s\\n' \"$password\" | sinho operators hash",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(cmd.InOrStdin(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return operatorsHash(password, cmd.OutOrStdout())
		},
	}
}

func operatorsHash(password string, stdout io.Writer) error {
	h, err := operator.NewHash(password)
	if err != nil {
		return fmt.Errorf("operators hash: %w", err)
	}
	fmt.Fprintln(stdout, h)
	return nil
}

func operatorsTokenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "token",
		Short: "make a token by which a machine reads the history",
		Long: `Prints a new random token, for the machine, and its hash, for console.read_tokens
in sinho.yaml. The token is kept nowhere. It reads /api/history and
/api/history.csv at the console's listener, sent as "Authorization: Bearer ...",
and nothing else. To revoke it, remove the hash.`,
		Example: "  sinho operators token",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, hash := operator.NewToken()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "token  %s\nhash   %s\n", token, hash)
			return err
		},
	}
}

// readPassword asks at a terminal and reads a line from anything else.
func readPassword(stdin io.Reader, stderr io.Writer) (string, error) {
	f, ok := stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(stdin, 2*operator.MostPassword)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	ask := func(what string) (string, error) {
		fmt.Fprint(stderr, what)
		line, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(stderr)
		return string(line), err
	}
	first, err := ask("Password: ")
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	again, err := ask("Once more: ")
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if first != again {
		return "", errors.New("the two passwords differ: nothing was hashed")
	}
	return first, nil
}
