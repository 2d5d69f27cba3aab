package alert

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"sinho/signal"
	"sinho/store"
)

// speakers is where the record of the one that speaks is kept.
const (
	speakers   = store.Shard("alerts")
	speakerKey = "speaker"
	ledgerKey  = "ledger"
)

// ledgerTTL is how long an endpoint that is told nothing is remembered.
const ledgerTTL = store.MaxTTL

func ledgerShard(target string) store.Shard { return store.Shard("alerts " + target) }

// speaker is what the node that speaks knows.
type speaker struct {
	until  time.Time         // it speaks; by the machine's monotonic clock
	asked  time.Time         // it asked to
	known  map[string][]byte // ledgers as they were read or written last
	pushed time.Time         // messages that wait were pushed last
}

// speak compares the board with the ledgers until ctx ends, while this node is
// the one to do so.
func (a *Alerts) speak(ctx context.Context) {
	s := &speaker{known: map[string][]byte{}}
	defer func() { a.resign(context.WithoutCancel(ctx), s) }()
	for wait(ctx, a.pace.look, nil) {
		targets, board := a.targets(), a.cfg.Board()
		if len(targets) == 0 || board.Local {
			a.resign(ctx, s) // nobody is silent in another's place
			continue
		}
		if time.Since(s.asked) >= a.pace.renew || s.asked.IsZero() {
			a.note(ctx, a.renew(ctx, s))
		}
		if !time.Now().Before(s.until) {
			continue
		}
		sweep := s.pushed.IsZero() || time.Since(s.pushed) >= a.pace.sweep
		if sweep {
			s.pushed = time.Now()
			clear(s.known)
		}
		for _, t := range targets {
			if err := a.look(ctx, s, t, board, sweep); sweep || errors.Is(err, store.ErrUnavailable) {
				a.trouble(ctx, t.ID, err)
			}
		}
	}
}

// renew makes this node the one that speaks, if it is or nobody else is.
func (a *Alerts) renew(ctx context.Context, s *speaker) error {
	s.asked = time.Now()
	me := []byte(a.node)
	mine := store.Op{Kind: store.PutNew, Key: speakerKey, Value: me, TTL: a.pace.speak}
	ops := []store.Op{mine}
	if s.asked.Before(s.until) {
		mine.Kind = store.Put
		ops = []store.Op{{Kind: store.Hold, Key: speakerKey, Value: me}, mine}
	}
	out, err := a.cfg.Store.Apply(ctx, speakers, attempt(), false, ops...)
	switch {
	case err != nil:
		return err // until stands: the record may be there still
	case out.Conflict != nil:
		s.until = time.Time{}
	default:
		if s.until.IsZero() {
			clear(s.known)
			s.pushed = time.Time{}
		}
		s.until = s.asked.Add(a.pace.speak)
	}
	return nil
}

// resign lets another node speak at once.
func (a *Alerts) resign(ctx context.Context, s *speaker) {
	if s.until.IsZero() {
		return
	}
	s.until, s.asked = time.Time{}, time.Time{}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	_, _ = a.cfg.Store.Apply(ctx, speakers, attempt(), false,
		store.Op{Kind: store.Hold, Key: speakerKey, Value: []byte(a.node)}, store.Op{Kind: store.Delete, Key: speakerKey})
}

func attempt() (id store.Attempt) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// errRace: the ledger was another one by then.
var errRace = errors.New("the ledger has changed meanwhile")

// look compares one endpoint's ledger with the board, and sees to it that what
// waits is in the queue.
func (a *Alerts) look(ctx context.Context, s *speaker, t Target, board signal.Board, sweep bool) error {
	raw, known := s.known[t.ID]
	if !known {
		var err error
		if raw, err = a.read(ctx, t.ID); err != nil {
			return err
		}
		s.known[t.ID] = raw
	}
	l, there, err := readLedger(raw)
	if err != nil {
		return err
	}
	next := first(t, board)
	if there {
		var changed bool
		if next, changed = l.after(t, board, a.cfg.Now()); !changed {
			if sweep && len(l.Waiting) > 0 {
				return a.push(ctx, t)
			}
			return nil
		}
	}
	delete(s.known, t.ID)
	if err := a.swap(ctx, t.ID, raw, next); err != nil {
		return err
	}
	if !there {
		a.cfg.Log.InfoContext(ctx, "alerts begin", "alert", t.ID)
	}
	if len(next.Waiting) > 0 && (sweep || len(next.Waiting) > len(l.Waiting)) {
		return a.push(ctx, t)
	}
	return nil
}

// push puts the endpoint's item into the queue, unless it is there.
func (a *Alerts) push(ctx context.Context, t Target) error {
	now := a.cfg.Now()
	if due := t.loud(now); due.After(now) {
		return a.again(ctx, t.ID, due)
	}
	return a.again(ctx, t.ID, atOnce())
}

// atOnce is a time that has passed by any clock.
func atOnce() time.Time { return time.Unix(0, 0) }

func (a *Alerts) again(ctx context.Context, target string, due time.Time) error {
	if err := a.cfg.Queue.Push(ctx, queue, target, []byte(target), due); err != nil {
		return err
	}
	a.wake()
	return nil
}

// wake has this node look at once whether there is something to send.
func (a *Alerts) wake() {
	select {
	case a.nudge <- struct{}{}:
	default:
	}
}

// read is an endpoint's ledger as it is kept, nil for none.
func (a *Alerts) read(ctx context.Context, target string) ([]byte, error) {
	raw, err := a.cfg.Store.Read(ctx, ledgerShard(target), ledgerKey)
	if errors.Is(err, store.ErrAbsent) {
		return nil, nil
	}
	return raw, err
}

// swap puts a ledger in place of the one that was read, raw; errRace when that is
// not there any more.
func (a *Alerts) swap(ctx context.Context, target string, raw []byte, next ledger) error {
	fresh, dropped, err := next.encode()
	if err != nil {
		return err
	}
	put := store.Op{Kind: store.Put, Key: ledgerKey, Value: fresh, TTL: ledgerTTL}
	ops := []store.Op{{Kind: store.Hold, Key: ledgerKey, Value: raw}, put}
	if raw == nil {
		put.Kind = store.PutNew
		ops = []store.Op{put}
	}
	out, err := a.cfg.Store.Apply(ctx, ledgerShard(target), attempt(), true, ops...)
	if err != nil {
		return err
	}
	if out.Conflict != nil {
		return errRace
	}
	for _, m := range dropped {
		a.gaveUp(ctx, target, m, "too many wait")
	}
	return nil
}

func (a *Alerts) gaveUp(ctx context.Context, target string, m message, why string) {
	a.tell(ctx, target, m, ResultGivenUp, why)
}

// tell counts and logs what became of a message or a try.
func (a *Alerts) tell(ctx context.Context, target string, m message, result, why string) {
	a.cfg.Delivered(target, result)
	at := slog.LevelInfo
	if result != ResultTold {
		at = slog.LevelWarn
	}
	a.cfg.Log.LogAttrs(ctx, at, "alert delivery", slog.String("alert", target), slog.String("message", m.ID),
		slog.String("result", result), slog.String("why", why))
}
