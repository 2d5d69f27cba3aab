package live

import (
	"context"

	"sinho/store"
)

// Exchange is where the nodes of a cluster meet once a second: each leaves what
// it has measured, and one of them puts the next state in place for all. Every
// method may be repeated with the same arguments and changes nothing more by it,
// and says no word about what the bytes are.
type Exchange interface {
	// Leave leaves this node's report of a second that is over, and the highest
	// number it has shown. It is not taken when the second is sealed by then.
	Leave(ctx context.Context, second int64, report []byte, floor int64) (taken bool, err error)
	// Look finds the state that stands, unless its version is known, and what
	// nodes left for the sealed seconds after the first up to the second given.
	Look(ctx context.Context, after, upto int64, known string) (store.Sight, error)
	// Advance puts the state of a sealed second in place of the one whose version
	// is from, if that still stands; won says whether it did. version names it.
	Advance(ctx context.Context, from string, second int64, state []byte) (version string, won bool, err error)
}
