package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sinho/providers/sim"
)

// Self-signed certificates live so long, and are made anew when less is left.
const (
	ownCertificate = 90 * 24 * time.Hour
	ownEnds        = 7 * 24 * time.Hour
)

// prepare leaves everything in the folder that a run needs, and gives the secret
// that broker and provider share.
func (r certifyRun) prepare() (secret string, err error) {
	for _, d := range []string{r.dir, filepath.Join(r.dir, "clients"), filepath.Join(r.dir, "plans")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return "", err
		}
	}
	keys := filepath.Join(r.dir, "keys")
	if _, err := os.Stat(keys); errors.Is(err, fs.ErrNotExist) {
		if err := newVault(keys); err != nil {
			return "", err
		}
	}
	if secret, err = simSecret(r.dir); err != nil {
		return "", err
	}
	if r.cert == "" {
		if err := r.ownCertificate(time.Now()); err != nil {
			return "", fmt.Errorf("self-signed certificate: %w", err)
		}
	}
	known := map[string]credentials{}
	var clients strings.Builder
	for _, c := range certifyClients() {
		if known[c.id], err = c.credentials(filepath.Join(r.dir, "clients")); err != nil {
			return "", err
		}
		clients.WriteString(c.yaml(r.test, known[c.id].secret))
	}
	text, err := r.settings(clients.String())
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "sinho.yaml"), []byte(text), 0o600); err != nil {
		return "", err
	}
	for _, p := range certifyPlans() {
		body, err := r.plan(p, known)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(r.dir, "plans", p.file), body, 0o600); err != nil {
			return "", err
		}
	}
	return secret, nil
}

func (r certifyRun) certFile() string {
	if r.cert != "" {
		return r.cert
	}
	return filepath.Join(r.dir, "tls.crt")
}

func (r certifyRun) keyFile() string {
	if r.key != "" {
		return r.key
	}
	return filepath.Join(r.dir, "tls.key")
}

// settings is sinho.yaml.
func (r certifyRun) settings(clients string) (string, error) {
	cert, certErr := filepath.Abs(r.certFile())
	key, keyErr := filepath.Abs(r.keyFile())
	return fmt.Sprintf(certifyConfig, r.base, inJSON(r.address(0)), inJSON(cert), inJSON(key), clients,
		certifyProvider, r.provider, r.page, sim.TrustFramework), errors.Join(certErr, keyErr)
}

const certifyConfig = `# A broker for the conformance suite, written by "sinho certify" at each start:
# change its switches, not this file. Whoever comes here can be anybody.
public_url: %s
listen: [%s]
metrics_listen: ""
tls: {cert_file: %s, key_file: %s}
store: ./data/sinho.db
keys_dir: ./keys
drain: {delay: 0s, limit: 5s}
log: {format: text, access: true}
clients:
%sproviders:
  - id: %s
    name: {ko: 나라아이디, en: Nara ID}
    client_id: sinho
    secret_file: secret
    issuer: %s
    # Browsers reach its page by TLS, where they reach the broker.
    authorize_url: %s/authorize
    scopes: [openid, profile, email, phone, address, verified_claims]
    # Who has verified_claims there is verified, anybody else asserted.
    assurance: verified
    trust_framework: %s
    # Every login there is an act of its own, and auth_time tells when.
    fresh: proved
    capacity: 1000
`

// ownCertificate makes a self-signed certificate unless a good one is there.
func (r certifyRun) ownCertificate(now time.Time) error {
	if pair, err := tls.LoadX509KeyPair(r.certFile(), r.keyFile()); err == nil &&
		pair.Leaf.VerifyHostname(r.host) == nil && now.Add(ownEnds).Before(pair.Leaf.NotAfter) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "sinho certify"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(ownCertificate),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(r.host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{r.host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(r.certFile(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(r.keyFile(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}

// indented is v as JSON for people and the suite.
func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}
