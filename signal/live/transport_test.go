package live

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// vendor is a TLS server that offers HTTP/2 if it is to, and the product's own
// way to it.
func vendor(t *testing.T, http2 bool, h http.HandlerFunc) (*httptest.Server, *http.Transport) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = http2
	s.StartTLS()
	t.Cleanup(s.Close)
	tr := pooled(Timeouts{Connect: 10 * time.Second, Header: 10 * time.Second})
	t.Cleanup(tr.CloseIdleConnections)
	tr.TLSClientConfig.RootCAs = x509.NewCertPool()
	tr.TLSClientConfig.RootCAs.AddCert(s.Certificate())
	return s, tr
}

func across(t *testing.T, tr http.RoundTripper, url string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(r)
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

func TestProvidersAreSpokenToByHTTP2WhereOffered(t *testing.T) {
	for want := 1; want <= 2; want++ {
		s, tr := vendor(t, want == 2, func(http.ResponseWriter, *http.Request) {})
		resp, err := across(t, tr, s.URL)
		if err != nil || resp.ProtoMajor != want {
			t.Errorf("got %v (%v), want HTTP/%d", resp, err, want)
		}
	}
}

func TestTLSSessionsOfProvidersAreResumed(t *testing.T) {
	s, tr := vendor(t, false, func(http.ResponseWriter, *http.Request) {})
	var last *tls.ConnectionState
	for range 2 {
		resp, err := across(t, tr, s.URL)
		if err != nil {
			t.Fatal(err)
		}
		last = resp.TLS
		tr.CloseIdleConnections()
	}
	if !last.DidResume {
		t.Error("got a second full handshake, want the session resumed")
	}
}

func TestHeadersOfProvidersAreBounded(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		s, tr := vendor(t, http2, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("a", 128<<10))
		})
		if resp, err := across(t, tr, s.URL); err == nil {
			t.Errorf("HTTP/2 %v: got %s with 128 KiB of header, want it refused", http2, resp.Status)
		}
	}
}
