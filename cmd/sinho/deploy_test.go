package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"sinho/config"
)

// deployed is a file of deploy/.
func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// strictly reads one YAML document into v, which must know every key.
func strictly(t *testing.T, name, text string, v any) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte(text), v, yaml.Strict()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// loaded is what serve makes of settings that stand in a file of deploy/; every
// secret they name is set.
func loaded(t *testing.T, settings string, names []string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sinho.yaml")
	writeFile(t, path, settings)
	cfg, err := config.Load(path, func(name string) (string, bool) { return "secret", slices.Contains(names, name) })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// isCommand reports whether the program has a command line of this form.
func isCommand(t *testing.T, args ...string) {
	t.Helper()
	var names []string
	out := newLines()
	for i, a := range args {
		if strings.HasPrefix(a, "-") {
			break
		}
		names = args[:i+1]
	}
	if err := run(t.Context(), append(slices.Clone(names), "--help"), out, out); err != nil {
		t.Errorf("sinho %v: %v", args, err)
		return
	}
	if len(names) == 0 || !strings.Contains(out.String(), "sinho "+strings.Join(names, " ")) {
		t.Errorf("sinho has no command %v", names)
	}
	for _, a := range args[len(names):] {
		if name, _, _ := strings.Cut(a, "="); strings.HasPrefix(a, "--") && !strings.Contains(out.String(), "      "+name+" ") {
			t.Errorf("sinho %v has no %s", names, name)
		}
	}
}

// systemdUnit is a systemd unit: values by "Section.Key", in order.
func systemdUnit(t *testing.T, text string) map[string][]string {
	t.Helper()
	all, section := map[string][]string{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok || section == "" {
				t.Fatalf("got line %q in [%s]", line, section)
			}
			all[section+"."+key] = append(all[section+"."+key], value)
		}
	}
	return all
}

// longestLeave is the longest a node of these settings takes to leave.
func longestLeave(cfg *config.Config) time.Duration { return cfg.Drain.Delay + cfg.Drain.Limit }

func TestTheSystemdUnitFitsTheProgram(t *testing.T) {
	text := deployed(t, "systemd/sinho.service")
	u := systemdUnit(t, text)
	for _, key := range []string{"Service.ExecStart", "Service.ExecStartPre"} {
		line := strings.Fields(u[key][0])
		if line[0] != "/usr/local/bin/sinho" {
			t.Errorf("got %s %q", key, line)
		}
		isCommand(t, line[1:]...)
	}
	cfg := loaded(t, deployed(t, "container/config/sinho.yaml"), []string{"REDIS_PASSWORD", "NAVER_SECRET"}) // it has the defaults
	stop, err := time.ParseDuration(u["Service.TimeoutStopSec"][0] + "s")
	if err != nil || stop <= longestLeave(cfg) {
		t.Errorf("got TimeoutStopSec %v (%v), want more than the %v it takes to leave", stop, err, longestLeave(cfg))
	}
	if got := u["Service.ExecReload"][0]; got != "/bin/kill -HUP $MAINPID" {
		t.Errorf("got ExecReload %q; serve takes its settings anew on SIGHUP", got)
	}
}

// HAProxy must leave a node out before it stops answering.
func TestHAProxyNoticesANodeThatLeavesInTime(t *testing.T) {
	cfg := loaded(t, deployed(t, "container/config/sinho.yaml"), []string{"REDIS_PASSWORD", "NAVER_SECRET"}) // it has the defaults
	m := regexp.MustCompile(`(?m)^\s+default-server check inter (\S+) fall (\d+) `).FindStringSubmatch(deployed(t, "haproxy/haproxy.cfg"))
	if m == nil {
		t.Fatal("got no default-server with checks")
	}
	every, err := time.ParseDuration(m[1])
	if err != nil {
		t.Fatal(err)
	}
	times, err := strconv.Atoi(m[2])
	if notice := every * time.Duration(times); err != nil || notice >= cfg.Drain.Delay {
		t.Errorf("got %v (%v) to notice, want less than drain.delay %v", notice, err, cfg.Drain.Delay)
	}
}

// systemdAnalyze runs systemd-analyze on a unit whose program is there.
func systemdAnalyze(t *testing.T, name string, args ...string) string {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd is not on this machine: the unit was read, but not by systemd itself")
		return ""
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), filepath.Base(name))
	writeFile(t, path, strings.ReplaceAll(deployed(t, name), "/usr/local/bin/sinho", own))
	out, err := exec.CommandContext(t.Context(), tool, append(args, path)...).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestSystemdTakesTheUnitAndFindsItSafe(t *testing.T) {
	if out := systemdAnalyze(t, "systemd/sinho.service", "verify", "--man=no"); strings.Contains(out, "sinho.service:") {
		t.Errorf("systemd-analyze verify:\n%s", out)
	}
	systemdAnalyze(t, "systemd/sinho.service", "security", "--offline=true", "--threshold=15", "--no-pager") // 1.5 of 10
}

