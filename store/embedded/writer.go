package embedded

import (
	"crypto/rand"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"sinho/store"
)

const (
	queueLength = 1024 // callers that wait without blocking each other
	batchLimit  = 256  // Applies in one transaction: at most 40 MB of values

	// stride is from the beginning of one commit to that of the next, at least.
	stride = 2 * time.Millisecond

	// lag is how long a change that need not be durable waits for its commit, at
	// most; it has been answered long before.
	lag = 25 * time.Millisecond
)

// writer is the only goroutine that changes the file. It has one transaction
// open, from the first change to the commit:
//
//	change          applied        seen by readers   answered
//	not durable     at once        at once           at once
//	durable, queue  at the commit  after it          after it
//
// so that nobody ever acts on a durable change that a crash could take back.
// What is not durable a crash takes back when its commit is still to come, and
// so does a commit that fails: then a new run begins, for else a code that was
// taken would be there again; and from then on everybody waits for the commit,
// until one succeeds.
type writer struct {
	*Store

	answers *answers
	tx      *bolt.Tx // nil: nothing was changed since the last commit
	change  *change  // of tx
	applied int      // Applies in tx
	waiting []*request
	last    time.Time // the last commit began
	due     *time.Timer
	at      time.Time // due, the zero time for never
	careful bool      // the last commit has failed
}

// write runs the writer until Close.
func (s *Store) write(known *answers) {
	defer close(s.ended)
	idle := time.NewTicker(s.tidy)
	defer idle.Stop()
	w := writer{Store: s, answers: known, due: time.NewTimer(time.Hour)}
	defer w.due.Stop()
	for {
		select {
		case <-s.quit:
			w.finish()
			return
		case <-idle.C:
			w.commitAll()
		case <-w.due.C:
			w.drain()
			w.commitAll()
		case r := <-s.queue:
			w.take(r)
			if w.full() || w.ripe() {
				w.drain()
				w.commitAll()
			}
		}
	}
}

// take applies a request, or keeps it for the commit.
func (w *writer) take(r *request) {
	switch {
	case r.ctx.Err() != nil:
		r.answer(store.Outcome{}, unavailable(r.ctx.Err()))
	case r.durable || w.careful:
		w.waiting = append(w.waiting, r)
		w.commitBy(w.last.Add(w.stride))
	default:
		w.applyNow(r)
	}
}

// applyNow does and answers what need not be durable.
func (w *writer) applyNow(r *request) {
	outcome, err := w.apply(r)
	if err != nil {
		w.undo()
		r.answer(store.Outcome{}, unavailable(err))
		return
	}
	w.fresh.publish(w.change.changed)
	w.commitBy(time.Now().Add(w.lag))
	r.answer(outcome, nil)
}

// apply does a request in the open transaction. After an error the transaction
// must be undone.
func (w *writer) apply(r *request) (o store.Outcome, err error) {
	if err := w.open(); err != nil {
		return o, err
	}
	w.applied++
	w.change.now = w.clock.now()
	clear(w.change.changed)
	if r.change != nil {
		return o, r.change(w.change)
	}
	return w.change.apply(r.shard, r.attempt, r.ops)
}

func (w *writer) open() error {
	if w.tx != nil {
		return nil
	}
	tx, err := w.db.Begin(true)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	w.tx, w.change, w.applied = tx, newChange(tx, w.clock.now(), w.run, w.answers), 0
	w.fresh.begin(tx.ID() - 1)
	return nil
}

func (w *writer) full() bool { return w.applied+len(w.waiting) >= batchLimit }

// ripe reports whether the commit is due already.
func (w *writer) ripe() bool { return !w.at.IsZero() && !w.at.After(time.Now()) }

// commitBy sets the time of the next commit, unless there is an earlier one.
func (w *writer) commitBy(at time.Time) {
	if w.at.IsZero() || at.Before(w.at) {
		w.at = at
		w.due.Reset(time.Until(at))
	}
}

// drain takes whatever is queued already, and waits for nobody.
func (w *writer) drain() {
	for !w.full() {
		select {
		case r := <-w.queue:
			w.take(r)
		default:
			return
		}
	}
}

// commitAll applies what was kept for the commit, deletes some of what has
// expired, commits, and answers everybody who waits for it.
func (w *writer) commitAll() {
	w.due.Stop()
	w.at, w.last = time.Time{}, time.Now()
	waiting := w.waiting
	outcomes := make([]store.Outcome, len(waiting))
	err := w.transact(waiting, outcomes)
	for i, r := range waiting {
		if err != nil {
			r.answer(store.Outcome{}, unavailable(err))
			continue
		}
		r.answer(outcomes[i], nil)
	}
	clear(waiting)
	w.waiting = waiting[:0]
}

func (w *writer) transact(waiting []*request, outcomes []store.Outcome) error {
	for i, r := range waiting {
		var err error
		if outcomes[i], err = w.apply(r); err != nil {
			w.undo()
			return err
		}
	}
	if err := w.open(); err != nil {
		return err
	}
	w.change.now = w.clock.now()
	if err := w.change.sweep(); err != nil {
		w.undo()
		return err
	}
	if w.change.writes == 0 {
		err := w.tx.Rollback()
		w.tx = nil
		return err
	}
	if err := w.commit(w.tx); err != nil {
		w.undo()
		return fmt.Errorf("commit: %w", err)
	}
	w.tx, w.careful = nil, false
	w.commits.Add(1)
	w.change.learn()
	w.fresh.clear()
	return nil
}

// undo takes the open transaction back, and with it changes that were answered:
// codes of this run die, lest one that was taken live again.
func (w *writer) undo() {
	w.careful = true
	_, _ = rand.Read(w.run[:]) // never fails, see crypto/rand
	w.fresh.clear()
	if w.tx != nil {
		_ = w.tx.Rollback() // fails only where it is closed already
		w.tx = nil
	}
}

// finish commits what is open, so that Close loses nothing that was answered.
func (w *writer) finish() {
	if w.tx != nil || len(w.waiting) > 0 {
		w.commitAll()
	}
}
