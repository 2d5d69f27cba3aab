// Command sinho is the one program: an OpenID Provider towards sites, one
// client towards identity providers, and the lights between them. Everything
// it is made of is constructed in wire.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"sinho/store/shared"
)

// version is set at build time with -ldflags "-X main.version=…".
var version = "dev"

func main() {
	shared.TakeClientLog()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sinho:", err)
		os.Exit(exitCode(err))
	}
}

// exitCode is 1 for an error that has no code of its own.
func exitCode(err error) int {
	if e, coded := errors.AsType[codedError](err); coded {
		return e.code
	}
	return 1
}

// run is the whole program apart from the process: args without the program's
// name, an error for an exit code (exitCode). A context that ends is a clean end.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := &cobra.Command{
		Use:   "sinho",
		Short: "one OpenID Provider in front of many identity providers, with lights that do not lie",
		Long: `Sinho (신호) is an identity-verification broker. To sites it is one OpenID
Provider; to Naver, Kakao, PASS, Toss and any OIDC provider it is one client.
It measures every provider from the logins that pass through it and shows each
person green, yellow, red or grey, live.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	//nolint:contextcheck // cobra hands the context over
	root.AddCommand(demoCommand(), serveCommand(), simCommand(), certifyCommand(), checkCommand(), doctorCommand(), readyCommand(), rotaCommand(), lobbyCommand(), keysCommand(), operatorsCommand())
	err := root.ExecuteContext(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}
