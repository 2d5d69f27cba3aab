package store

import "time"

// Sealed is how long after its end a second takes what nodes leave for it.
const Sealed = 250 * time.Millisecond

// Ahead is by how many seconds a state may be ahead of the second sealed last. One
// that is further was made before the clock went back, and binds nobody.
const Ahead = 5

// What an exchange keeps expires by itself, so that nodes that are gone leave
// nothing behind.
const (
	LeftTTL  = 90 * time.Second // what nodes left for a second
	StateTTL = 24 * time.Hour
)

// Left is what nodes have left for one second, by node.
type Left struct {
	Second int64 // Unix second
	By     map[string][]byte
}

// Sight is what a node finds when it looks at an exchange: a place where nodes
// leave something every second and agree on one state that comes of it. What
// that is they know themselves.
type Sight struct {
	// Sealed is the second sealed last, by the store's clock.
	Sealed int64
	// Version names the state that stands, "" for none; Second is its own.
	Version string
	Second  int64
	// State is nil when its version is the one asked with.
	State []byte
	// Floor is the highest number any node has left.
	Floor int64
	// Left are the sealed ones among the seconds asked for, oldest first, without
	// those nobody left anything for.
	Left []Left
}
