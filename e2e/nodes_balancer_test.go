package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// balancer sends each request to the next node that is well, a GET to another
// one when a node breaks off. It believes a node to be well by /healthz.
type balancer struct {
	doors []*door
	next  atomic.Int64
	rt    *http.Transport
	// route picks a node for a request itself; -1 leaves it to the balancer.
	route atomic.Pointer[func(*http.Request) int]
}

type door struct {
	base string
	sick atomic.Bool
}

func newBalancer(t *testing.T, address string, nodes []*node) *balancer {
	t.Helper()
	b := &balancer{rt: http.DefaultTransport.(*http.Transport).Clone()}
	b.rt.MaxIdleConns, b.rt.MaxIdleConnsPerHost = 0, 512 // a storm would else dial for each request
	t.Cleanup(b.rt.CloseIdleConnections)
	for _, n := range nodes {
		b.doors = append(b.doors, &door{base: "http://" + n.address})
	}
	server := httptest.NewUnstartedServer(b)
	server.Listener.Close()
	var err error
	if server.Listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return b
}

// lead sends every request where route says.
func (b *balancer) lead(route func(*http.Request) int) { b.route.Store(&route) }

func (b *balancer) watch(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background()) // t.Context ends before the clean-ups do
	var watching sync.WaitGroup
	t.Cleanup(func() { stop(); watching.Wait() })
	for _, d := range b.doors {
		watching.Go(func() {
			client := &http.Client{Timeout: time.Second}
			tick := time.NewTicker(250 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+"/healthz", nil)
				if err != nil {
					return
				}
				resp, err := client.Do(req)
				if err == nil {
					resp.Body.Close()
				}
				d.sick.Store(err != nil || resp.StatusCode != http.StatusOK)
			}
		})
	}
}

// ServeHTTP sends a request on.
func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		b.tunnel(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	var failed error
	for range len(b.doors) {
		d := b.pick(r)
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host, out.RequestURI = "http", strings.TrimPrefix(d.base, "http://"), ""
		out.Host = r.Host
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		out.Header.Set("X-Forwarded-For", "127.0.0.1")
		resp, err := b.rt.RoundTrip(out)
		if err == nil {
			defer resp.Body.Close()
			for name, values := range resp.Header {
				w.Header()[name] = slices.Clone(values)
			}
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body)
			return
		}
		d.sick.Store(true)
		failed = err
		var dialling *net.OpError
		if r.Method != http.MethodGet && (!errors.As(err, &dialling) || dialling.Op != "dial") {
			break // it may have been done
		}
	}
	http.Error(w, fmt.Sprint("no node: ", failed), http.StatusBadGateway)
}

// tunnel sends a WebSocket on, to one node alone.
func (b *balancer) tunnel(w http.ResponseWriter, r *http.Request) {
	d := b.pick(r)
	proxy := &httputil.ReverseProxy{
		Transport: b.rt,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: strings.TrimPrefix(d.base, "http://")})
			p.Out.Host = r.Host
			p.Out.Header.Set("X-Forwarded-For", "127.0.0.1")
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			d.sick.Store(true)
			http.Error(w, fmt.Sprint("no node: ", err), http.StatusBadGateway)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	proxy.ServeHTTP(w, r)
}

func (b *balancer) pick(r *http.Request) *door {
	if route := b.route.Load(); route != nil {
		if i := (*route)(r); i >= 0 && !b.doors[i].sick.Load() {
			return b.doors[i]
		}
	}
	for range len(b.doors) {
		if d := b.doors[int(b.next.Add(1))%len(b.doors)]; !d.sick.Load() {
			return d
		}
	}
	return b.doors[0]
}
