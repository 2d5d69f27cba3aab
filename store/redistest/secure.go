package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Secure is a server that speaks TLS alone and knows one user.
type Secure struct {
	*Server

	CAFile             string // PEM of who vouches for it
	Username, Password string
}

// StartSecure starts one whose user may do what rules say (ACL SETUSER, apart
// from name and password).
func StartSecure(t testing.TB, rules string) *Secure {
	t.Helper()
	dir := t.TempDir()
	cert, key := SelfSigned(t)
	s := &Secure{CAFile: filepath.Join(dir, "cert.pem"), Username: "sinho", Password: "hush"}
	keyFile := filepath.Join(dir, "key.pem")
	for path, body := range map[string][]byte{s.CAFile: cert, keyFile: key} {
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.Server = prepare(t)
	user := append([]string{"--user", s.Username, "on", ">" + s.Password}, strings.Fields(rules)...)
	s.Args = append(user, "--user", "default", "off", "--port", "0", "--tls-port", port(s.Addr),
		"--tls-cert-file", s.CAFile, "--tls-key-file", keyFile, "--tls-ca-cert-file", s.CAFile, "--tls-auth-clients", "no")
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	s.dial(t, &redis.Options{
		Addr: s.Addr, Username: s.Username, Password: s.Password, TLSConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	})
	s.Start(t)
	return s
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address) // our own
	return p
}

// SelfSigned is a certificate of this machine's loopback that vouches for
// itself, and its key, both in PEM, good for a day.
func SelfSigned(t testing.TB) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: sealed})
}
