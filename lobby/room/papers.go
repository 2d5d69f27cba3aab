// Package room keeps a waiting room: its counters in a store, where every node
// finds the same, and tickets and passes sealed in what a browser holds. What the
// numbers mean is in lobby; pages, sockets and logins are kept out.
package room

import (
	"errors"
	"fmt"
	"time"

	"sinho/lobby"
	"sinho/seal"
)

// Papers seals the tickets and passes of all rooms of an issuer. It is immutable
// and safe for concurrent use.
type Papers struct {
	ticket, pass *seal.Box
	issuer       string
}

// NewPapers seals by a ring, for one issuer.
func NewPapers(ring *seal.Ring, issuer string) *Papers {
	return &Papers{ticket: ring.Box("lobby ticket"), pass: ring.Box("lobby pass"), issuer: issuer}
}

// SealTicket seals a ticket until expires.
func (p *Papers) SealTicket(t lobby.Ticket, expires time.Time) (string, error) {
	return p.ticket.Seal(t.Marshal(), expires, p.issuer)
}

// OpenTicket reads a ticket of a room: lobby.ErrForged, lobby.ErrExpired or
// lobby.ErrForeignRoom if it is none. An expired ticket of the room comes along
// with ErrExpired, so that a page can say what has become of it.
func (p *Papers) OpenTicket(token, room string, now time.Time) (lobby.Ticket, error) {
	plain, err := p.ticket.Open(token, now, p.issuer)
	expired := errors.Is(err, seal.ErrExpired)
	if err != nil && !expired {
		return lobby.Ticket{}, fmt.Errorf("%w: %w", lobby.ErrForged, err)
	}
	var t lobby.Ticket
	if err := t.Unmarshal(plain); err != nil {
		return lobby.Ticket{}, fmt.Errorf("%w: %w", lobby.ErrForged, err)
	}
	switch {
	case t.Room != room:
		return lobby.Ticket{}, lobby.ErrForeignRoom
	case expired:
		return t, lobby.ErrExpired
	}
	return t, nil
}

// SealPass seals a pass until it expires.
func (p *Papers) SealPass(pass lobby.Pass) (string, error) {
	return p.pass.Seal(pass.Marshal(), pass.Expires, p.issuer)
}

// OpenPass reads a pass that a browser may use in a room now: lobby.ErrForged,
// lobby.ErrExpired, lobby.ErrForeignRoom or lobby.ErrOtherBrowser if it may not.
// Whether it is spent, only Room.Spend knows.
func (p *Papers) OpenPass(token, room string, browser [32]byte, now time.Time) (lobby.Pass, error) {
	plain, err := p.pass.Open(token, now, p.issuer)
	if err != nil && !errors.Is(err, seal.ErrExpired) {
		return lobby.Pass{}, fmt.Errorf("%w: %w", lobby.ErrForged, err)
	}
	var pass lobby.Pass
	if err := pass.Unmarshal(plain); err != nil {
		return lobby.Pass{}, fmt.Errorf("%w: %w", lobby.ErrForged, err)
	}
	if err := pass.Check(room, browser, now); err != nil {
		return lobby.Pass{}, err
	}
	return pass, nil
}

// Seed is that of a room's opening: every node finds the same one again, and
// nobody without the sealing keys. announced is when its commitment was made: the
// key of that time is kept until the opening is over.
func Seed(ring *seal.Ring, room string, announced, opens time.Time) (seed [lobby.SeedSize]byte) {
	at, _ := opens.UTC().Truncate(time.Second).MarshalBinary() // never fails for UTC
	copy(seed[:], ring.Derive("lobby shuffle", announced, []byte(room), at))
	return seed
}
