package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sinho/config"
	"sinho/providers"
)

const (
	skewLook  = 5 * time.Second // a clock that is off by more is worth a look
	skewWrong = time.Minute     // and by more than this, tokens are refused
	pageRead  = 64 << 10        // bytes of a page that are read at most
)

// examine makes every check of one provider. What only discovery tells waits for
// it; the rest runs at once.
func (d *doctor) examine(ctx context.Context, p config.Provider) patient {
	set := p.Settings()
	out := patient{ID: p.ID, Kind: cmp.Or(p.Kind, p.ID), Name: set.Title()}
	watch := &watch{base: d.transport(), now: d.now}
	defer watch.base.CloseIdleConnections()
	adapter, err := providers.NewAt(set, &http.Client{Transport: watch, Timeout: d.timeout}, d.now)
	if err != nil {
		out.Checks = []finding{{"settings", isWrong, err.Error(), "see sinho check"}}
		return out
	}
	s, is := adapter.(providers.Surveyor)
	if !is {
		out.Checks = []finding{{"settings", isSkipped, "this kind cannot be looked at", ""}}
		return out
	}
	found := d.discovery(ctx, s)
	places, unknown := d.places(ctx, s)
	callback := d.public + "/callback/" + p.ID
	checks := []func() []finding{
		func() []finding { return d.dns(ctx, places) },
		func() []finding { return d.tls(ctx, places) },
		func() []finding { return found },
		func() []finding { return d.keys(ctx, s, unknown) },
		func() []finding { return d.page(ctx, s, watch, callback, unknown) },
		func() []finding { return d.credentials(ctx, s, callback, unknown) },
	}
	results := make([][]finding, len(checks))
	var g errgroup.Group
	for i, check := range checks {
		g.Go(func() error {
			results[i] = check()
			return nil
		})
	}
	_ = g.Wait() // none fails
	out.Checks = append(slices.Concat(results...), d.clock(watch))
	return out
}

// bounded is one check's own time.
func (d *doctor) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.timeout)
}

func (d *doctor) discovery(ctx context.Context, s providers.Surveyor) []finding {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	err := s.Metadata(ctx)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return []finding{d.failure("discovery", err)}
	}
	return []finding{{"discovery", isFine, "its metadata names our issuer and safe addresses", ""}}
}

// places are the addresses that are known; unknown says that some are not.
func (d *doctor) places(ctx context.Context, s providers.Surveyor) (all []providers.Place, unknown bool) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	all, err := s.Places(ctx)
	return all, err != nil
}

// withoutDiscovery stands for a check that has no address to ask.
func withoutDiscovery(check string) []finding {
	return []finding{{check, isSkipped, "its address is not known without discovery", ""}}
}

func (d *doctor) keys(ctx context.Context, s providers.Surveyor, unknown bool) []finding {
	if unknown {
		return withoutDiscovery("keys")
	}
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	n, err := s.Keys(ctx)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return []finding{d.failure("keys", err)}
	case n == 0:
		return []finding{{"keys", isWrong, "none of its keys is of an algorithm that is allowed here", "compare algorithms with what it signs with; only RS256, ES256, PS256 and EdDSA can be taken"}}
	}
	return []finding{{"keys", isFine, countOf(n, "key can verify its ID tokens", "keys can verify its ID tokens"), ""}}
}

// page opens what people would be sent to and follows nothing.
func (d *doctor) page(ctx context.Context, s providers.Surveyor, via http.RoundTripper, callback string, unknown bool) []finding {
	if unknown {
		return withoutDiscovery("page")
	}
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	to, err := providers.PageOf(ctx, s, callback)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return []finding{d.failure("page", err)}
	}
	status, location, err := d.open(ctx, via, to)
	if err != nil {
		return []finding{d.failure("page", err)}
	}
	register := fmt.Sprintf("compare client_id with what is registered there, and register the redirect URI %s", callback)
	switch code := providers.SentBack(location, callback); {
	case status == http.StatusTooManyRequests:
		return []finding{{"page", isWorthALook, "it is asked too often just now (429)", "try again in some minutes"}}
	case status >= http.StatusInternalServerError:
		return []finding{{"page", isWrong, fmt.Sprintf("it answers %d", status), "ask the provider: its page fails by itself"}}
	case code != "":
		return []finding{{"page", isWrong, "it sends people straight back with " + code, register}}
	case status >= http.StatusBadRequest:
		return []finding{{"page", isWorthALook, fmt.Sprintf("it answers %d to this machine", status), "begin a login in a browser; where that fails too, " + register}}
	}
	return []finding{{"page", isFine, fmt.Sprintf("it opens (%d)", status), ""}}
}

