package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sinho/config"
)

// lookEvery is how often the files of the configuration and the keys are looked
// at.
const lookEvery = 2 * time.Second

// maxHeader is what a request line and its headers may hold. It is far over
// every limit of the broker's, so that whoever sends too much is told on a page
// what was too long; net/http answers for what is longer still with a bare 431.
// A connection has 10 s to send them, so bandwidth bounds what they can fill.
const maxHeader = 1<<20 + 64<<10

// serveOptions are the command line of `sinho serve`, and what a process has
// but a test brings itself.
type serveOptions struct {
	path   string
	env    func(string) (string, bool)
	stdout io.Writer
	stderr io.Writer
	listen func(ctx context.Context, address string) (net.Listener, error)
	hup    <-chan os.Signal                       // asks to load the configuration again
	look   <-chan time.Time                       // when to look whether a file has changed
	after  func(d time.Duration) <-chan time.Time // time.After
}

func serveCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "the broker, for real use",
		Long: `Serves one node of the broker by the settings in sinho.yaml. Copy
docs/sinho.example.yaml to begin with, make the keys with "sinho keys init", and
see whether all is well with "sinho check".

SIGHUP, or a changed file, takes settings and keys anew; a bad file is refused
and the old ones stay. SIGTERM or Ctrl-C: /readyz says no, then requests under
way finish, then it ends.`,
		Example: "  sinho serve --config /etc/sinho/sinho.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			look := time.NewTicker(lookEvery)
			defer look.Stop()
			go roomForGarbage(cmd.Context())
			return runServe(cmd.Context(), serveOptions{
				path: path, env: os.LookupEnv, stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr(),
				listen: listenTCP, hup: hup, look: look.C, after: time.After,
			})
		},
	}
	configFlag(cmd, &path)
	return cmd
}

func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "config", "sinho.yaml", "the file of settings")
}

func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", address)
}

// runServe serves until ctx ends, which is a clean end.
func runServe(ctx context.Context, o serveOptions) (err error) {
	cfg, err := config.Load(o.path, o.env)
	if err != nil {
		return err
	}
	seen := stamps(watched(cfg)) // a change while it starts is one
	n, err := newNode(ctx, o, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close(ctx)) }()
	doors, scraped, err := openDoors(ctx, o, cfg)
	if err != nil {
		return err
	}
	operated, err := openConsole(ctx, o, cfg)
	if err != nil {
		shut(doors)
		if scraped != nil {
			scraped.Close()
		}
		return err
	}
	behind, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	n.start(behind)

	server := newServer(n.handler(), maxHeader, n.certificate)
	aside, operators := n.metrics.server(cfg.MetricsProfile), n.consoleServer()
	g, serving := errgroup.WithContext(ctx)
	for _, l := range doors {
		g.Go(func() error { return answer(server, l, n) })
	}
	if scraped != nil {
		g.Go(func() error {
			if err := ended(aside.Serve(scraped), scraped); err != nil { // logins go on
				n.log.ErrorContext(serving, "metrics are served no more", "error", err.Error())
			}
			return nil
		})
	}
	g.Go(func() error { return n.operate(serving, operators, operated) })
	g.Go(func() error {
		n.watch(serving, o, seen)
		return nil
	})
	g.Go(func() error {
		keepClaim(serving, n.store, n.pepper, n.log)
		return nil
	})
	g.Go(func() error {
		<-serving.Done()
		n.drain(context.WithoutCancel(ctx), server, o, ctx.Err() != nil)
		return errors.Join(aside.Close(), operators.Close())
	})
	n.log.InfoContext(ctx, "serving", "public_url", cfg.PublicURL, "listen", cfg.Listen, "version", version,
		"pepper", fingerprint(n.pepper), "durability", n.health.durability)
	fmt.Fprintf(o.stdout, "ready %s\n", cfg.PublicURL)
	return g.Wait()
}

