package broker

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"sinho/providers"
)

// vendor is a provider of either shape.
type vendor struct {
	info providers.Info

	mu       sync.Mutex // guards what follows
	who      providers.Identity
	crowd    bool          // every proof is another person's
	fail     error         // of Exchange, Push and Result
	authFail error         // of AuthURL
	gate     chan struct{} // Exchange and Result wait for it when set
	asks     []providers.Ask
	spent    map[string]bool
	calls    int // of Exchange, Push
	progress providers.Progress
	pollFail error
	polls    int
	results  int
}

func (v *vendor) Info() providers.Info { return v.info }

func (v *vendor) set(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

// redirector and pusher give vendor one shape each.
type (
	redirector struct{ *vendor }
	pusher     struct{ *vendor }
)

func (v redirector) AuthURL(_ context.Context, ask providers.Ask) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.authFail != nil {
		return "", v.authFail
	}
	v.asks = append(v.asks, ask)
	return "https://" + v.info.ID + ".example/auth?" + url.Values{"state": {ask.State}, "redirect_uri": {ask.RedirectURI}}.Encode(), nil
}

func (v redirector) Exchange(ctx context.Context, _ providers.Ask, params url.Values) (providers.Identity, error) {
	v.mu.Lock()
	v.calls++
	who, fail, gate := v.who, v.fail, v.gate
	used := v.spent[params.Get("code")]
	if v.spent == nil {
		v.spent = map[string]bool{}
	}
	v.spent[params.Get("code")] = true
	if v.crowd {
		who.Subject = fmt.Sprintf("%s-%d", who.Subject, v.calls)
	}
	v.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return providers.Identity{}, ctx.Err()
		}
	}
	switch {
	case ctx.Err() != nil:
		return providers.Identity{}, ctx.Err()
	case fail != nil:
		return providers.Identity{}, fail
	case params.Has("error"):
		class := providers.Down
		if params.Get("error") == "access_denied" {
			class = providers.Cancelled
		}
		return providers.Identity{}, &providers.Error{Provider: v.info.ID, Class: class, Code: params.Get("error")}
	case used:
		return providers.Identity{}, &providers.Error{Provider: v.info.ID, Class: providers.BadCode, Spent: true}
	}
	return who, nil
}

func (v pusher) Push(context.Context, providers.Ask, providers.Contact, string) (providers.Pending, error) {
	v.mu.Lock()
	v.calls++
	n, fail, gate := v.calls, v.fail, v.gate
	v.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return providers.Pending{Ref: fmt.Sprintf("push-%d", n), Opaque: strings.Repeat("o", 512)}, fail
}

func (v pusher) Poll(context.Context, providers.Pending) (providers.Progress, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.polls++
	return v.progress, v.pollFail
}

func (v pusher) Result(context.Context, providers.Pending) (providers.Identity, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.results++
	if v.results > 1 {
		return providers.Identity{}, &providers.Error{Provider: v.info.ID, Class: providers.BadCode}
	}
	return v.who, v.fail
}
