package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sinho/config"
)

// freeRun finds a base port whose simulators' places are free.
func freeRun(t *testing.T) int {
	t.Helper()
	for base := 21_000 + os.Getpid()%9_000; base < 32_000; base += 20 {
		var held []net.Listener
		for i, p := range simulatedProviders() {
			ls, err := bind(t.Context(), simPlace(i, p.id), base)
			if err != nil {
				break
			}
			held = append(held, ls[0])
			held = append(held, ls[1:]...)
		}
		enough := len(held) >= len(simulatedProviders())
		shut(held)
		if enough {
			return base
		}
	}
	t.Fatal("no free run of ports")
	return 0
}

func TestSimulatorsAloneLeaveAConfigurationThatFits(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sim")
	var secrets [2]string
	for round := range secrets {
		o := simOptions{dir: dir, base: freeRun(t), broker: "http://localhost:8080", capacity: 250}
		if err := o.validate(); err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		said, say := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			err := runSim(ctx, o, say)
			say.Close()
			ended <- err
		}()
		lines := make([]byte, 0, 1024)
		for one := make([]byte, 256); !strings.Contains(string(lines), "ready "); {
			n, err := said.Read(one)
			if err != nil {
				t.Fatalf("%v; it said %s", <-ended, lines)
			}
			lines = append(lines, one[:n]...)
		}
		d := demoOptions{base: o.base}
		for i, p := range simulatedProviders() {
			resp, err := http.Get(d.url(simPlace(i, p.id)) + "/control")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("control of %s: %v, %v", p.id, resp, err)
			}
			resp.Body.Close()
		}
		cfg, err := config.Load(filepath.Join(dir, "sinho.yaml"), func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatalf("the configuration does not load: %v", err)
		}
		if len(cfg.Enabled()) != len(simulatedProviders()) || len(cfg.Clients) != 2 || cfg.PublicURL != o.broker {
			t.Errorf("got %d providers, %d clients, %s", len(cfg.Enabled()), len(cfg.Clients), cfg.PublicURL)
		}
		secrets[round] = string(cfg.Enabled()[0].Secret)
		end()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v, want a clean end", err)
		}
	}
	if secrets[0] == "" || secrets[0] != secrets[1] {
		t.Error("the secret did not stay over a restart")
	}
}

func TestSimulatorsAloneRefuseAWrongCommandLine(t *testing.T) {
	for want, o := range map[string]simOptions{
		"--broker":    {base: 8080, broker: "localhost:8080"},
		"--base-port": {base: 0, broker: "http://localhost:8080"},
	} {
		if err := o.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s named", o, err, want)
		}
	}
}
