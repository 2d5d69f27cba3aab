// Package shed keeps a node useful when more is asked of it than it can do: what
// must not be lost goes first, the rest waits in short queues by class, and who
// would wait in vain is told at once (docs/decisions/0039-overload.md has the
// states, the races and the numbers).
//
// The package knows HTTP and nothing of logins: which request is of which class
// is its caller's to say. It bounds nothing that another bound is meant for:
// sockets, connections, what one provider may cost.
package shed

import "time"

// Class is how much is lost when a request is not served; the first is served
// first.
type Class int

// The classes, in their order.
const (
	Finishing Class = iota // what cannot be repeated, or a site's server waits for
	UnderWay               // pages of logins under way, which may be asked once more
	Departing              // sends somebody on: they come back to be finished
	Beginning              // somebody new
	Rest                   // everything else that is counted
	Open                   // never counted, queued or refused; no queue of its own
)

const classes = int(Open)

// Classes are those that are counted, in their order.
func Classes() []Class { return []Class{Finishing, UnderWay, Departing, Beginning, Rest} }

// String is the class as metrics name it.
func (c Class) String() string {
	switch c {
	case Finishing:
		return "finishing"
	case UnderWay:
		return "under_way"
	case Departing:
		return "departing"
	case Beginning:
		return "beginning"
	case Rest:
		return "rest"
	case Open:
	}
	return "open"
}

// Part of a login's end. What each costs is measured, so that no more people are
// sent away than can be finished when they are back.
type Part int

// The parts; a request that is none of them is Unmeasured.
const (
	Unmeasured Part = iota
	Return          // somebody is back from a provider
	Redemption      // a site redeems a code
	Claims          // a site reads the claims
	parts
)

// The numbers of decision 0039.
const (
	sharePerProcessor = 4  // admitted in a round
	fairEvery         = 16 // grants over a waiting class before it has one

	// Admitted and not done. One provider that hangs holds 1,024 at most
	// (docs/decisions/0030-containment.md); several must not keep the others' people out.
	mostInside   = 8192
	othersInside = 6144 // from there on, only Finishing is admitted
)

// rule is how one class waits.
type rule struct {
	inside   int           // that may be inside for one more to be admitted
	depth    int           // that may wait
	patience time.Duration // how long one waits at most
	short    time.Duration // the same under overload, which is that one has waited half of this; 0: the first stays the first
}

func rules() [classes]rule {
	return [classes]rule{
		Finishing: {inside: mostInside, depth: 4096, patience: 10 * time.Second},
		UnderWay:  {inside: othersInside, depth: 1024, patience: 3 * time.Second, short: time.Second},
		Departing: {inside: othersInside, depth: 1024, patience: 2 * time.Second, short: 500 * time.Millisecond},
		Beginning: {inside: othersInside, depth: 1024, patience: 1500 * time.Millisecond, short: 250 * time.Millisecond},
		Rest:      {inside: othersInside, depth: 256, patience: time.Second, short: 100 * time.Millisecond},
	}
}
