package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sinho/config"
)

// certificate is what the listeners show.
type certificate struct {
	pair *tls.Certificate
	leaf *x509.Certificate
}

// loadCertificate reads the files cfg names; nil when it names none. The error
// is config.Mistakes.
func loadCertificate(cfg *config.Config) (*certificate, error) {
	if cfg.TLS == nil {
		return nil, nil //nolint:nilnil // no TLS is no certificate
	}
	refuse := func(path, wrong, do string) error {
		return config.Mistakes{cfg.Mistake(path, wrong, do)}
	}
	pair, err := tls.LoadX509KeyPair(cfg.TLS.CertFile, cfg.TLS.KeyFile)
	if err != nil {
		return nil, refuse("tls", err.Error(), "name a certificate chain and its own private key, both PEM and readable by this user")
	}
	leaf := pair.Leaf
	if now := time.Now(); now.After(leaf.NotAfter) {
		return nil, refuse("tls.cert_file", "it expired on "+leaf.NotAfter.In(cfg.TimeZone.Location()).Format(readable), "renew it")
	}
	public, err := url.Parse(cfg.PublicURL)
	if err == nil {
		err = leaf.VerifyHostname(public.Hostname())
	}
	if err != nil {
		return nil, refuse("tls.cert_file", fmt.Sprintf("it is not for public_url: %v", err), "use a certificate for the host in public_url")
	}
	return &certificate{pair: &pair, leaf: leaf}, nil
}

// readable is how times are written for people.
const readable = "2006-01-02 15:04 MST"

// tlsConfig is TLS 1.3, and 1.2 with forward secrecy and GCM. current gives the
// certificate at each handshake, so that a renewed one is shown at once.
func tlsConfig(current func() *certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c := current(); c != nil {
				return c.pair, nil
			}
			return nil, errors.New("no certificate is configured")
		},
	}
}

// byTLSAlone has browsers that came by TLS come by nothing else for a year (RFC 6797),
// as the proxies in deploy/ do where they speak it. localhost is many programs', most
// of them without TLS.
func byTLSAlone(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		if r.TLS != nil && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
