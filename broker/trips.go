package broker

import (
	"cmp"
	"context"
	"log/slog"
	"strings"

	"sinho/providers"
)

// started, returned and ended tell whoever watches; single sign-on never does.

func (b *Broker) started(j *journey) {
	if b.hooks.Started != nil {
		b.hooks.Started(Trip{Provider: j.Provider, Light: j.Light, Began: j.Began})
	}
}

func (b *Broker) returned(j *journey) {
	j.Back = b.now()
	if b.hooks.Returned != nil {
		b.hooks.Returned(Trip{Provider: j.Provider, Light: j.Light, Began: j.Began, Returned: j.Back})
	}
}

// noted tells whoever keeps a record of requests which one this is.
func (b *Broker) noted(ctx context.Context, ref, client string) {
	if b.hooks.Noted != nil {
		b.hooks.Noted(ctx, ref, client)
	}
}

func (b *Broker) ended(j *journey, failure *providers.Error) {
	if b.hooks.Ended != nil {
		b.hooks.Ended(Trip{Provider: j.Provider, Light: j.Light, Began: j.Began, Returned: j.Back, Ended: b.now(), Err: failure})
	}
}

// logFailure notes a provider's failure without anything personal.
func (b *Broker) logFailure(ctx context.Context, q *request, e *providers.Error) {
	at := slog.LevelWarn
	if e.Class == providers.Cancelled {
		at = slog.LevelInfo
	}
	b.log(ctx, at, "provider failed", q.Ref, e.Class.String(), e, slog.String("provider", e.Provider), slog.String("vendor_code", wordOf(cmp.Or(e.Said, e.Code))))
}

// wordOf keeps what may stand in a log: [A-Za-z0-9_.-]{0,40}.
func wordOf(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
			return c
		}
		return -1
	}, s[:min(len(s), 200)])
	return s[:min(len(s), 40)]
}