// open makes one GET and reads a little of the answer.
func (d *doctor) open(ctx context.Context, via http.RoundTripper, to string) (status int, location string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return 0, "", errors.New("its address is none")
	}
	resp, err := via.RoundTrip(req)
	if err != nil {
		return 0, "", err // without the address, which a url.Error would have
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, pageRead))
	return resp.StatusCode, resp.Header.Get("Location"), err
}

func (d *doctor) credentials(ctx context.Context, s providers.Surveyor, callback string, unknown bool) []finding {
	switch {
	case !d.token:
		return []finding{{"token", isSkipped, "left out (--no-token)", ""}}
	case unknown:
		return withoutDiscovery("token")
	}
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	code, err := s.Credentials(ctx, callback)
	switch {
	case err != nil:
		return []finding{d.failure("token", err)}
	case code == "":
		return []finding{{"token", isFine, "it knows us", ""}}
	}
	return []finding{{"token", isFine, fmt.Sprintf("it knows us, and refuses a proof that cannot be good (%s)", code), ""}}
}

// clock compares what the provider's answers are dated with this machine.
func (d *doctor) clock(w *watch) finding {
	off, known := w.skew()
	switch {
	case !known:
		return finding{"clock", isSkipped, "no answer with a date came", ""}
	case off.Abs() < 2*time.Second: // dates are in whole seconds
		return finding{"clock", isFine, "its clock and this machine's agree", ""}
	}
	f := finding{
		Check: "clock", State: isFine, Detail: fmt.Sprintf("this machine is %v behind its clock", off.Round(time.Second)),
		Do: "set this machine's clock by NTP (chronyc tracking); where only one provider says so, it is that one's",
	}
	if off < 0 {
		f.Detail = fmt.Sprintf("this machine is %v ahead of its clock", -off.Round(time.Second))
	}
	switch {
	case off.Abs() > skewWrong:
		f.State = isWrong
	case off.Abs() > skewLook:
		f.State = isWorthALook
	default:
		f.Do = ""
	}
	return f
}

// watch is a transport that notes how the answers are dated.
type watch struct {
	base *http.Transport
	now  func() time.Time

	mu    sync.Mutex    // guards what follows
	least time.Duration // the quickest answer took
	off   time.Duration // how far its date was ahead of ours
	dated bool
}

// RoundTrip implements http.RoundTripper.
func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := w.now()
	resp, err := w.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	took := w.now().Sub(asked)
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return resp, nil //nolint:nilerr // an answer without a date says nothing
	}
	if age, err := strconv.Atoi(resp.Header.Get("Age")); err == nil && age > 0 { // RFC 9111, 4.2.3
		at = at.Add(time.Duration(age) * time.Second)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.dated || took < w.least {
		// A date is the beginning of its second.
		w.dated, w.least, w.off = true, took, at.Add(time.Second/2).Sub(asked.Add(took/2))
	}
	return resp, nil
}

func (w *watch) skew() (off time.Duration, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.off, w.dated
}

// hosts are the different hosts of some places, as host:port, and whether each
// speaks TLS.
func hosts(places []providers.Place) (all []string, secure map[string]bool) {
	secure = map[string]bool{}
	for _, p := range places {
		u, err := url.Parse(p.URL)
		if err != nil || u.Hostname() == "" {
			continue
		}
		port := cmp.Or(u.Port(), map[string]string{"http": "80"}[u.Scheme], "443")
		host := net.JoinHostPort(strings.ToLower(u.Hostname()), port)
		if !slices.Contains(all, host) {
			all = append(all, host)
		}
		secure[host] = u.Scheme == "https"
	}
	return all, secure
}
