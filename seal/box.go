package seal

import (
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// What Open and Seal can answer; use errors.Is.
var (
	// ErrTampered: not sealed by this ring for this purpose, binding and secret,
	// or changed since, or not in its one encoding.
	ErrTampered = errors.New("sealed value is not ours")
	// ErrExpired: sealed by us, but its time is over.
	ErrExpired = errors.New("sealed value has expired")
	// ErrUnknownKey: sealed, it says, by a key this ring does not have. It is an
	// ErrTampered too, as anybody can write that; but it is also what a node sees
	// whose folder of keys is older than another's.
	ErrUnknownKey error = unknownKey{}
	// ErrTooLarge: more than MaxPlain bytes to seal.
	ErrTooLarge = errors.New("value is too large to seal")
)

// unknownKey is the type of ErrUnknownKey.
type unknownKey struct{}

func (unknownKey) Error() string        { return "key is not in the ring" }
func (unknownKey) Is(target error) bool { return target == ErrTampered }

// Limits in bytes.
const (
	// MaxPlain is the most that is sealed in one value.
	MaxPlain = 16 << 10
	// MinSecret is the least that With accepts.
	MinSecret = 16

	maxCell   = 16
	minToken  = 3 + 1 + chacha20poly1305.NonceSizeX + expirySize + chacha20poly1305.Overhead
	maxToken  = 3 + maxCell + chacha20poly1305.NonceSizeX + expirySize + MaxPlain + chacha20poly1305.Overhead
	withLabel = "sinho seal v1 with"
)

// The format, before base64url without padding (RFC 4648 §5):
//
//	format version, 1 byte, formatV1
//	key version, 1 byte
//	length of the cell's name, 1 byte; the cell's name
//	nonce, 24 bytes, random
//	XChaCha20-Poly1305 of
//	    expiry, 8 bytes, milliseconds of Unix time, big endian
//	    plain
//
// The additional data is everything before the nonce, then the purpose and each
// binding behind its length (4 bytes, big endian).
const (
	formatV1   = 1
	expirySize = 8
)

// strict refuses trailing bits that are not zero; line breaks, which it would
// skip, are refused by Open itself.
var strict = base64.RawURLEncoding.Strict()

// Box seals and opens for one purpose. It is immutable and safe for concurrent
// use.
type Box struct {
	ring    *Ring
	purpose string
	subs    []sub  // as in ring.keys
	secrets []byte // length-prefixed secrets of With, nil without
	fault   error  // told by Seal and Open
}

type sub struct {
	version uint8
	until   time.Time // zero: never
	key     *keyed
	aead    cipher.AEAD
}

// With gives a box whose key additionally needs the secret: what it sealed is
// lost with the secret. Called again, both secrets are needed, in that order.
// A secret under MinSecret bytes makes Seal and Open fail.
func (b *Box) With(secret []byte) *Box {
	w := *b
	if len(secret) < MinSecret && w.fault == nil {
		w.fault = fmt.Errorf("secret of %d bytes, want %d at least", len(secret), MinSecret)
	}
	w.secrets = appendPrefixed(append([]byte(nil), b.secrets...), string(secret))
	return &w
}

// Seal encrypts plain until expires (kept in whole milliseconds) for whoever
// gives the same bindings to Open. The answer is URL- and cookie-safe and for
// every call another. ErrTooLarge above MaxPlain; an expiry at or before the
// Unix epoch is an error.
func (b *Box) Seal(plain []byte, expires time.Time, bind ...string) (string, error) {
	if b.fault != nil {
		return "", fmt.Errorf("seal %s: %w", b.purpose, b.fault)
	}
	if len(plain) > MaxPlain {
		return "", fmt.Errorf("seal %s: %d bytes, at most %d: %w", b.purpose, len(plain), MaxPlain, ErrTooLarge)
	}
	milli := expires.UnixMilli()
	if milli <= 0 {
		return "", fmt.Errorf("seal %s: no expiry", b.purpose)
	}
	i := b.ring.sealing(b.ring.now())
	if i < 0 {
		return "", fmt.Errorf("seal %s: no key may seal yet", b.purpose)
	}
	aead, err := b.aead(i)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", b.purpose, err)
	}

	head := 3 + len(b.ring.cell)
	body := head + chacha20poly1305.NonceSizeX
	size := body + expirySize + len(plain) + chacha20poly1305.Overhead
	scratch := b.ring.scratch.Get().(*[]byte)
	defer b.ring.scratch.Put(scratch)
	buf := slices.Grow((*scratch)[:0], size+b.additionalSize(head, bind))
	*scratch = buf
	buf = append(buf, formatV1, b.subs[i].version, byte(len(b.ring.cell))) //nolint:gosec // at most maxCell
	buf = append(buf, b.ring.cell...)
	buf = buf[:body]
	nonce := buf[head:body]
	b.ring.fill(nonce)
	buf = binary.BigEndian.AppendUint64(buf, uint64(milli))
	buf = append(buf, plain...)
	message := buf[body:]
	extra := b.additional(buf[size:size], buf[:head], bind)
	aead.Seal(message[:0], nonce, message, extra)
	return strict.EncodeToString(buf[:size]), nil
}

