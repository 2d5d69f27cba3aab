// Package hall is the waiting rooms of one node at work: it steps them once a
// second, gives out tickets and passes to browsers, sends everybody the same
// signed frame, and counts who is there.
package hall

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sinho/lobby"
	"sinho/seal"
	"sinho/store"
)

// ErrNoRoom: the client has no waiting room, or it is off.
var ErrNoRoom = errors.New("hall: no waiting room")

// Config is what the rooms of a node need.
type Config struct {
	Rooms  []Setting
	Store  store.Store
	Ring   *seal.Ring
	Issuer string // whose origin the pages have
	Secure bool   // cookies have the __Host- prefix
	// Load is ΣĈ, logins a second of the providers that take people, and how many
	// logins are under way above what is usual. nil: nothing is measured.
	Load func() (capacity, backlog float64)
	// Sign makes a compact JWS of a frame; typ is FrameType. It is needed: there are
	// no frames without a signature.
	Sign func(claims []byte, typ string) (string, error)
	// Shares is the sequence of the shares of the lights that go with a frame. nil: none.
	Shares func() uint64
	// Known reports whether a client is registered: a room for all others takes no
	// strangers. nil: all are.
	Known       func(client string) bool
	MaxWatchers int              // of all rooms together; 0 is 10,000
	Log         *slog.Logger     // nil: slog.Default
	Now         func() time.Time // the store's clock; nil: this machine's
}

// FrameType is the typ of a signed frame.
const FrameType = "sinho-room+jwt"

// together is how long one room's dealings with the store may take in a second.
const together = 800 * time.Millisecond

// within is a context for that.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, together)
}

// Mode of a room.
type Mode string

// The modes.
const (
	Off    Mode = "off"    // nobody needs a pass
	Auto   Mode = "auto"   // seen only while more come than may go on, and before an opening
	Forced Mode = "forced" // everybody goes through it
)

// Setting is one room as it is to be now: the file's, with operators' orders
// laid over it.
type Setting struct {
	Name     string        // 1 to 20 of a-z 0-9 and -
	Title    [2]string     // Korean and English, "" for none
	Clients  []string      // client_ids; empty: every client that no other room names
	Mode     Mode          //
	Min, Max float64       // people a second; Max 0: none
	Opens    time.Time     // zero: it is open
	Announce time.Time     // since when the opening stands: its commitment is made by the keys of then
	Round    string        // at most 10 of a-z 0-9: another one is another queue, with numbers from 0
	Early    time.Duration // until how long before the opening people may verify early; 0: not at all
	Closed   bool          // nobody is called
	Notice   [2]string     // while it is closed: why, for those who wait, Korean and English; "" for nothing
}

// Purpose is what somebody wants at the door.
type Purpose int

// The purposes, as broker.Purpose has them.
const (
	Look Purpose = iota
	Login
	Session
	Early
)

// Seat is what the page of the waiting room shows one browser.
type Seat struct {
	Room   Setting
	Number uint64     // from 0, of the ticket
	Late   uint64     // 1 and the number in the late lane, 0: not in it
	View   lobby.View // as of Now
	Frame  string     // the latest, a compact JWS; its payload is lobby.Frame
	Now    time.Time
	Opens  time.Time     // zero once it has opened
	Proof  string        // commitment of the shuffle, hexadecimal, "" for none
	MayBe  bool          // verifying early is offered now
	Called bool          // a pass is in the browser's cookie: the chooser is the way on
	Reload time.Duration // when a page without JavaScript comes again, 2 to 60 s: it grows with the distance, and is 15 s at most near the front
	Spread time.Duration // of this ticket's own, 0 to 10 s: when to come once many may at the same moment
}
