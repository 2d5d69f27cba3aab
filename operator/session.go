package operator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"sinho/store"
)

// Session is somebody's sign-in as its record keeps it.
type Session struct {
	ID  string // secret: whoever has it has the session
	By  string
	How string
	End time.Time
}

func sessionKey(id string) string {
	sum := sha256.Sum256([]byte("console session " + id))
	return "operators/session/" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// SignIn begins a session of at most span. Session and trail are written
// together.
func (d *Desk) SignIn(ctx context.Context, by, how string, span time.Duration) (Session, error) {
	s := Session{ID: rand.Text(), By: by, How: how}
	err := d.noteSignIn(ctx, "sign in", func(now time.Time) (Entry, store.Op) {
		s.End = now.Add(span)
		return Entry{At: now, By: by, What: SignedIn, How: how},
			store.Op{Kind: store.Put, Key: sessionKey(s.ID), Value: []byte(by), TTL: span}
	})
	return s, err
}

// SignOut ends a session for good.
func (d *Desk) SignOut(ctx context.Context, s Session) error {
	return d.noteSignIn(ctx, "sign out", func(now time.Time) (Entry, store.Op) {
		return Entry{At: now, By: s.By, What: SignedOut, How: s.How}, store.Op{Kind: store.Delete, Key: sessionKey(s.ID)}
	})
}

// Refuse notes sign-ins that were refused. by is a known name or "".
func (d *Desk) Refuse(ctx context.Context, by, how string) error {
	return d.noteSignIn(ctx, "refuse a sign-in", func(now time.Time) (Entry, store.Op) {
		return Entry{At: now, By: by, What: Refused, How: how, Count: 1}, store.Op{}
	})
}

// Alive reports whether a session has neither ended nor been signed out.
func (d *Desk) Alive(ctx context.Context, id string) (bool, error) {
	_, err := d.cfg.Store.Read(ctx, shard, sessionKey(id))
	if errors.Is(err, store.ErrAbsent) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read a session: %w", err)
	}
	return true, nil
}

func (d *Desk) noteSignIn(ctx context.Context, what string, plan func(now time.Time) (Entry, store.Op)) error {
	return d.retry(ctx, what, func(now time.Time) ([]store.Op, func(), error) {
		raw, err := d.read(ctx, SignIns.head())
		if err != nil {
			return nil, nil, err
		}
		e, op := plan(now)
		e.At = e.At.UTC().Truncate(time.Second)
		ops, err := SignIns.note(raw, e)
		if op.Kind != 0 {
			ops = append(ops, op)
		}
		return ops, nil, err
	})
}
