package keys

import (
	"bytes"
	"slices"
	"time"
)

// publication is a JWKS and the time for which it is the right one.
type publication struct {
	from, until time.Time // zero until: for ever
	body        []byte
}

func (p *publication) covers(now time.Time) bool {
	return p != nil && !now.Before(p.from) && (p.until.IsZero() || now.Before(p.until))
}

// JWKS is the public halves as a JWK set (RFC 7517 §5), each with kid (its RFC
// 7638 SHA-256 thumbprint), alg and use: those that sign first, then those that
// will, then those that did. The slice is the caller's.
func (s *Set) JWKS() []byte {
	now := s.now()
	p := s.jwks.Load()
	if !p.covers(now) {
		p = s.publish(now)
		s.jwks.Store(p)
	}
	return bytes.Clone(p.body)
}

// publish makes the JWKS of now, good until a key begins to sign or ends.
func (s *Set) publish(now time.Time) *publication {
	p := &publication{from: now}
	byState := map[State][][]byte{}
	for _, alg := range order {
		states := States(s.line(alg), now)
		for i, k := range s.byAlg[alg] {
			byState[states[i]] = append(byState[states[i]], k.published)
			for _, change := range []time.Time{k.From, k.Until} {
				if change.After(now) && (p.until.IsZero() || change.Before(p.until)) {
					p.until = change
				}
			}
		}
	}
	all := slices.Concat(byState[Active], byState[Published], byState[Retired])
	p.body = slices.Concat([]byte(`{"keys":[`), bytes.Join(all, []byte{','}), []byte(`]}`))
	return p
}
