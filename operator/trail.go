package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sinho/signal"
	"sinho/store"
)

// Chain names one of the two trails.
type Chain string

// The trails. What strangers can cause is apart from what operators did.
const (
	Changes Chain = "changes"
	SignIns Chain = "sign-ins"
)

const (
	// pageBytes is when a page is full; an entry is at most about 1.5 KB.
	pageBytes = 12 << 10
	// pagesKept is how many full pages a chain keeps.
	pagesKept = 50
	// together is how long refused sign-ins of one kind count as one entry.
	together = 10 * time.Minute
)

// What an Entry of the sign-ins can be; of changes it is the Action or RoomAction.
const (
	SignedIn  = "sign-in"
	SignedOut = "sign-out"
	Refused   = "refused"
)

// Entry is one line of a trail.
type Entry struct {
	At       time.Time    `json:"at"`
	By       string       `json:"by,omitempty"`
	What     string       `json:"what"`
	Provider string       `json:"provider,omitempty"`
	Reason   *signal.Text `json:"reason,omitempty"`
	Until    *time.Time   `json:"until,omitempty"`
	// Before is the word that was replaced or taken back.
	Before *Word  `json:"before,omitempty"`
	How    string `json:"how,omitempty"`   // way of a sign-in
	Count  int    `json:"count,omitempty"` // of refused sign-ins, the last one At
	// Room is the waiting room of an order; What is a RoomAction then. Ordered is
	// the part that was ordered, Replaced what it replaced or took back.
	Room     string     `json:"room,omitempty"`
	Ordered  *RoomOrder `json:"ordered,omitempty"`
	Replaced *RoomOrder `json:"replaced,omitempty"`
	// Reference is the 문의번호 by which a device was to be released, and Outcome one of
	// the Release constants.
	Reference string `json:"reference,omitempty"`
	Outcome   string `json:"outcome,omitempty"`
}

// page is one record of a chain, oldest entry first.
type page struct {
	N       int64   `json:"n"`
	Entries []Entry `json:"entries"`
}

func (c Chain) head() string        { return "operators/" + string(c) }
func (c Chain) full(n int64) string { return fmt.Sprintf("%s/%d", c.head(), n%pagesKept) }
func put(key string, v []byte) store.Op {
	return store.Op{Kind: store.Put, Key: key, Value: v, TTL: store.MaxTTL}
}

// swap are the ops that change key from was (nil: absent) to next.
func swap(key string, was, next []byte) []store.Op {
	if was == nil {
		return []store.Op{{Kind: store.PutNew, Key: key, Value: next, TTL: store.MaxTTL}}
	}
	return []store.Op{{Kind: store.Hold, Key: key, Value: was}, put(key, next)}
}

// note are the ops that add an entry to the chain whose newest page is raw.
func (c Chain) note(raw []byte, e Entry) ([]store.Op, error) {
	p, err := decodePage(raw)
	if err != nil {
		return nil, err
	}
	kept := p.Entries
	if last := len(kept) - 1; last >= 0 && e.What == Refused && kept[last].What == Refused &&
		kept[last].By == e.By && kept[last].How == e.How && e.At.Sub(kept[last].At) < together {
		p.Entries = slices.Clone(kept)
		p.Entries[last].At, p.Entries[last].Count = e.At, kept[last].Count+e.Count
	} else {
		p.Entries = append(slices.Clone(kept), e)
	}
	next, err := encode(p)
	if err != nil && !errors.Is(err, ErrFull) {
		return nil, err
	}
	if err == nil && len(next) <= pageBytes {
		return swap(c.head(), raw, next), nil
	}
	if next, err = encode(page{N: p.N + 1, Entries: []Entry{e}}); err != nil {
		return nil, err
	}
	return append(swap(c.head(), raw, next), put(c.full(p.N), raw)), nil
}

func decodePage(raw []byte) (p page, err error) {
	if len(raw) == 0 {
		return page{N: 1}, nil
	}
	if err = json.Unmarshal(raw, &p); err != nil {
		err = fmt.Errorf("page of the trail: %w", err)
	}
	return p, err
}

// Trail is a page of a chain, newest entry first: page 0 is the newest one.
// older is the page before it, 0 when there is none.
func (d *Desk) Trail(ctx context.Context, c Chain, n int64) (entries []Entry, older int64, err error) {
	raw, err := d.read(ctx, c.head())
	if err != nil {
		return nil, 0, fmt.Errorf("read the trail: %w", err)
	}
	p, err := decodePage(raw)
	if err != nil {
		return nil, 0, err
	}
	if n > 0 && n != p.N {
		if n > p.N || n <= p.N-pagesKept-1 {
			return nil, 0, nil
		}
		if raw, err = d.read(ctx, c.full(n)); err != nil {
			return nil, 0, fmt.Errorf("read the trail: %w", err)
		}
		newest := p.N
		if p, err = decodePage(raw); err != nil || p.N != n || raw == nil {
			return nil, 0, err
		}
		older = max(n-1, newest-pagesKept)
	} else {
		older = p.N - 1
	}
	if older < 1 || older == n {
		older = 0
	}
	slices.Reverse(p.Entries)
	return p.Entries, older, nil
}
