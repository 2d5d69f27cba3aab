// Package haproxy starts HAProxy with the very files beside it, for tests: what
// is tried is what is shipped. It keeps out whatever stands behind HAProxy.
package haproxy

import (
	"bytes"
	_ "embed" // the files beside this one
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

//go:embed haproxy.cfg
var settings string

//go:embed again.html
var again []byte

// Place is where HAProxy stands.
type Place struct {
	Plain, Secure string    // addresses of HTTP and HTTPS
	Certificate   []byte    // chain and key in PEM
	Nodes         [3]string // addresses
	// Changes are pairs of what else to replace by what.
	Changes []string
}

// Start runs HAProxy until the test ends, and returns when it listens. The file
// differs from the shipped one in its place alone.
func Start(t testing.TB, p Place) {
	t.Helper()
	dir := t.TempDir()
	file, page, pem := filepath.Join(dir, "haproxy.cfg"), filepath.Join(dir, "again.html"), filepath.Join(dir, "both.pem")
	text := settings
	pairs := append([]string{
		"bind :80\n", "bind " + p.Plain + "\n", "bind :443 ", "bind " + p.Secure + " ",
		"/etc/haproxy/certs/id.example.kr.pem", pem, "/etc/haproxy/again.html", page,
		"10.0.0.11:8080", p.Nodes[0], "10.0.0.12:8080", p.Nodes[1], "10.0.0.13:8080", p.Nodes[2],
		"maxconn 100000", "maxconn 2000", // so many descriptors are not everywhere
	}, p.Changes...)
	if os.Getuid() != 0 {
		pairs = append(pairs, "    user haproxy\n    group haproxy\n", "")
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("haproxy.cfg has no %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	for path, body := range map[string][]byte{file: []byte(text), page: again, pem: p.Certificate} {
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "haproxy", "-c", "-f", file).CombinedOutput() //nolint:gosec // a test's own file
	if err != nil || bytes.Contains(out, []byte("[WARNING]")) {
		t.Fatalf("haproxy -c (make tools installs it): %v\n%s", err, out)
	}
	run(t, file)
	for _, address := range []string{p.Plain, p.Secure} {
		reach(t, address)
	}
}

func run(t testing.TB, file string) {
	t.Helper()
	cmd := exec.Command("haproxy", "-db", "-f", file) //nolint:gosec,noctx // a test's own file, and it is ended below
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("start haproxy (make tools installs it): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()                          // by that signal
		if t.Failed() {
			t.Logf("haproxy said:\n%s", said.String())
		}
	})
}

// reach waits until somebody listens at an address.
func reach(t testing.TB, address string) {
	t.Helper()
	var dialer net.Dialer
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close() // it has shown what it was for
			return
		}
		select {
		case <-again.C:
		case <-t.Context().Done():
			t.Fatalf("nobody listens at %s: %v", address, err)
		}
	}
}
