package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are within the test's own time.
type pipes struct {
	next chan net.Conn
	done chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.next:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// Attack: cookies without end. HTTP/2 writes the same one again in a byte, and a
// request that is not answered yet keeps what they unpack to.
func TestAttackCookiesThatUnpack(t *testing.T) {
	for name, tc := range map[string]struct {
		cookies int // of a thousand bytes
		want    int
	}{
		"what a browser has of ours":   {24, http.StatusOK},
		"more than any browser has":    {33, http.StatusRequestHeaderFieldsTooLarge},
		"all that a request may bring": {1000, http.StatusRequestHeaderFieldsTooLarge},
		"none":                         {0, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			served := 0
			h := fewCookies(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
			r := httptest.NewRequest(http.MethodGet, "/login", nil)
			for range tc.cookies {
				r.Header.Add("Cookie", "a="+strings.Repeat("a", 998))
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			refused := tc.want != http.StatusOK
			if w.Code != tc.want || (served == 0) != refused {
				t.Errorf("got %d, served %d times, want %d", w.Code, served, tc.want)
			}
			if kept := len(r.Header); refused && kept != 0 {
				t.Errorf("%d header fields are kept while it is answered, want none", kept)
			}
		})
	}
}

// Attack: clients that ask and do not read the answer. Over HTTP/2 one connection
// does so a hundred times at once. They are cut off, or each would keep a goroutine
// for ever.
func TestAttackReadersThatStopAreCutOff(t *testing.T) {
	for name, second := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var speak http.Protocols
				speak.SetHTTP1(!second)
				speak.SetUnencryptedHTTP2(second)
				var took time.Duration
				over := make(chan struct{})
				server := newServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					defer close(over)
					began := time.Now()
					for page := make([]byte, 64<<10); time.Since(began) < time.Hour; {
						if _, err := w.Write(page); err != nil {
							break
						}
					}
					took = time.Since(began)
				}), maxHeader, func() *certificate { return nil })
				server.Protocols, server.TLSConfig = &speak, nil
				p := &pipes{next: make(chan net.Conn), done: make(chan struct{})}
				go func() { _ = server.Serve(p) }()
				dial := func(context.Context, string, string) (net.Conn, error) {
					own, other := net.Pipe()
					p.next <- other
					return own, nil
				}
				client := &http.Transport{Protocols: &speak, DialContext: dial}
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/", nil)
				res, err := client.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				<-over
				if took != answerWait {
					t.Errorf("its handler wrote for %v, want %v", took, answerWait)
				}
				res.Body.Close()
				client.CloseIdleConnections()
				close(p.done)
				server.Close()
			})
		})
	}
}
