// Package lobby is the waiting room as arithmetic: numbers and places, the
// shuffle at the opening, how many are called each second, and what a device
// works out from the one frame that everybody gets. State is a value and time is
// an argument. Nothing here seals, stores or sends: lobby/room does the first
// two.
package lobby

import (
	"errors"
	"time"
)

// Sentinels. Compare with errors.Is.
var (
	// ErrMalformed: the bytes are no form of ours, or of a later format.
	ErrMalformed = errors.New("lobby: malformed form")
	// ErrForged: not sealed by us, for another purpose, or changed since.
	ErrForged = errors.New("lobby: forged")
	// ErrExpired: ours, but its time is over.
	ErrExpired = errors.New("lobby: expired")
	// ErrForeignRoom: of another room.
	ErrForeignRoom = errors.New("lobby: of another room")
	// ErrOtherBrowser: a pass that was given to another browser.
	ErrOtherBrowser = errors.New("lobby: of another browser")
	// ErrExtended: a pass is extended once.
	ErrExtended = errors.New("lobby: extended already")
	// ErrNotCalled: the place has not been called yet, or has none before the draw.
	ErrNotCalled = errors.New("lobby: not called yet")
	// ErrTooLate: the call is over; the late lane is open.
	ErrTooLate = errors.New("lobby: the call is over")
	// ErrClosed: an operator has closed the room.
	ErrClosed = errors.New("lobby: closed")
)

const (
	// PassLife is how long an entry pass lives; extended, twice as long.
	PassLife = 120 * time.Second
	// Settle is how long after the opening the seed stays secret and nobody is
	// called: by then every node, whose clock is off by 2 s at most, has ceased to
	// give out numbers that are shuffled.
	Settle = 3 * time.Second
	// MaxRoom is the longest name of a room, in bytes.
	MaxRoom = 32
)
