package keys

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ErrUnknown: there is no such key.
var ErrUnknown = errors.New("no such key")

// ErrPresent: there are keys of this algorithm already.
var ErrPresent = errors.New("there is a key of it already")

// Key is what may be told of a key.
type Key struct {
	Span

	ID        string // kid
	Algorithm string
	State     State
}

// Keys are all of them at now, in the order of the file.
func (s *Set) Keys(now time.Time) []Key {
	states := map[string]State{}
	for _, alg := range order {
		for i, state := range States(s.line(alg), now) {
			states[s.byAlg[alg][i].kid] = state
		}
	}
	all := make([]Key, len(s.keys))
	for i, k := range s.keys {
		all[i] = Key{Span: k.Span, ID: k.kid, Algorithm: string(k.alg), State: states[k.kid]}
	}
	return all
}

// Rotate gives a set with one more key for each algorithm it has: published at once,
// signing from from on (whole seconds). The older ones end keep later, and those
// that have ended at now are gone. Both times matter to others; made is noted.
func (s *Set) Rotate(made, from time.Time, keep time.Duration) (*Set, error) {
	var all []spanned
	for _, alg := range s.algorithms() {
		next, err := s.succeed(alg, made, from, keep)
		if err != nil {
			return nil, err
		}
		all = append(all, next...)
	}
	return newSet(all...)
}

// Add gives a set with the first key of an algorithm, which signs at once; made
// is noted. ErrAlgorithm for one that is none of ours, ErrPresent for one that
// the set has.
func (s *Set) Add(alg string, made time.Time) (*Set, error) {
	signs := jose.SignatureAlgorithm(alg)
	switch {
	case !slices.Contains(order, signs):
		return nil, fmt.Errorf("keys: add %q: %w", alg, ErrAlgorithm)
	case len(s.byAlg[signs]) > 0:
		return nil, fmt.Errorf("keys: add %s: %w", alg, ErrPresent)
	}
	private, err := generate(signs)
	if err != nil {
		return nil, err
	}
	var all []spanned
	for _, k := range s.keys {
		all = append(all, spanned{k.alg, k.private, k.Span})
	}
	return newSet(append(all, spanned{signs, private, Span{Made: made}})...)
}

// succeed is the keys of alg with a new one behind them.
func (s *Set) succeed(alg jose.SignatureAlgorithm, made, from time.Time, keep time.Duration) ([]spanned, error) {
	private, err := generate(alg)
	if err != nil {
		return nil, err
	}
	var all []spanned
	for i, span := range Succeed(s.line(alg), from, keep) {
		if !span.Ended(made) {
			all = append(all, spanned{alg, s.byAlg[alg][i].private, span})
		}
	}
	return append(all, spanned{alg, private, Span{Made: made, From: from}}), nil
}

// Remove gives a set without the key: what it has signed is recognised no more.
// If it signs at now, the next one begins to, or a new one that is made here.
// ErrUnknown when there is no such key.
func (s *Set) Remove(kid string, now time.Time, keep time.Duration) (*Set, error) {
	gone := s.byKid[kid]
	if gone == nil {
		return nil, fmt.Errorf("keys: remove %s: %w", kid, ErrUnknown)
	}
	var all []spanned
	for _, alg := range order {
		mine := s.spanned(alg)
		if alg == gone.alg {
			var err error
			if mine, err = s.without(gone, now, keep); err != nil {
				return nil, err
			}
		}
		all = append(all, mine...)
	}
	return newSet(all...)
}

// without is the keys of gone's algorithm but gone.
func (s *Set) without(gone *key, now time.Time, keep time.Duration) ([]spanned, error) {
	all := s.spanned(gone.alg)
	if NeedsSuccessor(lineOf(all), slices.Index(s.byAlg[gone.alg], gone), now) {
		var err error
		if all, err = s.succeed(gone.alg, now, now, keep); err != nil {
			return nil, err
		}
	}
	at := slices.IndexFunc(all, func(one spanned) bool { return one.is(gone) })
	if at < 0 { // it had ended, and succeed has left it out
		return all, nil
	}
	line := Without(lineOf(all), at, now)
	all = slices.Delete(all, at, at+1)
	for i := range all {
		all[i].span = line[i]
	}
	return all, nil
}

// spanned is the keys of alg with their time lines.
func (s *Set) spanned(alg jose.SignatureAlgorithm) []spanned {
	var all []spanned
	for _, k := range s.byAlg[alg] {
		all = append(all, spanned{alg, k.private, k.Span})
	}
	return all
}

// is tells whether it is that key. Private keys of Ed25519 cannot be compared by
// ==.
func (s spanned) is(k *key) bool {
	public, ok := s.private.Public().(interface {
		Equal(other crypto.PublicKey) bool
	})
	return ok && public.Equal(k.private.Public())
}

func lineOf(all []spanned) []Span {
	line := make([]Span, len(all))
	for i, one := range all {
		line[i] = one.span
	}
	return line
}
