package peers

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// world is a broker with simulated providers, and the clients of every peer.
// Its tests run one after the other: they share the front.
type world struct {
	issuer   string
	front    *front
	metadata map[string]any
	parties  map[string]party // by client_id
}

// party is a client of the broker.
type party struct {
	id     string
	secret string // "" for a public client
	port   int    // of its site on localhost
	// key is the file of its private key, for one that authenticates by it.
	key string
	// path is where its answers go, "" for /callback; home is where people are
	// after logging out, "" for /.
	path, home string
	// more are settings of its own, one a line.
	more []string
}

func (p party) site() string { return fmt.Sprintf("http://localhost:%d", p.port) }

func (p party) callback() string {
	return p.site() + cmp.Or(p.path, "/callback")
}

func (p party) start() string { return p.site() + cmp.Or(p.home, "/") }

// settings of the party in sinho.yaml.
func (p party) settings() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - id: %s\n    name: {ko: %s, en: %s}\n    sector: %s\n", p.id, p.id, p.id, p.id)
	fmt.Fprintf(&b, "    redirect_uris: [%s]\n    post_logout_uris: [%s]\n", p.callback(), p.start())
	switch {
	case p.key != "":
	case p.secret == "":
		b.WriteString("    public: true\n")
	default:
		hash := sha256.Sum256([]byte(p.secret))
		fmt.Fprintf(&b, "    secret_sha256: %q\n", hex.EncodeToString(hash[:]))
	}
	for _, line := range p.more {
		b.WriteString("    " + line + "\n")
	}
	return b.String()
}

const settingsText = `public_url: %s
listen: ["%s"]
metrics_listen: ""
store: ./data/sinho.db
keys_dir: ./keys
drain: {delay: 0s, limit: 5s}
clients:
%sproviders:
  - {id: naver, client_id: sinho, secret_file: secret, base: "http://localhost:%d"}
  - {id: oidc, client_id: sinho, secret_file: secret, issuer: "http://localhost:%d", name: {ko: 나라, en: Nara}, scopes: [openid, profile, email, phone]}
`

// newWorld starts `sinho sim` and `sinho serve` for these clients.
func newWorld(t *testing.T, parties ...party) *world {
	t.Helper()
	w := &world{front: newFront(t), parties: map[string]party{}}
	dir, base, broker := t.TempDir(), basePort(t), fmt.Sprintf("127.0.0.1:%d", ports(t, 1)[0])
	_, port, _ := strings.Cut(w.front.server.Listener.Addr().String(), ":")
	w.issuer = "http://localhost:" + port
	var clients strings.Builder
	for _, p := range parties {
		w.parties[p.id] = p
		clients.WriteString(p.settings())
	}
	config := filepath.Join(dir, "sinho.yaml")
	text := fmt.Sprintf(settingsText, w.issuer, broker, clients.String(), base+10, base+14)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "sinho sim", dir, nil, line("ready "+config), sinho, "sim",
		"--dir", dir, "--base-port", fmt.Sprint(base), "--broker", w.issuer, "--latency", "0", "--capacity", "10000")
	if out, err := exec.Command(sinho, "keys", "init", "--dir", filepath.Join(dir, "keys")).CombinedOutput(); err != nil {
		t.Fatalf("sinho keys init: %v\n%s", err, out)
	}
	start(t, "sinho serve", dir, nil, line("ready "+w.issuer), sinho, "serve", "--config", config)
	w.front.behind(t, broker)
	w.metadata = readJSON(t, w.issuer+"/.well-known/openid-configuration")
	return w
}

func readJSON(t *testing.T, address string) (doc map[string]any) {
	t.Helper()
	readInto(t, address, &doc)
	return doc
}

func readInto(t *testing.T, address string, doc any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(doc); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v", address, resp.StatusCode, err)
	}
}

// newSecret is a secret as docs/integrate tells people to make one.
func newSecret() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails, see crypto/rand
	return hex.EncodeToString(raw[:])
}
