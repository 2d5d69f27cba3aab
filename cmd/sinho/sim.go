package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sinho/broker/client"
	"sinho/providers/sim"
)

// simOptions are the command line of `sinho sim`.
type simOptions struct {
	dir      string
	base     int
	broker   string
	latency  int
	capacity float64
	crowd    int
	seed     uint64
}

func simCommand() *cobra.Command {
	var o simOptions
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "the simulated providers alone, for a broker of your own",
		Long: `Serves the five simulated providers (Naver, Kakao, PASS, Toss and a generic
OpenID Provider) as the demo does, and nothing else, so that "sinho serve" can
be tried and measured as a process of its own. They listen on loopback, on the
base port and the ten to fourteen behind it; each has a control page at /.

The folder gets the secret that they and the broker share, Toss's public key,
and a sinho.yaml that fits, unless one is there already. Its two clients,
playground (ES256) and playground-rs256, are what "rush login" asks for. Everybody
in here is made up; never let a real person near it.`,
		Example: `  sinho sim --dir sim                                     # in one terminal
  sinho keys init --dir sim/keys                          # once
  sinho serve --config sim/sinho.yaml                     # in another
  rush login --rate 200 --pid $(pgrep -f "sinho serve")   # in a third`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return runSim(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "sim", "the folder for secret, public key and sinho.yaml")
	f.IntVar(&o.base, "base-port", 8080, "the simulators are at this and 10 to 14")
	f.StringVar(&o.broker, "broker", "http://localhost:8080", "the broker's public_url")
	f.IntVar(&o.latency, "latency", 100, "milliseconds a server leg takes to begin with, 0 to 60000")
	f.Float64Var(&o.capacity, "capacity", 250, "server legs a second that each serves to begin with, 0.1 to 100000")
	f.IntVar(&o.crowd, "crowd", 0, "people beside the named ones, 0 to 100000; with any, each who logs in by a page is another one")
	f.Uint64Var(&o.seed, "seed", 1, "seed of jitter and faults")
	return cmd
}

func (o simOptions) validate() error {
	if err := checkBase(o.base); err != nil {
		return err
	}
	u, err := url.Parse(o.broker)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" {
		return fmt.Errorf("--broker %q: it must be scheme, host and port, as in public_url", o.broker)
	}
	return nil
}

// runSim serves the simulators until ctx ends, which is a clean end.
func runSim(ctx context.Context, o simOptions, stdout io.Writer) (err error) {
	secret, err := simSecret(o.dir)
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	doors, handlers := map[string][]net.Listener{}, map[string]http.Handler{}
	defer func() {
		for _, ls := range doors {
			shut(ls)
		}
	}()
	control := sim.Defaults()
	control.LatencyMS, control.CapacityPerS = o.latency, o.capacity
	d := demoOptions{base: o.base}
	var sims []*sim.Sim
	for i, p := range simulatedProviders() {
		at := simPlace(i, p.id)
		one, err := sim.New(sim.Config{
			ID: p.id, Base: d.url(at), ClientID: "sinho", ClientSecret: secret, ClientName: "Sinho",
			RedirectURIs: []string{o.broker + "/callback/" + p.id}, Seed: o.seed, Crowd: o.crowd, Control: &control,
		})
		if err != nil {
			return err
		}
		defer one.Close()
		if doors[p.id], err = bind(ctx, at, o.base); err != nil {
			return err
		}
		handlers[p.id] = one.Handler()
		sims = append(sims, one)
	}
	if err := o.write(sims); err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	for i, p := range simulatedProviders() {
		fmt.Fprintf(stdout, "  %-24s simulated %s\n", d.url(simPlace(i, p.id)), p.id)
	}
	fmt.Fprintf(stdout, "ready %s\n", filepath.Join(o.dir, "sinho.yaml"))
	return serve(ctx, doors, handlers, func() {
		for _, one := range sims {
			one.Close()
		}
	})
}

// simSecret is the secret in the folder, made at the first start.
func simSecret(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "secret")
	body, err := os.ReadFile(path) //nolint:gosec // the folder was asked for
	if err == nil {
		return strings.TrimSpace(string(body)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	secret, _ := client.NewSecret()
	return secret, os.WriteFile(path, []byte(secret+"\n"), 0o600)
}

// write leaves Toss's key, which is new at each start, and sinho.yaml.
func (o simOptions) write(sims []*sim.Sim) error {
	var providers strings.Builder
	d := demoOptions{base: o.base}
	for i, p := range simulatedProviders() {
		fmt.Fprintf(&providers, "  - id: %s\n    client_id: sinho\n    secret_file: secret\n", p.id)
		url := d.url(simPlace(i, p.id))
		capacity := 100
		switch p.id {
		case "oidc":
			fmt.Fprintf(&providers, "    issuer: %s\n    name: {ko: %s, en: %s}\n    scopes: [openid, profile, email, phone]\n", url, p.name.KO, p.name.EN)
		case "pass", "toss":
			capacity = 4
			fmt.Fprintf(&providers, "    base: %s\n    assurance: verified\n    # Eight people have a phone here, so few are sent to it.\n", url)
		default:
			fmt.Fprintf(&providers, "    base: %s\n", url)
		}
		if p.id == "toss" {
			if err := os.WriteFile(filepath.Join(o.dir, "toss.pem"), sims[i].TossPublicKey(), 0o600); err != nil {
				return err
			}
			providers.WriteString("    public_key_file: toss.pem\n")
		}
		if p.assertsCI {
			providers.WriteString("    asserts_ci: true\n")
		}
		fmt.Fprintf(&providers, "    capacity: %d\n", capacity)
	}
	u, err := url.Parse(o.broker)
	if err != nil {
		return err
	}
	port := u.Port()
	if port == "" {
		port = "8080"
	}
	text := fmt.Sprintf(simConfig, o.broker, port, providers.String())
	f, err := os.OpenFile(filepath.Join(o.dir, "sinho.yaml"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

const simConfig = `# A broker in front of "sinho sim", for one's own machine. Written once; change
# it as you like.
public_url: %s
listen: ["127.0.0.1:%s"]
store: ./data/sinho.db
keys_dir: ./keys
pushes_per_minute: 1000
pushes_per_address: 60000
pushes_per_network: 60000
clients:
  - id: playground
    name: {ko: 놀이터, en: Playground}
    public: true
    redirect_uris: ["http://localhost:3000/callback"]
    sector: playground
  - id: playground-rs256
    name: {ko: 놀이터, en: Playground}
    public: true
    redirect_uris: ["http://localhost:3000/callback"]
    sector: playground
    algorithm: RS256
providers:
%s`
