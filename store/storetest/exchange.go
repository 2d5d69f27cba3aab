package storetest

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"sinho/store"
)

// Table is an exchange in memory where several nodes of one process meet. Its
// clock is time.Now, which is a test's own in testing/synctest.
type Table struct {
	mu      sync.Mutex // guards the fields below
	back    time.Duration
	left    map[int64]map[string][]byte
	floor   int64
	version string
	second  int64
	state   []byte
}

// NewTable is an empty one.
func NewTable() *Table { return &Table{left: map[int64]map[string][]byte{}} }

// Clear loses everything, as a store that was restarted.
func (t *Table) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left, t.floor, t.version, t.second, t.state = map[int64]map[string][]byte{}, 0, "", 0, nil
}

// TurnBack sets the table's clock back, as a promoted server's may be.
func (t *Table) TurnBack(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.back += by
}

// Now is the table's clock.
func (t *Table) Now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now()
}

func (t *Table) now() time.Time { return time.Now().Add(-t.back) }

// sealed is the second sealed last. t.mu is held.
func (t *Table) sealed() int64 { return t.now().Add(-store.Sealed).Unix() - 1 }

// Seat is one node's place at a table.
type Seat struct {
	table *Table
	node  string
}

// Seat is the place of a node, whose name must be its alone.
func (t *Table) Seat(node string) *Seat { return &Seat{t, node} }

// Leave implements live.Exchange.
func (s *Seat) Leave(ctx context.Context, second int64, report []byte, floor int64) (bool, error) {
	t := s.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	t.floor = max(t.floor, floor)
	stands := t.second
	if stands > t.sealed()+store.Ahead {
		stands = 0
	}
	if second <= max(stands, t.sealed()) || second > t.now().Unix() {
		return false, nil
	}
	if t.left[second] == nil {
		t.left[second] = map[string][]byte{}
	}
	t.left[second][s.node] = report
	return true, nil
}

// Look implements live.Exchange.
func (s *Seat) Look(ctx context.Context, after, upto int64, known string) (store.Sight, error) {
	t := s.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return store.Sight{}, err
	}
	sight := store.Sight{Sealed: t.sealed(), Version: t.version, Second: t.second, Floor: t.floor}
	if t.version != known {
		sight.State = t.state
	}
	for second := after + 1; second <= min(upto, sight.Sealed); second++ {
		if by := t.left[second]; by != nil {
			sight.Left = append(sight.Left, store.Left{Second: second, By: maps.Clone(by)})
		}
	}
	return sight, nil
}

// Advance implements live.Exchange.
func (s *Seat) Advance(ctx context.Context, from string, second int64, state []byte) (string, bool, error) {
	t := s.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return "", false, err
	}
	version := fmt.Sprintf("%d/%s", second, s.node)
	if t.version == version {
		return version, true, nil
	}
	if t.version != from || second > t.sealed() {
		return "", false, nil
	}
	t.version, t.second, t.state = version, second, state
	return version, true, nil
}
