package broadcast

import (
	"bufio"
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

// An event stream lives through silence, by either version of HTTP and with a server
// that bounds its answers.
func TestAnEventStreamLivesThroughSilence(t *testing.T) {
	for name, second := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var speak http.Protocols
				speak.SetHTTP1(!second)
				speak.SetUnencryptedHTTP2(second)
				tell := make(chan Message)
				server := &http.Server{
					Protocols: &speak, WriteTimeout: time.Minute,
					Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						Events(w, r, func(gone <-chan struct{}, send func(Message) error) bool {
							for {
								select {
								case m := <-tell:
									if send(m) != nil {
										return false
									}
								case <-gone:
									return false
								}
							}
						})
					}),
				}
				p := &pipes{next: make(chan net.Conn), done: make(chan struct{})}
				go func() { _ = server.Serve(p) }()
				client := &http.Transport{Protocols: &speak, DialContext: func(context.Context, string, string) (net.Conn, error) {
					own, other := net.Pipe()
					p.next <- other
					return own, nil
				}}
				go say(t, tell, 0) // headers leave with the first message
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/", nil)
				res, err := client.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					res.Body.Close()
					client.CloseIdleConnections()
					close(p.done)
					server.Close()
				}()
				lines := bufio.NewScanner(res.Body)
				for i, silence := range []time.Duration{PingEvery, 5 * time.Minute, -1} {
					for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") {
						continue
					}
					if got := lines.Text(); got != "data: hello" {
						t.Fatalf("message %d: got %q (%v)", i, got, lines.Err())
					}
					if silence > 0 {
						go say(t, tell, silence)
					}
				}
			})
		})
	}
}

func say(t *testing.T, tell chan<- Message, after time.Duration) {
	time.Sleep(after)
	m, err := NewMessage(1, []byte("hello"))
	if err != nil {
		t.Error(err)
	}
	select {
	case tell <- m:
	case <-t.Context().Done():
	}
}

func TestAHeadOfAnEventStreamEnds(t *testing.T) {
	rec := httptest.NewRecorder()
	Events(rec, httptest.NewRequest(http.MethodHead, "/", nil), func(<-chan struct{}, func(Message) error) bool {
		t.Error("it watches")
		return false
	})
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Errorf("got %d, %v", rec.Code, rec.Header())
	}
}
