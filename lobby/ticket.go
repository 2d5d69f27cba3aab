package lobby

import (
	"fmt"
	"time"
)

// Ticket is a place in a room, kept by a browser. It outlives reloads, closed
// tabs and restarts of the broker.
type Ticket struct {
	Room   string    // 1 to MaxRoom bytes
	Epoch  uint64    // of the room's counters, when the number was given
	Number uint64    // from 0, in the order of coming; a Queue makes a place of it
	Issued time.Time // whole milliseconds
	Key    [32]byte  // SHA-256 thumbprint of the device's key (RFC 7638); zero: it has none
	Seed   [16]byte  // random, not zero: the ticket's name and what the device draws its own order from
	Late   uint64    // 1 and the number in the late lane; 0: not in it
	// Told is when the first estimate was shown and Wait what it was, in whole
	// seconds, so that it can be scored. Zero: none was.
	Told time.Time
	Wait uint64
	// Passed: it has had a pass, so its number may be spent.
	Passed bool
}

const (
	tagTicketRoom byte = iota + 1
	tagTicketEpoch
	tagTicketNumber
	tagTicketIssued
	tagTicketKey
	tagTicketSeed
	tagTicketLate
	tagTicketTold
	tagTicketWait
	tagTicketPassed
)

// Marshal is the form that is sealed.
func (t *Ticket) Marshal() []byte {
	f := newForm()
	f.bytes(tagTicketRoom, []byte(t.Room))
	f.number(tagTicketEpoch, t.Epoch)
	f.number(tagTicketNumber, t.Number)
	f.milli(tagTicketIssued, t.Issued)
	f.name(tagTicketKey, t.Key[:])
	f.name(tagTicketSeed, t.Seed[:])
	f.number(tagTicketLate, t.Late)
	f.milli(tagTicketTold, t.Told)
	f.number(tagTicketWait, t.Wait)
	f.flag(tagTicketPassed, t.Passed)
	return f
}

// Unmarshal reads a form, or ErrMalformed.
func (t *Ticket) Unmarshal(p []byte) error {
	*t = Ticket{}
	var r reader
	err := r.fields(p, func(tag byte, v []byte) {
		switch tag {
		case tagTicketRoom:
			t.Room = string(v)
		case tagTicketEpoch:
			t.Epoch = r.number(v)
		case tagTicketNumber:
			t.Number = r.number(v)
		case tagTicketIssued:
			t.Issued = r.milli(v)
		case tagTicketKey:
			r.name(t.Key[:], v)
		case tagTicketSeed:
			r.name(t.Seed[:], v)
		case tagTicketLate:
			t.Late = r.number(v)
		case tagTicketTold:
			t.Told = r.milli(v)
		case tagTicketWait:
			t.Wait = r.number(v)
		case tagTicketPassed:
			t.Passed = r.number(v) != 0
		}
	})
	if err == nil && (t.Room == "" || len(t.Room) > MaxRoom || t.Seed == [16]byte{}) {
		err = ErrMalformed
	}
	if err != nil {
		*t = Ticket{}
		return fmt.Errorf("read ticket: %w", err)
	}
	return nil
}

// Pass lets one browser begin logins for a while and finish one. It is checked
// where a login begins and spent where it comes back.
type Pass struct {
	Room     string
	Epoch    uint64    // of the room's counters when it was made: it dies with them
	Born     uint64    // the ticket's epoch
	Number   uint64    // the ticket's
	Ticket   [16]byte  // the ticket's name
	Browser  [32]byte  // hash of the browser it was given to, not zero
	Expires  time.Time // whole milliseconds
	Extended bool
	Late     uint64 // the ticket's
}

const (
	tagPassRoom byte = iota + 1
	tagPassEpoch
	tagPassBorn
	tagPassNumber
	tagPassTicket
	tagPassBrowser
	tagPassExpires
	tagPassExtended
	tagPassLate
)

// Pass is the one a called ticket gets, in the epoch that is.
func (t *Ticket) Pass(epoch uint64, browser [32]byte, now time.Time) Pass {
	return Pass{
		Room: t.Room, Epoch: epoch, Born: t.Epoch, Number: t.Number, Ticket: t.Seed,
		Browser: browser, Expires: now.Add(PassLife).Truncate(time.Millisecond), Late: t.Late,
	}
}

// Extend gives the pass that lives PassLife longer, the same however often it is
// asked for. ErrExpired once it is over, ErrExtended for one that was extended.
func (p Pass) Extend(now time.Time) (Pass, error) {
	switch {
	case !now.Before(p.Expires):
		return Pass{}, ErrExpired
	case p.Extended:
		return Pass{}, ErrExtended
	}
	p.Expires, p.Extended = p.Expires.Add(PassLife), true
	return p, nil
}

// Check is nil for a pass of this room and browser that lives; else
// ErrForeignRoom, ErrOtherBrowser or ErrExpired.
func (p *Pass) Check(room string, browser [32]byte, now time.Time) error {
	switch {
	case p.Room != room:
		return ErrForeignRoom
	case p.Browser != browser:
		return ErrOtherBrowser
	case !now.Before(p.Expires):
		return ErrExpired
	}
	return nil
}

// Marshal is the form that is sealed.
func (p *Pass) Marshal() []byte {
	f := newForm()
	f.bytes(tagPassRoom, []byte(p.Room))
	f.number(tagPassEpoch, p.Epoch)
	f.number(tagPassBorn, p.Born)
	f.number(tagPassNumber, p.Number)
	f.name(tagPassTicket, p.Ticket[:])
	f.name(tagPassBrowser, p.Browser[:])
	f.milli(tagPassExpires, p.Expires)
	f.flag(tagPassExtended, p.Extended)
	f.number(tagPassLate, p.Late)
	return f
}

// Unmarshal reads a form, or ErrMalformed.
func (p *Pass) Unmarshal(from []byte) error {
	*p = Pass{}
	var r reader
	err := r.fields(from, func(tag byte, v []byte) {
		switch tag {
		case tagPassRoom:
			p.Room = string(v)
		case tagPassEpoch:
			p.Epoch = r.number(v)
		case tagPassBorn:
			p.Born = r.number(v)
		case tagPassNumber:
			p.Number = r.number(v)
		case tagPassTicket:
			r.name(p.Ticket[:], v)
		case tagPassBrowser:
			r.name(p.Browser[:], v)
		case tagPassExpires:
			p.Expires = r.milli(v)
		case tagPassExtended:
			p.Extended = r.number(v) != 0
		case tagPassLate:
			p.Late = r.number(v)
		}
	})
	if err == nil && (p.Room == "" || len(p.Room) > MaxRoom || p.Ticket == [16]byte{} || p.Browser == [32]byte{} || p.Expires.IsZero()) {
		err = ErrMalformed
	}
	if err != nil {
		*p = Pass{}
		return fmt.Errorf("read pass: %w", err)
	}
	return nil
}
