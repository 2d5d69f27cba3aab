// Command rush puts load on a running Sinho the way people do: `rush login`
// sends complete logins at a rate that does not wait for answers, `rush
// storm` sends a crowd to an opening and through the waiting room, `rush watch`
// holds thousands of watchers of the lights. Those know the broker by its public
// faces alone: OpenID Connect, its pages, and the board's WebSocket. `rush
// simulate` needs no broker: it runs the lights and the recommendation against a
// model.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rush:", err)
		os.Exit(1)
	}
}

// run is the whole program apart from the process: args without the program's
// name, an error for exit code 1. A context that ends stops a run early; it
// then reports what it has.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := &cobra.Command{
		Use:   "rush",
		Short: "load for a running Sinho, and a simulation of its lights",
		Long: `rush measures a running Sinho from outside. Arrivals keep their own time: a
server that slows down is not asked less, and every latency counts from the
moment a person meant to begin.

Only aim it at a server that is yours. rush simulate asks none.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(loginCommand(), stormCommand(), watchCommand(), simulateCommand()) //nolint:contextcheck // cobra hands the context over
	err := root.ExecuteContext(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}
