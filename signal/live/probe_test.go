package live

import (
	"context"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sinho/signal"
)

// TestAProbeMayAskInItsOwnWay: one round in five seconds, by a client that no
// login is measured by; what it says is believed, and never makes green.
func TestAProbeMayAskInItsOwnWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		var refuses atomic.Bool
		l, err := New(Config{
			Providers: []Provider{{ID: "kakao", Probes: func() []Probe {
				return []Probe{{Name: "token", URL: "http://kakao.test/token", Ask: func(ctx context.Context, hc *http.Client) bool {
					asked.Add(1)
					req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://kakao.test/token", http.NoBody)
					if err != nil {
						return false
					}
					resp, err := hc.Do(req)
					if err != nil {
						return false
					}
					resp.Body.Close()
					return !refuses.Load()
				}}}
			}}},
			Transport: roundTrip(func(*http.Request) (*http.Response, error) { return answer(http.StatusBadRequest, "{}"), nil }),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		time.Sleep(time.Minute)
		if got := asked.Load(); got < 10 || got > 14 {
			t.Errorf("got %d rounds in a minute, want one in five seconds", got)
		}
		in := l.Insights()[0]
		if in.Recent.Legs.Total() != 0 || in.Recent.ProbesOK == 0 || in.Recent.ProbesFailed != 0 {
			t.Errorf("got %d legs, %d good rounds, %d failed probes, want rounds alone", in.Recent.Legs.Total(), in.Recent.ProbesOK, in.Recent.ProbesFailed)
		}
		if got := l.Light("kakao"); got != signal.Yellow.String() || l.Board().Providers[0].Measured {
			t.Errorf("got %s, want a yellow that is not measured: probes never make green", got)
		}
		refuses.Store(true)
		time.Sleep(30 * time.Second)
		if got := l.Light("kakao"); got != signal.Grey.String() {
			t.Errorf("while it is answered wrongly: got %s, want grey", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// full is a machine on which strangers hold all files.
func full(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}
}

// Attack: strangers hold as many connections as the node may have files. No provider
// can be asked then, and no light turns: it would be our own state that it shows, on
// every node, and keep people out after they have gone.
func TestAttackTakingEveryFileOfANodeColoursNoLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var empty atomic.Bool
		client := &http.Transport{DialContext: own(full)}
		l, err := New(Config{
			Providers: []Provider{{ID: "kakao", Probes: func() []Probe {
				return []Probe{{Name: "token", URL: "http://kakao.test/token"}, {Name: pageProbe, URL: "http://kakao.test/"}}
			}}},
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if empty.Load() {
					return client.RoundTrip(r)
				}
				return answer(http.StatusOK, "{}"), nil
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		time.Sleep(30 * time.Second)
		empty.Store(true)
		for range 60 {
			time.Sleep(time.Second)
			if got := l.Light("kakao"); got != signal.Yellow.String() {
				t.Fatalf("got %s, want the yellow of before", got)
			}
		}
		if in := l.Insights()[0]; in.Recent.ProbesFailed != 0 || in.Recent.PagesFailed != 0 {
			t.Errorf("got %d failed probes and %d failed pages, want none", in.Recent.ProbesFailed, in.Recent.PagesFailed)
		}
		cancel()
		<-ended
	})
}

func TestAMachineThatIsExhaustedIsTold(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}, true},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}, false},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "dial udp 127.0.0.53:53: socket: too many open files"}}, true},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, false},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}, false},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, false},
		{context.DeadlineExceeded, false},
	} {
		if got := exhausted(tc.err); got != tc.want {
			t.Errorf("%v: got %v, want %v", tc.err, got, tc.want)
		}
	}
}