// answerWait is how long a request may take, from its headers to the last byte of its
// answer: 30 s for a body, 10 s at the gate, some more at a provider and the store,
// and the rest for whoever reads slowly. Who does not read at all is cut off. Sockets
// and event streams have deadlines of their own.
const answerWait = 2 * time.Minute

// newServer answers strangers, on any number of listeners. headers bounds what a
// request line and its headers may hold.
func newServer(handler http.Handler, headers int, current func() *certificate) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      answerWait,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    headers,
		TLSConfig:         tlsConfig(current),
		// It would name people's addresses; panics are logged by recovered.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
}

// openDoors listens on every address, or on none. scraped is the one for
// metrics, nil when they are off.
func openDoors(ctx context.Context, o serveOptions, cfg *config.Config) (doors []net.Listener, scraped net.Listener, err error) {
	for i, address := range cfg.Listen {
		l, err := openDoor(ctx, o, cfg, fmt.Sprintf("listen[%d]", i), address)
		if err != nil {
			shut(doors)
			return nil, nil, err
		}
		doors = append(doors, l)
	}
	if cfg.MetricsListen == "" {
		return doors, nil, nil
	}
	if scraped, err = openDoor(ctx, o, cfg, "metrics_listen", cfg.MetricsListen); err != nil {
		shut(doors)
		return nil, nil, err
	}
	return doors, scraped, nil
}

func shut(doors []net.Listener) {
	for _, open := range doors {
		open.Close()
	}
}

// openDoor listens on the address that stands at path in the configuration.
func openDoor(ctx context.Context, o serveOptions, cfg *config.Config, path, address string) (net.Listener, error) {
	l, err := o.listen(ctx, address)
	if err == nil {
		return l, nil
	}
	do := "write an address of this machine and a port that is free"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		do = "end the program that has the port, or choose another one"
	case errors.Is(err, syscall.EACCES):
		do = "choose a port above 1023, or give the program the right to this one"
	}
	return nil, config.Mistakes{cfg.Mistake(path, fmt.Sprintf("cannot listen on %s: %v", address, err), do)}
}

// answer serves one listener, by TLS if the node has a certificate.
func answer(server *http.Server, l net.Listener, n *node) error {
	var err error
	if n.certificate() != nil {
		err = server.ServeTLS(l, "", "")
	} else {
		err = server.Serve(l)
	}
	return ended(err, l)
}

// ended is nil for a server that was closed.
func ended(err error, l net.Listener) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", l.Addr(), err)
}

// watched are all files that make a generation what it is.
func watched(cfg *config.Config) []string {
	return append(cfg.Files(), vaultFiles(cfg.KeysDir)...)
}

// watch takes the configuration anew when it is asked to, or a file is another one
// than was seen.
func (n *node) watch(ctx context.Context, o serveOptions, seen map[string]stamp) {
	files := watched(n.current.Load().cfg)
	for {
		var why string
		select {
		case <-ctx.Done():
			return
		case <-o.hup:
			why = "asked to"
		case <-o.look:
			for _, f := range files {
				if now := stamps([]string{f}); now[f] != seen[f] {
					why = f + " has changed"
				}
			}
		}
		if why == "" {
			continue
		}
		before := stamps(files) // a change while loading is one more
		n.reload(ctx, why)
		files = watched(n.current.Load().cfg)
		seen = stamps(files)
		maps.Copy(seen, before)
	}
}

// drain lets go: no more from load balancers, then what watches, then requests
// under way have their time. Without grace, for a node that failed, at once.
func (n *node) drain(ctx context.Context, server *http.Server, o serveOptions, grace bool) {
	d := n.current.Load().cfg.Drain
	n.leave()
	n.log.InfoContext(ctx, "leaving", "delay", d.Delay.String(), "limit", d.Limit.String())
	if grace && d.Delay > 0 {
		<-o.after(d.Delay)
	}
	n.dark()
	ctx, cancel := context.WithTimeout(ctx, d.Limit)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		n.log.WarnContext(ctx, "requests were cut off", "limit", d.Limit.String())
		_ = server.Close()
	}
}
