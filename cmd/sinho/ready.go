package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// askFor is how long a node has to say whether it is ready: a little longer than
// it asks its store.
const askFor = readyWait + 500*time.Millisecond

func readyCommand() *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "ask a running node whether it can finish logins",
		Long: `Asks a node for /readyz and prints what it says. Exit code 0: it is ready. For
the health check of a container, where there is no other program to ask with.`,
		Example: "  sinho ready --url http://127.0.0.1:8080/readyz",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return askReady(cmd.Context(), url, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&url, "url", "http://127.0.0.1:8080/readyz", "where to ask: /readyz, /readyz?exclude=store for whether it answers people, or /healthz for whether it lives")
	return cmd
}

func askReady(ctx context.Context, url string, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ready: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ready: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return fmt.Errorf("ready: %w", err)
	}
	said := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ready: %s: %s", resp.Status, said)
	}
	fmt.Fprintln(stdout, said)
	return nil
}