// Open gives back what Seal was given, if now is before its expiry and the
// bindings are the same, in the same order. It fails with ErrTampered or
// ErrExpired. Together with ErrExpired, and only then, it still returns the
// authentic content, so that a page can say whose request it was.
func (b *Box) Open(token string, now time.Time, bind ...string) ([]byte, error) {
	plain, err := b.open(token, now, bind)
	if err != nil {
		return plain, fmt.Errorf("open %s: %w", b.purpose, err)
	}
	return plain, nil
}

func (b *Box) open(token string, now time.Time, bind []string) ([]byte, error) {
	if b.fault != nil {
		return nil, b.fault
	}
	size := strict.DecodedLen(len(token))
	if size < minToken || size > maxToken {
		return nil, ErrTampered
	}
	if strings.ContainsAny(token, "\r\n") {
		return nil, ErrTampered
	}
	head := 3 + len(b.ring.cell)
	body := head + chacha20poly1305.NonceSizeX
	buf := make([]byte, 0, size+b.additionalSize(head, bind))
	buf, err := strict.AppendDecode(buf, []byte(token))
	if err != nil || len(buf) < body+expirySize+chacha20poly1305.Overhead {
		return nil, ErrTampered
	}
	if buf[0] != formatV1 {
		return nil, fmt.Errorf("format %d is unknown: %w", buf[0], ErrTampered)
	}
	if int(buf[2]) != len(b.ring.cell) || string(buf[3:head]) != b.ring.cell {
		return nil, fmt.Errorf("sealed in another cell: %w", ErrTampered)
	}
	i := b.index(buf[1])
	if i < 0 {
		if b.ring.unknown != nil {
			b.ring.unknown(buf[1])
		}
		return nil, fmt.Errorf("key version %d: %w", buf[1], ErrUnknownKey)
	}
	if until := b.subs[i].until; !until.IsZero() && !now.Before(until) {
		return nil, fmt.Errorf("key version %d has ended: %w", buf[1], ErrTampered)
	}
	aead, err := b.aead(i)
	if err != nil {
		return nil, err
	}
	message := buf[body:]
	extra := b.additional(buf[len(buf):], buf[:head], bind)
	opened, err := aead.Open(message[:0], buf[head:body], message, extra)
	if err != nil {
		return nil, ErrTampered
	}
	milli := binary.BigEndian.Uint64(opened)
	plain := opened[expirySize:len(opened):len(opened)]
	if now.UnixMilli() >= int64(milli) { //nolint:gosec // authentic, and Seal writes an int64
		return plain, ErrExpired
	}
	return plain, nil
}

func (b *Box) index(version uint8) int {
	for i := range b.subs {
		if b.subs[i].version == version {
			return i
		}
	}
	return -1
}

// aead of the i-th key: remembered, or derived when a secret is needed too.
func (b *Box) aead(i int) (cipher.AEAD, error) {
	if b.secrets == nil {
		return b.subs[i].aead, nil
	}
	return chacha20poly1305.NewX(b.subs[i].key.sum(func(mac hash.Hash) {
		mac.Write([]byte(withLabel))
		mac.Write(b.secrets)
	}))
}

func (b *Box) additionalSize(head int, bind []string) int {
	n := head + 4 + len(b.purpose)
	for _, s := range bind {
		n += 4 + len(s)
	}
	return n
}

func (b *Box) additional(to, head []byte, bind []string) []byte {
	to = append(to, head...)
	to = appendPrefixed(to, b.purpose)
	for _, s := range bind {
		to = appendPrefixed(to, s)
	}
	return to
}
