package live

import (
	"context"
	"io"
	"net/http"
	"sync"

	"sinho/signal"
)

// pageProbe is the name of the probe of the page people see.
const pageProbe = "page"

// mostRounds bounds the probe rounds of one provider under way at once.
const mostRounds = 5

// probeClient asks without measuring, without following redirects, and on a new
// connection each time: what is probed is whether the door opens.
func probeClient(base http.RoundTripper, t Timeouts) *http.Client {
	if base == nil {
		fresh := pooled(t)
		fresh.DisableKeepAlives = true
		base = fresh
	}
	return &http.Client{
		Transport:     unasked{base},
		Timeout:       t.Probe,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// startProbes starts one round: every probe of the provider, side by side.
func (l *Live) startProbes(ctx context.Context, p *provider, probes *sync.WaitGroup) {
	if p.rounds.Add(1) > mostRounds {
		p.rounds.Add(-1)
		return
	}
	probes.Go(func() {
		defer p.rounds.Add(-1)
		l.round(ctx, p)
	})
}

// round asks all probes and counts each as soon as it is known; a round is good
// when every probe of a server leg was answered.
func (l *Live) round(ctx context.Context, p *provider) {
	var wg sync.WaitGroup
	began := p.meter.now()
	all := p.Probes()
	answers := make([]bool, len(all))
	server := 0
	for i, probe := range all {
		page := probe.Name == pageProbe
		if !page {
			server++
		}
		wg.Go(func() {
			answers[i] = page // a page says nothing of the server legs
			asked := p.meter.now()
			noted, refused := noting(ctx)
			alive := l.ask(noted, probe)
			if ctx.Err() != nil || refused.Load() {
				answers[i] = false
				return
			}
			switch {
			case page && alive:
				p.meter.of(asked, func(b *signal.Bucket) { b.PagesOK++ })
			case page:
				p.meter.of(asked, func(b *signal.Bucket) { b.PagesFailed++ })
			case !alive:
				p.meter.of(asked, func(b *signal.Bucket) { b.ProbesFailed++ })
			default:
				answers[i] = true
			}
		})
	}
	wg.Wait()
	for _, ok := range answers {
		if !ok {
			return
		}
	}
	if server > 0 && ctx.Err() == nil {
		p.meter.of(began, func(b *signal.Bucket) { b.ProbesOK++ })
	}
}

// ask reports whether a probe is answered with anything but a failure.
func (l *Live) ask(ctx context.Context, p Probe) bool {
	if p.Ask != nil {
		return p.Ask(ctx, l.probing)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		return false
	}
	req.Header.Set("User-Agent", "sinho-probe")
	resp, err := l.probing.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)); err != nil {
		return false
	}
	return resp.StatusCode < http.StatusInternalServerError && resp.StatusCode != http.StatusTooManyRequests
}
