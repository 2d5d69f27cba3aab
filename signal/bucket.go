package signal

import (
	"maps"
	"slices"
)

// Class of a failure that colours a light. What a person does, and what we
// configured wrongly, is in no class.
type Class uint8

// The classes.
const (
	Refused   Class = iota // no connection, or one that broke
	TimedOut               // no answer in time
	Faulty                 // 5xx
	Throttled              // 429, or the provider's own way to say so
	Nonsense               // an answer nobody can use, as the adapter judged
	classes
)

// Back counts people who came back in one second, by the second they started.
type Back struct {
	Start int64  // Unix second they were sent away
	N     uint32 // how many came back
	Green uint32 // how many of them had begun on a green light
}

// Bucket is what one provider did in one second, as counters that add.
type Bucket struct {
	Second int64 // Unix second
	// Legs are the server legs that ended, failed ones too, by how long they took.
	Legs Histogram
	// Left are legs their caller gave up, by age: no failure, but a leg that was
	// already slow stays slow.
	Left Histogram
	// Errors by class: of legs, and those only an adapter could tell.
	Errors [classes]uint32
	// The person leg. Cancelled people came back and are in Backs too.
	Started, StartedGreen, Cancelled uint32
	Backs                            []Back // ascending by Start, no Start twice
	// Rounds of probes in which every server probe was answered; server probes
	// that failed; probes of the authorization page.
	ProbesOK, ProbesFailed, PagesOK, PagesFailed uint32
	// Logins begun on green that ended in this second: all of them, those that
	// failed for the provider's fault, and those whose server time was over t2.
	GreenEnded, GreenFailed, GreenSlow uint32
	// Completed are logins whose identity was read. Uncounted are nodes that do
	// not tell of them, being of an older version.
	Completed, Uncounted uint32
}

// Returned is how many people came back, with whatever.
func (b *Bucket) Returned() int {
	var n int
	for _, c := range b.Backs {
		n += int(c.N)
	}
	return n
}

// Failed is how many failures that colour were counted.
func (b *Bucket) Failed() int {
	var n int
	for _, c := range b.Errors {
		n += int(c)
	}
	return n
}

// Succeeded is how many legs ended well. A failure that only the adapter could
// tell came by a leg which looked well, so it takes one away.
func (b *Bucket) Succeeded() int { return max(b.Legs.Total()-b.Failed(), 0) }

// Came counts n people who came back.
func (b *Bucket) Came(start int64, n, green uint32) {
	i, found := slices.BinarySearchFunc(b.Backs, start, func(c Back, s int64) int { return int(c.Start - s) })
	if !found {
		b.Backs = slices.Insert(b.Backs, i, Back{Start: start})
	}
	b.Backs[i].N += n
	b.Backs[i].Green += green
}

// Add is the bucket of two nodes together, for the same second. It is
// commutative and associative, and the zero Bucket of that second is neutral.
func (b Bucket) Add(o Bucket) Bucket {
	return b.combine(o, func(x, y uint32) uint32 { return x + y })
}

// join is two readings of one node's growing bucket: the later one, counter by
// counter.
func (b Bucket) join(o Bucket) Bucket {
	return b.combine(o, func(x, y uint32) uint32 { return max(x, y) })
}

func (b Bucket) combine(o Bucket, f func(x, y uint32) uint32) Bucket {
	b.Second = max(b.Second, o.Second)
	for i := range b.Legs {
		b.Legs[i] = f(b.Legs[i], o.Legs[i])
		b.Left[i] = f(b.Left[i], o.Left[i])
	}
	for i := range b.Errors {
		b.Errors[i] = f(b.Errors[i], o.Errors[i])
	}
	for _, p := range []struct{ to, from *uint32 }{
		{&b.Started, &o.Started},
		{&b.StartedGreen, &o.StartedGreen},
		{&b.Cancelled, &o.Cancelled},
		{&b.ProbesOK, &o.ProbesOK},
		{&b.ProbesFailed, &o.ProbesFailed},
		{&b.PagesOK, &o.PagesOK},
		{&b.PagesFailed, &o.PagesFailed},
		{&b.GreenEnded, &o.GreenEnded},
		{&b.GreenFailed, &o.GreenFailed},
		{&b.GreenSlow, &o.GreenSlow},
		{&b.Completed, &o.Completed},
		{&b.Uncounted, &o.Uncounted},
	} {
		*p.to = f(*p.to, *p.from)
	}
	b.Backs = combineBacks(b.Backs, o.Backs, f)
	return b
}

// combineBacks merges two ascending lists into a new one.
func combineBacks(a, b []Back, f func(x, y uint32) uint32) []Back {
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	out := make([]Back, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Start < b[0].Start:
			out, a = append(out, a[0]), a[1:]
		case len(a) == 0 || b[0].Start < a[0].Start:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Back{Start: a[0].Start, N: f(a[0].N, b[0].N), Green: f(a[0].Green, b[0].Green)})
			a, b = a[1:], b[1:]
		}
	}
	return out
}

// Nodes holds each node's own bucket of one provider and second. A node writes
// only its own, and what it writes only grows until the second is sealed.
type Nodes map[string]Bucket

// Merge is both readings together. It is commutative, associative and
// idempotent, so that blobs may be read twice, late or in any order.
func (n Nodes) Merge(o Nodes) Nodes {
	out := make(Nodes, max(len(n), len(o)))
	maps.Copy(out, n)
	for id, b := range o {
		if mine, ok := out[id]; ok {
			b = mine.join(b)
		}
		out[id] = b
	}
	return out
}

// Sum is the bucket of all nodes together, the same whatever their order.
func (n Nodes) Sum() Bucket {
	var sum Bucket
	for _, b := range n {
		sum = sum.Add(b)
	}
	return sum
}
