package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	randv2 "math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"sinho/reach"
	"sinho/store"
)

// send tells whom it is time to tell, until ctx ends. An endpoint that is slow
// holds up no other.
func (a *Alerts) send(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	places := make(chan struct{}, mostUnder)
	for {
		items := a.lease(ctx, cap(places)-len(places))
		for _, item := range items {
			places <- struct{}{}
			under.Go(func() {
				a.attend(context.WithoutCancel(ctx), item)
				<-places
			})
		}
		if len(items) == 0 && !wait(ctx, a.pace.poll, a.nudge) || ctx.Err() != nil {
			return
		}
	}
}

// lease takes some endpoints that are due.
func (a *Alerts) lease(ctx context.Context, most int) []store.Leased {
	if most == 0 || len(a.targets()) == 0 {
		return nil
	}
	items, err := a.cfg.Queue.Lease(ctx, queue, most, a.pace.lease)
	a.note(ctx, err)
	return items
}

// attend sends what waits for one endpoint, in order, up to a few messages, and
// says when to go on. Whatever fails here is found again when the lease ends, or
// by who speaks.
func (a *Alerts) attend(ctx context.Context, item store.Leased) {
	a.trouble(ctx, item.ID, a.serve(ctx, item))
}

func (a *Alerts) serve(ctx context.Context, item store.Leased) error {
	target := item.ID
	t, known := a.find(target)
	if !known { // not any more, or by this node's settings not yet
		return a.done(ctx, item)
	}
	told := false
	for range inARow {
		if due := t.loud(a.cfg.Now()); due.After(a.cfg.Now()) {
			return a.later(ctx, item, due)
		}
		raw, l, err := a.ledger(ctx, target)
		if err != nil {
			return err
		}
		if len(l.Waiting) == 0 {
			return a.finish(ctx, item)
		}
		m := l.Waiting[0]
		result, why := a.try(ctx, t, m)
		if result == ResultRetry && a.cfg.Now().Sub(m.At) > giveUp {
			result = ResultGivenUp
		}
		a.tell(ctx, target, m, result, why)
		if result == ResultRetry {
			return a.backOff(ctx, item, told)
		}
		told = told || result == ResultTold
		if err := a.strike(ctx, target, raw, m.ID, result == ResultRefused); err != nil {
			return err
		}
	}
	defer a.wake()
	return a.later(ctx, item, atOnce())
}

// ledger reads and opens an endpoint's ledger.
func (a *Alerts) ledger(ctx context.Context, target string) (raw []byte, l ledger, err error) {
	if raw, err = a.read(ctx, target); err != nil {
		return nil, l, err
	}
	l, _, err = readLedger(raw)
	return raw, l, err
}

// strikes is how often a ledger is read anew because the speaker was faster.
const strikes = 12

// strike takes a message that is dealt with out of the ledger, or all of them.
func (a *Alerts) strike(ctx context.Context, target string, raw []byte, id string, all bool) error {
	for range strikes {
		l, _, err := readLedger(raw)
		if err != nil {
			return err
		}
		kept := l.Waiting[:0:0]
		for _, m := range l.Waiting {
			if m.ID != id && !all {
				kept = append(kept, m)
			}
		}
		if len(kept) == len(l.Waiting) {
			return nil // another node has
		}
		l.Waiting = kept
		if err = a.swap(ctx, target, raw, l); !errors.Is(err, errRace) {
			return err
		}
		if raw, err = a.read(ctx, target); err != nil {
			return err
		}
	}
	return errRace
}

// finish ends the item of an endpoint with nothing left to hear. A message that
// was added since found the item still there; so the ledger is looked at again.
func (a *Alerts) finish(ctx context.Context, item store.Leased) error {
	if err := a.done(ctx, item); err != nil {
		return err
	}
	_, l, err := a.ledger(ctx, item.ID)
	if err != nil || len(l.Waiting) == 0 {
		return err
	}
	return a.again(ctx, item.ID, atOnce())
}

// backOff has the endpoint tried again after a while; the first one if it has
// just answered.
func (a *Alerts) backOff(ctx context.Context, item store.Leased, fresh bool) error {
	if !fresh {
		return a.later(ctx, item, a.cfg.Now().Add(a.pace.pause(item.Attempts)))
	}
	if err := a.done(ctx, item); err != nil {
		return err
	}
	return a.again(ctx, item.ID, a.cfg.Now().Add(a.pace.pause(1)))
}

// pause is how long the n-th failure waits: doubling, with a fifth of chance on
// either side.
func (p rhythm) pause(n int) time.Duration {
	long := p.retry
	for range min(max(n, 1)-1, 16) {
		long = min(2*long, lastRetry)
	}
	return long*4/5 + time.Duration(randv2.Int64N(int64(long*2/5))) //nolint:gosec // no secret: it only spreads
}

func (a *Alerts) done(ctx context.Context, item store.Leased) error {
	return unlessLost(a.cfg.Queue.Done(ctx, queue, item.ID, item.Lease))
}

func (a *Alerts) later(ctx context.Context, item store.Leased, due time.Time) error {
	return unlessLost(a.cfg.Queue.Later(ctx, queue, item.ID, item.Lease, due))
}

// unlessLost: whoever has the lease now sees to it.
func unlessLost(err error) error {
	if errors.Is(err, store.ErrLeaseLost) {
		return nil
	}
	return err
}

// try sends one message. why is for the log and quotes nothing of the answer or
// the address, which may carry a secret.
func (a *Alerts) try(ctx context.Context, t Target, m message) (result, why string) {
	body, err := a.render(t, m)
	if err != nil {
		return ResultRetry, err.Error()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(body))
	if err != nil {
		return ResultRetry, "its address cannot be asked"
	}
	now := strconv.FormatInt(a.cfg.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sinho")
	req.Header.Set("Webhook-Id", m.ID)
	req.Header.Set("Webhook-Timestamp", now)
	req.Header.Set("Webhook-Signature", signature(t.Secrets, m.ID, now, body))
	resp, err := a.http.Do(req)
	if err != nil {
		return ResultRetry, "no answer: " + reach.Cause(err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return ResultTold, ""
	case resp.StatusCode == http.StatusGone:
		return ResultRefused, "it answered 410: it wants no more"
	}
	return ResultRetry, fmt.Sprintf("it answered %d", resp.StatusCode)
}
