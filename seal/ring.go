// Package seal keeps state out of the store: a value is encrypted,
// authenticated and given an expiry, and travels with whoever holds it.
//
// It knows nothing of what it seals. One-time use, revocation and size limits
// smaller than MaxPlain are its callers' business.
package seal

import (
	"bytes"
	"cmp"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of a key's secret in bytes.
const KeySize = 32

// derived values remembered per kind; callers use a handful of constants, so
// the bound only guards against one who does not.
const remembered = 64

// hkdfSalt separates this package's subkeys from any other use of a secret.
const hkdfSalt = "sinho seal v1"

// Key is one secret of a ring. It never prints its secret.
type Key struct {
	// Version names the key inside what it seals; never reuse one for another
	// secret while anything it sealed may still be alive.
	Version uint8
	// Secret is KeySize random bytes.
	Secret []byte `json:"-"`
	// SealFrom is when the key may begin to seal; it opens at once, so that every
	// node can open before any node seals. Zero: since ever.
	SealFrom time.Time
	// Until is when the key ceases to open; what it sealed must have expired by
	// then. Zero: never.
	Until time.Time
}

// String hides the secret.
func (k Key) String() string { return fmt.Sprintf("seal.Key(version %d)", k.Version) }

// GoString hides the secret from %#v.
func (k Key) GoString() string { return k.String() }

// Ring is an immutable set of keys of one cell: all of them open until their
// time is over, the newest that may seal seals. Newest is the latest SealFrom,
// then the higher Version. It is safe for concurrent use.
type Ring struct {
	cell string
	keys []Key        // newest first
	fill func([]byte) // fills nonces; tests fix it
	now  func() time.Time

	unknown func(version uint8) // nil: nobody asks
	// scratch is what Seal works in. It keeps nothing readable: what is sealed is
	// encrypted where it lies.
	scratch sync.Pool

	mu     sync.RWMutex // guards what follows
	boxes  map[string]*Box
	labels map[derived]*keyed
}

// derived names a subkey of Derive.
type derived struct {
	version uint8
	label   string
}

// NewRing makes a ring for a cell (1 to 16 characters a-z, 0-9 and -). Every
// mistake is reported at once; at least one key must be allowed to seal now.
func NewRing(cell string, keys ...Key) (*Ring, error) {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("seal: new ring: "+format, args...))
	}
	if !validCell(cell) {
		fault("cell %q is not 1 to %d characters of a-z, 0-9 and -", cell, maxCell)
	}
	if len(keys) == 0 {
		fault("no keys")
	}
	versions := make(map[uint8]bool, len(keys))
	secrets := make(map[string]uint8, len(keys))
	r := &Ring{
		cell:   cell,
		fill:   func(b []byte) { _, _ = rand.Read(b) }, // never fails, see crypto/rand
		now:    time.Now,
		boxes:  make(map[string]*Box),
		labels: make(map[derived]*keyed),
	}
	r.scratch.New = func() any { return new([]byte) }
	for _, k := range keys {
		switch {
		case len(k.Secret) != KeySize:
			fault("key %d has %d bytes, want %d", k.Version, len(k.Secret), KeySize)
		case bytes.Equal(k.Secret, make([]byte, KeySize)):
			fault("key %d is all zeros", k.Version)
		}
		if versions[k.Version] {
			fault("version %d is used twice", k.Version)
		}
		versions[k.Version] = true
		if other, ok := secrets[string(k.Secret)]; ok && other != k.Version {
			fault("keys %d and %d have the same secret", other, k.Version)
		}
		secrets[string(k.Secret)] = k.Version
		k.Secret = bytes.Clone(k.Secret)
		r.keys = append(r.keys, k)
	}
	slices.SortFunc(r.keys, func(a, b Key) int {
		return cmp.Or(b.SealFrom.Compare(a.SealFrom), cmp.Compare(b.Version, a.Version))
	})
	if len(faults) == 0 && r.sealing(time.Now()) < 0 {
		fault("no key may seal yet: the first may from %s on",
			r.keys[len(r.keys)-1].SealFrom.UTC().Format(time.RFC3339))
	}
	for i, k := range r.keys {
		switch {
		case k.Until.IsZero():
		case i == 0:
			fault("key %d, the newest, ends at %s with none to follow", k.Version, k.Until.UTC().Format(time.RFC3339))
		case !k.Until.After(r.keys[i-1].SealFrom):
			fault("key %d ends before key %d begins to seal", k.Version, r.keys[i-1].Version)
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return r, nil
}

// Generate makes a ring of one fresh random key, version 1. What it seals
// cannot be opened by any other process or after a restart.
func Generate(cell string) (*Ring, error) {
	secret := make([]byte, KeySize)
	_, _ = rand.Read(secret) // never fails, see crypto/rand
	return NewRing(cell, Key{Version: 1, Secret: secret})
}

// Cell is the ring's cell.
func (r *Ring) Cell() string { return r.cell }

// SetClock gives the ring the clock by which a key begins to seal, instead of the
// machine's. It is called before the ring is used.
func (r *Ring) SetClock(now func() time.Time) { r.now = now }

// WhenUnknown has f told of each value that names a key this ring does not have:
// another node's, newer than our folder, or anybody's invention. f must not
// block; it is set before the ring is used.
func (r *Ring) WhenUnknown(f func(version uint8)) { r.unknown = f }

// String hides the keys.
func (r *Ring) String() string {
	return fmt.Sprintf("seal.Ring(cell %s, %d keys)", r.cell, len(r.keys))
}

// GoString hides the keys from %#v.
func (r *Ring) GoString() string { return r.String() }

// Box is the ring's keys for one purpose: what one purpose sealed, no other
// opens. A purpose is a short constant of the caller, never data.
func (r *Ring) Box(purpose string) *Box {
	r.mu.RLock()
	box := r.boxes[purpose]
	r.mu.RUnlock()
	if box != nil {
		return box
	}
	box = r.newBox(purpose)
	r.mu.Lock()
	defer r.mu.Unlock()
	if have := r.boxes[purpose]; have != nil {
		return have
	}
	if len(r.boxes) < remembered {
		r.boxes[purpose] = box
	}
	return box
}

// Derive gives 32 bytes that depend on the key that sealed at the moment at, the
// cell, the label and the parts (HMAC-SHA256 over length-prefixed parts, so no
// two lists of parts collide): a secret that any node finds again without
// storing it. at is when the occasion began, as every node knows it, so that
// neither a new key nor the end of an old one changes what was derived. A label
// is a short constant.
func (r *Ring) Derive(label string, at time.Time, parts ...[]byte) []byte {
	i := r.sealing(at)
	if i < 0 {
		i = len(r.keys) - 1 // older than every key there is
	}
	name := derived{r.keys[i].Version, label}
	r.mu.RLock()
	key := r.labels[name]
	r.mu.RUnlock()
	if key == nil {
		key = newKeyed(r.subkey(r.keys[i].Secret, "derive", label))
		r.mu.Lock()
		if len(r.labels) < remembered {
			r.labels[name] = key
		}
		r.mu.Unlock()
	}
	return key.sum(func(mac hash.Hash) {
		var n [4]byte
		for _, p := range parts {
			binary.BigEndian.PutUint32(n[:], uint32(len(p))) //nolint:gosec // parts are far below 4 GiB
			mac.Write(n[:])
			mac.Write(p)
		}
	})
}

// keyed is HMAC-SHA256 under one key. Beginning one costs four times what going
// on with one does that has been used (0.27 µs), so they are used again; they
// hold nothing that the ring does not.
type keyed struct{ idle sync.Pool }

func newKeyed(key []byte) *keyed {
	return &keyed{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (k *keyed) sum(write func(mac hash.Hash)) []byte {
	mac := k.idle.Get().(hash.Hash)
	defer k.idle.Put(mac)
	mac.Reset()
	write(mac)
	return mac.Sum(nil)
}

// sealing is the index of the key that seals at now, or -1.
func (r *Ring) sealing(now time.Time) int {
	return slices.IndexFunc(r.keys, func(k Key) bool { return !k.SealFrom.After(now) })
}

// subkey separates by use (box or derive), cell and name (RFC 5869).
func (r *Ring) subkey(secret []byte, use, name string) []byte {
	var info []byte
	for _, s := range []string{use, r.cell, name} {
		info = appendPrefixed(info, s)
	}
	key, err := hkdf.Key(sha256.New, secret, []byte(hkdfSalt), string(info), KeySize)
	if err != nil {
		// Only an output longer than 255 hashes fails, and this one is one hash.
		panic("seal: derive subkey: " + err.Error())
	}
	return key
}

func (r *Ring) newBox(purpose string) *Box {
	b := &Box{ring: r, purpose: purpose, subs: make([]sub, len(r.keys))}
	for i, k := range r.keys {
		key := r.subkey(k.Secret, "box", purpose)
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			// Only a key of another length fails, and a subkey has the right one.
			panic("seal: new box: " + err.Error())
		}
		b.subs[i] = sub{version: k.Version, until: k.Until, key: newKeyed(key), aead: aead}
	}
	return b
}

func validCell(cell string) bool {
	if cell == "" || len(cell) > maxCell {
		return false
	}
	for _, c := range []byte(cell) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// appendPrefixed appends s behind its length, so that a list of strings has one
// reading only.
func appendPrefixed(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // far below 4 GiB
	return append(b, s...)
}
