package live

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"sinho/broadcast"
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

func (p *pipes) dial() net.Conn {
	own, other := net.Pipe()
	p.next <- other
	return own
}

// Attack: slow readers and no-pong peers. Neither keeps its place, by WebSocket
// or by event stream; whoever answers does.
func TestAttackSlowReadersAndPeersThatNeverPong(t *testing.T) {
	for name, tc := range map[string]struct {
		watch func(t *testing.T, p *pipes) (end func())
		gone  time.Duration // by then; 0: never
	}{
		"a socket that nobody reads": {func(t *testing.T, p *pipes) func() {
			c := socket(t, p)
			return func() { c.Close() }
		}, broadcast.WriteWait + time.Second},
		"a socket that never answers a ping": {func(t *testing.T, p *pipes) func() {
			c := socket(t, p)
			c.SetPingHandler(func(string) error { return nil })
			go reading(c)
			return func() { c.Close() }
		}, 3*resend + time.Second},
		"a stream that nobody reads": {func(t *testing.T, p *pipes) func() {
			c := p.dial()
			if _, err := io.WriteString(c, "GET /signal/sse HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Error(err)
			}
			return func() { c.Close() }
		}, broadcast.WriteWait + time.Second},
		"one who reads and answers": {func(t *testing.T, p *pipes) func() {
			c := socket(t, p)
			go reading(c)
			return func() { c.Close() }
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLive(t, 0)
				p := &pipes{next: make(chan net.Conn), done: make(chan struct{})}
				server := &http.Server{Handler: l.Handler()}
				go func() { _ = server.Serve(p) }()
				end := tc.watch(t, p)
				synctest.Wait()
				if n := l.hub.watched.Load(); n != 1 {
					t.Fatalf("got %d watchers, want it to be one", n)
				}
				for range 8 { // the board as it stands, sent anew
					time.Sleep(resend / 2)
					f := *l.hub.pushed.Load()
					f.next = make(chan struct{})
					close(l.hub.pushed.Swap(&f).next)
				}
				time.Sleep(tc.gone)
				want := int64(0)
				if tc.gone == 0 {
					want = 1
				}
				synctest.Wait()
				if n := l.hub.watched.Load(); n != want {
					t.Errorf("got %d watchers after %v, want %d", n, 4*resend+tc.gone, want)
				}
				end()
				l.hub.close()
				close(p.done)
				server.Close()
				synctest.Wait()
			})
		})
	}
}

func socket(t *testing.T, p *pipes) *websocket.Conn {
	t.Helper()
	d := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial(), nil }}
	c, resp, err := d.DialContext(t.Context(), "ws://x/signal/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return c
}

func reading(c *websocket.Conn) {
	for {
		if _, _, err := c.NextReader(); err != nil {
			return
		}
	}
}
