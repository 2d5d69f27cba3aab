package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sinho/citizen"
)

// certify writes a certificate for 127.0.0.1 with a serial number, and gives a
// pool that knows it.
func (w *world) certify(serial int64, until time.Time) *x509.CertPool {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "sinho test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(w.dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return pool
}

const withTLS = "tls: {cert_file: cert.pem, key_file: key.pem}\n"

func TestServeSpeaksTLSItself(t *testing.T) {
	w := newWorld(t, "https")
	pool := w.certify(1, time.Now().Add(time.Hour))
	w.trust(&tls.Config{RootCAs: pool})
	w.write(w.text(withTLS))
	r := w.serve()
	if out := w.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Errorf("got %s (%v), want people to log in over TLS; log:\n%s", out.Why, out.Err, r.log)
	}

	for _, path := range []string{"/readyz", "/login", "/signal"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.public+path, nil)
		res, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
			t.Errorf("%s: got Strict-Transport-Security %q, want a year", path, got)
		}
	}

	for _, tc := range []struct {
		name   string
		client *tls.Config
		want   uint16 // version; 0: refused
	}{
		{"whatever a browser offers", &tls.Config{}, tls.VersionTLS13},
		{"1.2 with ECDHE and GCM", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}}, tls.VersionTLS12},
		{"1.2 with ChaCha20, which FAPI 2.0 does not name", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, 0},
		{"1.2 with CBC", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, 0},
		{"1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.client.RootCAs = pool
			conn, err := tls.Dial("tcp", w.door.Addr().String(), tc.client)
			if tc.want == 0 {
				if err == nil {
					t.Errorf("got version %x, want it refused", conn.ConnectionState().Version)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := conn.ConnectionState().Version; got != tc.want {
				t.Errorf("got version %x, want %x", got, tc.want)
			}
		})
	}
}

func TestARenewedCertificateIsShownAndABadOneIsNot(t *testing.T) {
	w := newWorld(t, "https")
	w.certify(1, time.Now().Add(time.Hour))
	w.write(w.text(withTLS))
	r := w.serve()
	serial := func() int64 {
		conn, err := tls.Dial("tcp", w.door.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("got serial %d, want 1", got)
	}
	w.certify(2, time.Now().Add(time.Hour))
	r.look <- time.Time{}
	r.log.waitFor(t, "configuration taken", 1)
	if got := serial(); got != 2 {
		t.Errorf("after the renewal: got serial %d, want 2", got)
	}
	w.certify(3, time.Now().Add(-time.Minute))
	r.look <- time.Time{}
	r.log.waitFor(t, "it expired on", 1)
	if got := serial(); got != 2 {
		t.Errorf("after an expired one: got serial %d, want 2 to stay", got)
	}
}

// A certificate that is renewed while a node starts is taken at its first look.
func TestACertificateRenewedDuringTheStartIsTaken(t *testing.T) {
	w := newWorld(t, "https")
	w.certify(1, time.Now().Add(time.Hour))
	w.write(w.text(withTLS))
	w.starting = func() { w.certify(2, time.Now().Add(time.Hour)) }
	r := w.serve()
	r.look <- time.Time{}
	r.log.waitFor(t, "configuration taken", 1)
}

func TestACertificateMustBeWholeAndOurs(t *testing.T) {
	w := newWorld(t, "https")
	for name, tc := range map[string]struct {
		spoil func()
		want  string
	}{
		"for another host": {func() { w.public = "https://id.example.kr" }, "not for public_url"},
		"expired":          {func() { w.certify(1, time.Now().Add(-time.Minute)) }, "KST"},
		"absent":           {func() { os.Remove(filepath.Join(w.dir, "cert.pem")) }, "no such file"},
		"somebody else's": {func() {
			cert, err := os.ReadFile(filepath.Join(w.dir, "cert.pem"))
			if err != nil {
				t.Fatal(err)
			}
			w.certify(2, time.Now().Add(time.Hour))
			if err := os.WriteFile(filepath.Join(w.dir, "cert.pem"), cert, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "private key does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			public := w.public
			defer func() { w.public = public }()
			w.certify(1, time.Now().Add(time.Hour))
			tc.spoil()
			w.write(w.text(withTLS))
			err := runCheck(w.path, w.env, newLines())
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "sinho.yaml:") {
				t.Errorf("got %v, want a mistake with its place that says %q", err, tc.want)
			}
		})
	}
}

// A developer's other programs at localhost have no TLS.
func TestLocalhostIsNotKeptToTLS(t *testing.T) {
	answered := byTLSAlone(http.NotFoundHandler())
	for url, want := range map[string]string{
		"https://login.example.kr/": "max-age=31536000", "https://localhost:8443/": "", "https://id.localhost/": "", "http://login.example.kr/": "",
	} {
		rec := httptest.NewRecorder()
		answered.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, url, nil))
		if got := rec.Header().Get("Strict-Transport-Security"); got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
}
