package logout

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	randv2 "math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sinho/reach"
	"sinho/store"
)

// Run tells sites until ctx ends, and returns nil then. What is under way ends
// first, within its time.
func (d *Deliveries) Run(ctx context.Context) error {
	away := false
	for ctx.Err() == nil {
		items, err := d.cfg.Queue.Lease(ctx, queue, atOnce, leaseFor)
		if err != nil && ctx.Err() == nil && !away {
			d.cfg.Log.Warn("logout deliveries wait for the store", "error", err)
		}
		away = err != nil
		var all sync.WaitGroup
		for _, item := range items {
			all.Go(func() { d.deliver(context.WithoutCancel(ctx), item) })
		}
		all.Wait()
		if len(items) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-d.nudge:
		case <-time.After(lookEvery):
		}
	}
	return nil
}

// deliver tries one message and says what becomes of it.
func (d *Deliveries) deliver(ctx context.Context, item store.Leased) {
	m, err := d.open(item)
	if err != nil {
		// Of another ring, or older than any site can want: nobody can send it.
		d.cfg.Log.Warn("logout delivery dropped", "error", err)
		d.done(ctx, item)
		return
	}
	result, why := d.try(ctx, m)
	if result == ResultRetry && d.cfg.Now().Sub(item.Pushed) > giveUp {
		result = ResultGivenUp
	}
	d.cfg.Delivered(m.Client, result)
	at := slog.LevelInfo
	if result != ResultTold {
		at = slog.LevelWarn
	}
	d.cfg.Log.LogAttrs(ctx, at, "logout delivery", slog.String("client", m.Client), slog.String("result", result),
		slog.Int("attempt", item.Attempts), slog.String("why", why))
	if result != ResultRetry {
		d.done(ctx, item)
		return
	}
	err = d.cfg.Queue.Later(ctx, queue, item.ID, item.Lease, d.cfg.Now().Add(backOff(item.Attempts)))
	if err != nil && !errors.Is(err, store.ErrLeaseLost) {
		d.cfg.Log.Warn("logout delivery not given back, its lease will end", "error", err)
	}
}

func (d *Deliveries) done(ctx context.Context, item store.Leased) {
	if err := d.cfg.Queue.Done(ctx, queue, item.ID, item.Lease); err != nil && !errors.Is(err, store.ErrLeaseLost) {
		d.cfg.Log.Warn("logout delivery not marked as done, it will be repeated", "error", err)
	}
}

func (d *Deliveries) open(item store.Leased) (m message, err error) {
	plain, err := d.box().Open(string(item.Item), d.cfg.Now(), d.cfg.Issuer)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(plain, &m)
}

// backOff is how long the n-th failure waits: doubling, with a fifth of chance
// on either side, so that a site that comes back is not met by all at once.
func backOff(n int) time.Duration {
	wait := firstRetry
	for range min(max(n, 1)-1, 16) {
		wait = min(2*wait, lastRetry)
	}
	return wait*4/5 + time.Duration(randv2.Int64N(int64(wait*2/5))) //nolint:gosec // no secret: it only spreads
}

// try sends one message. why is for the log and quotes nothing of the answer.
func (d *Deliveries) try(ctx context.Context, m message) (result, why string) {
	uri, algorithm, wants := d.cfg.Site(m.Client)
	if !wants {
		return ResultRefused, "the client wants to be told no more"
	}
	token, err := d.token(algorithm, m)
	if err != nil {
		return ResultRetry, err.Error()
	}
	body := url.Values{"logout_token": {token}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, strings.NewReader(body))
	if err != nil {
		return ResultRefused, "its address cannot be asked"
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := d.http.Do(req)
	if err != nil {
		return ResultRetry, "no answer: " + reach.Cause(err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		return ResultTold, ""
	case http.StatusBadRequest:
		return ResultRefused, "it answered 400"
	}
	return ResultRetry, fmt.Sprintf("it answered %d", resp.StatusCode)
}

// logoutToken is Back-Channel Logout 1.0 §2.4. It has no nonce.
type logoutToken struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience string          `json:"aud"`
	Issued   int64           `json:"iat"`
	Expires  int64           `json:"exp"`
	ID       string          `json:"jti"`
	Session  string          `json:"sid"`
	Events   json.RawMessage `json:"events"`
}

func (d *Deliveries) token(algorithm string, m message) (string, error) {
	now := d.cfg.Now()
	claims, err := json.Marshal(&logoutToken{
		Issuer: d.cfg.Issuer, Subject: m.Subject, Audience: m.Client, Issued: now.Unix(), Expires: now.Add(tokenTTL).Unix(),
		ID: rand.Text(), Session: m.Session,
		Events: json.RawMessage(`{"http://schemas.openid.net/event/backchannel-logout":{}}`),
	})
	if err != nil {
		return "", fmt.Errorf("make logout token: %w", err)
	}
	signed, err := d.cfg.Sign(algorithm, claims, "logout+jwt")
	if err != nil {
		return "", fmt.Errorf("sign logout token: %w", err)
	}
	return signed, nil
}