// The build line of the Containerfile, run as it stands, must give a program
// that needs nothing of the image.
func TestTheContainersProgramIsStatic(t *testing.T) {
	text := deployed(t, "container/Containerfile")
	line := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .*)$`).FindStringSubmatch(text)
	if line == nil {
		t.Fatal("got no build line")
	}
	out := filepath.Join(t.TempDir(), "sinho")
	build := exec.CommandContext(t.Context(), "sh", "-ec", strings.Replace(line[1], "/out/sinho", out, 1))
	build.Dir, build.Env = "../..", append(os.Environ(), "VERSION=9.8.7")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if n := dynamicParts(t, out); n != 0 {
		t.Errorf("got a program with %d dynamic parts, want a static one", n)
	}
	said, err := exec.CommandContext(t.Context(), out, "--version").Output()
	if err != nil || !strings.Contains(string(said), "9.8.7") {
		t.Errorf("got version %q (%v), want 9.8.7", said, err)
	}
}

func TestTheContainerFitsTheProgram(t *testing.T) {
	text := deployed(t, "container/Containerfile")
	for _, want := range []string{"\nFROM scratch\n", "\nUSER 65532:65532\n", "ca-certificates.crt", "\nSTOPSIGNAL SIGTERM\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q", strings.TrimSpace(want))
		}
	}
	base, version := regexp.MustCompile(`FROM golang:(\S+) AS`).FindStringSubmatch(text), regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(deployed(t, "../go.mod"))
	if base == nil || version == nil || base[1] != version[1] {
		t.Errorf("got golang:%v, want %v of go.mod", base, version)
	}
	for _, kind := range []string{"HEALTHCHECK .* CMD", "\nCMD"} {
		var args []string
		m := regexp.MustCompile(kind + ` (\[.*\])`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("got no %s", kind)
		}
		strictly(t, kind, m[1], &args)
		if args[0] == "/sinho" {
			args = args[1:]
		}
		isCommand(t, args...)
	}
}

type composeFile struct {
	Name     string                     `yaml:"name"`
	Services map[string]*composeService `yaml:"services"`
	Volumes  map[string]struct{}        `yaml:"volumes"`
}

type composeService struct {
	Build           struct{ Context, Dockerfile string }  `yaml:"build"`
	Image           string                                `yaml:"image"`
	Command         []string                              `yaml:"command"`
	Environment     map[string]string                     `yaml:"environment"`
	Volumes         []string                              `yaml:"volumes"`
	Ports           []string                              `yaml:"ports"`
	DependsOn       map[string]struct{ Condition string } `yaml:"depends_on"`
	ReadOnly        bool                                  `yaml:"read_only"`
	CapDrop         []string                              `yaml:"cap_drop"`
	SecurityOpt     []string                              `yaml:"security_opt"`
	StopGracePeriod time.Duration                         `yaml:"stop_grace_period"`
	Restart         string                                `yaml:"restart"`
	Healthcheck     struct {
		Test     []string
		Interval time.Duration
		Timeout  time.Duration
		Retries  int
	} `yaml:"healthcheck"`
}

func TestTheComposeFileFitsTheProgram(t *testing.T) {
	var c composeFile
	strictly(t, "compose.yaml", deployed(t, "container/compose.yaml"), &c)
	node, redis := c.Services["sinho"], c.Services["redis"]
	if node == nil || redis == nil || len(c.Services) != 2 {
		t.Fatalf("got services %v", c.Services)
	}
	var names []string
	for name, value := range node.Environment {
		names = append(names, name)
		if value != "${"+name+":?}" {
			t.Errorf("%s: got %q; a secret comes from the environment and must be set", name, value)
		}
	}
	cfg := loaded(t, deployed(t, "container/config/sinho.yaml"), names)
	if cfg.Store != "redis://redis:6379" {
		t.Errorf("got store %s, want the service redis", cfg.Store)
	}
	for _, address := range []string{cfg.Listen[0], cfg.MetricsListen} {
		_, port, err := net.SplitHostPort(address)
		if want := "127.0.0.1:" + port + ":" + port; err != nil || !slices.Contains(node.Ports, want) {
			t.Errorf("got ports %v (%v), want %s among them", node.Ports, err, want)
		}
	}
	if node.StopGracePeriod <= longestLeave(cfg) || !node.ReadOnly || !slices.Equal(node.CapDrop, []string{"ALL"}) {
		t.Errorf("got %+v", node)
	}
	if _, err := os.Stat(filepath.Join("../../deploy/container", node.Build.Context, node.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	for _, v := range redis.Volumes {
		if name, _, _ := strings.Cut(v, ":"); slices.Contains(redis.Command, "--appendonly") {
			if _, ok := c.Volumes[name]; !ok {
				t.Errorf("got volume %s, which is none", name)
			}
		}
	}
}

// A real Redis is started with the compose file's arguments, and must be one
// that the program takes for a store.
func TestTheComposeFilesRedisIsOneForSinho(t *testing.T) {
	var c composeFile
	strictly(t, "compose.yaml", deployed(t, "container/compose.yaml"), &c)
	var args []string
	for _, a := range c.Services["redis"].Command[1:] {
		args = append(args, strings.ReplaceAll(a, "${REDIS_PASSWORD:?}", "hush"))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()
	runProgram(t, "Ready to accept connections", "redis-server", append(args, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir())...)
	w := newWorld(t, "http")
	w.write(w.text("redis: {password_file: redis.txt}\n", "./data/sinho.db", "redis://"+address))
	writeFile(t, filepath.Join(w.dir, "redis.txt"), "hush")
	w.serve()
	if status, doc := w.getJSON("/readyz"); status != 200 || doc["status"] != "ready" {
		t.Errorf("got %d %v, want ready", status, doc)
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "AUTH hush\r\nCONFIG GET maxmemory-policy\r\nCONFIG GET appendonly\r\n")
	got, in := "", bufio.NewScanner(conn)
	for i := 0; i < 11 && in.Scan(); i++ {
		got += in.Text() + " "
	}
	if !strings.Contains(got, "noeviction") || !strings.Contains(got, "yes") {
		t.Errorf("got %s, want noeviction and an append-only file", got)
	}
}
