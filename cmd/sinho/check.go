package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sinho/config"
	"sinho/providers"
	"sinho/signal"
)

func checkCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "tell every mistake in sinho.yaml, and in the files it names",
		Long: `Reads sinho.yaml, the secrets, keys and certificates it names, and tells
everything that is wrong at once, with its place and what to do. What is good it
sums up: clients, providers, maintenance, whose turn it is by each rota, waiting
rooms and how long it is until they open; and it warns of what "sinho serve" takes
and is hardly meant. It connects to nothing and changes nothing, so it knows
nothing of what operators have ordered. Exit code 0: "sinho serve" would take it.`,
		Example: "  sinho check --config /etc/sinho/sinho.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runCheck(path, os.LookupEnv, cmd.OutOrStdout())
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// runCheck prints what a good configuration comes to; the error of a bad one is
// config.Mistakes.
func runCheck(path string, env func(string) (string, bool), stdout io.Writer) error {
	cfg, err := config.Load(path, env)
	if err != nil {
		return err
	}
	var wrong config.Mistakes
	sec, err := openVault(cfg.KeysDir)
	if err != nil {
		wrong = append(wrong, cfg.Mistake("keys_dir", err.Error(), keysAdvice(cfg)))
	} else {
		wrong = append(wrong, unsignable(cfg, sec.keys)...)
	}
	cert, err := loadCertificate(cfg)
	if m, ok := errors.AsType[config.Mistakes](err); ok {
		wrong = append(wrong, m...)
	}
	for i, p := range cfg.Providers {
		if _, err := providers.New(p.Settings(), http.DefaultClient); err != nil {
			wrong = append(wrong, cfg.Mistake(fmt.Sprintf("providers[%d]", i), err.Error(), "correct it"))
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	summary(stdout, path, cfg, sec, cert)
	return nil
}

// summary says in a few lines what a configuration comes to.
func summary(w io.Writer, path string, cfg *config.Config, sec secrets, cert *certificate) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "%s is good\n", path)
	line("public_url", "%s", cfg.PublicURL)
	line("listen", "%s", strings.Join(cfg.Listen, ", "))
	if cfg.MetricsListen != "" {
		line("metrics", "http://%s/metrics", cfg.MetricsListen)
	}
	if cfg.Console != nil {
		line("console", "%s, %d by password%s", cfg.Origin(), len(cfg.Console.Operators), map[bool]string{true: ", and by " + consoleIssuer(cfg)}[cfg.Console.OIDC != nil])
	}
	if cert != nil {
		line("tls", "%s, until %s", strings.Join(cert.leaf.DNSNames, ", "), cert.leaf.NotAfter.In(cfg.TimeZone.Location()).Format(readable))
	}
	for _, a := range cfg.Targets() {
		line("alert", "%s", a.ID)
	}
	line("store", "%s", cfg.Store)
	line("keys_dir", "%s, pepper %s", cfg.KeysDir, fingerprint(sec.pepper))
	var clients, shown []string
	for _, c := range cfg.Clients {
		clients = append(clients, c.ID)
	}
	for _, p := range cfg.Enabled() {
		shown = append(shown, p.ID)
	}
	line("clients", "%d: %s", len(clients), strings.Join(clients, ", "))
	line("providers", "%d of %d: %s", len(shown), len(cfg.Providers), strings.Join(shown, ", "))
	now, planned := time.Now(), cfg.Planned()
	for _, p := range cfg.Enabled() {
		if next, in, any := signal.Next(planned[p.ID], now, 366*24*time.Hour); any {
			word := map[bool]string{true: "until"}[in]
			if !in {
				word = next.From.In(cfg.TimeZone.Location()).Format(readable) + " to"
			}
			line("maintenance", "%s %s %s", p.ID, word, next.To.In(cfg.TimeZone.Location()).Format(readable))
		} else if len(p.Maintenance) > 0 {
			fmt.Fprintf(w, "warning: the maintenance of %s is over; remove it\n", p.ID)
		}
	}
	nobodyGetsIn(w, cfg)
	rotaLines(w, line, cfg, now)
	roomLines(w, line, cfg, now)
	for _, file := range exposed(cfg.KeysDir) {
		fmt.Fprintf(w, "warning: %s can be read by everybody on this machine: chmod o= %s\n", file, file)
	}
	if len(clients) == 0 {
		fmt.Fprintln(w, "warning: no clients, so nobody can log in anywhere")
	}
	if cfg.InsecureSample {
		fmt.Fprintln(w, "warning: insecure_sample allows secrets in this file; remove it before anybody real logs in")
	}
}

// consoleIssuer is the organisation's provider, if operators sign in there.
func consoleIssuer(cfg *config.Config) string {
	if cfg.Console.OIDC == nil {
		return ""
	}
	return cfg.Console.OIDC.Issuer
}
