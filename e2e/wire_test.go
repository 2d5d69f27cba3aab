package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"sinho/store/redistest"
)

// wire is the TLS in front of a simulator's server legs, with HTTP/2, as real
// providers have it. It can be cut, and its certificate be somebody else's.
type wire struct {
	t       *testing.T
	address string
	trusted string // the certificate, PEM
	handler http.Handler
	good    tls.Certificate
	bad     tls.Certificate

	mu     sync.Mutex // guards server
	server *http.Server
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, address: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval: -1, // a drip drips
		Transport:     &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
		ErrorLog:      quiet(),
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	w.handler = proxy
	pair := func() (tls.Certificate, string) {
		cert, key := redistest.SelfSigned(t)
		one, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return one, string(cert)
	}
	w.good, w.trusted = pair()
	w.bad, _ = pair()
	w.mend()
	t.Cleanup(w.cut)
	return w
}

// quiet: what breaks is meant to.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// url of a path behind it.
func (w *wire) url(path string) string {
	_, port, _ := net.SplitHostPort(w.address)
	return "https://localhost:" + port + path
}

// cut closes the door and every connection: the next one is refused.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.server != nil {
		_ = w.server.Close() // it has nothing to say
		w.server = nil
	}
}

func (w *wire) mend()   { w.open(w.good) }
func (w *wire) expose() { w.open(w.bad) }

// open answers with a certificate, on new connections alone.
func (w *wire) open(with tls.Certificate) {
	w.cut()
	w.mu.Lock()
	defer w.mu.Unlock()
	l, err := net.Listen("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = &http.Server{
		Handler: w.handler, ReadHeaderTimeout: time.Minute, ErrorLog: quiet(),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{with}, MinVersion: tls.VersionTLS12},
	}
	go func(s *http.Server) { _ = s.ServeTLS(l, "", "") }(w.server) // until it is closed
}
