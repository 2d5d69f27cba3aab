package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sinho/broker/keys"
	"sinho/seal"
)

// sealingKey is one line of the sealing file: version, made, seals from, until
// (each in UTC, or - for none) and secret. Three words, as older files have
// them, are version, seals from and secret.
type sealingKey struct {
	keys.Span

	version uint8
	secret  []byte
}

// id by which operators name it.
func (k sealingKey) id() string { return fmt.Sprintf("seal-%d", k.version) }

// sealingKeys are all of them, in the order of the file.
type sealingKeys []sealingKey

// none is how the sealing file writes a time that is not set.
const none = "-"

func newSealingKeys(now time.Time) (sealingKeys, error) {
	secret, err := random32()
	if err != nil {
		return nil, err
	}
	return sealingKeys{{Span: keys.Span{Made: now.UTC().Truncate(time.Second)}, version: 1, secret: secret}}, nil
}

// ring of the keys.
func (s sealingKeys) ring() (*seal.Ring, error) {
	all := make([]seal.Key, len(s))
	for i, k := range s {
		all[i] = seal.Key{Version: k.version, Secret: k.secret, SealFrom: k.From, Until: k.Until}
	}
	return seal.NewRing(cell, all...)
}

// line is the time lines, and which key each is of: the higher version first, as
// the ring has it when two begin together.
func (s sealingKeys) line() ([]keys.Span, []int) {
	order := make([]int, len(s))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s[b].version, s[a].version) })
	line := make([]keys.Span, len(s))
	for i, at := range order {
		line[i] = s[at].Span
	}
	return line, order
}

// states of the keys at now, in the order of the file.
func (s sealingKeys) states(now time.Time) []keys.State {
	line, order := s.line()
	out := make([]keys.State, len(s))
	for i, state := range keys.States(line, now) {
		out[order[i]] = state
	}
	return out
}

// rotate adds a key that opens at once and seals from from on. The older ones
// end keep later, and those that have ended are gone.
func (s sealingKeys) rotate(now, from time.Time, keep time.Duration) (sealingKeys, error) {
	secret, err := random32()
	if err != nil {
		return nil, err
	}
	line, order := s.line()
	spans := keys.Succeed(line, from, keep)
	next := s[order[keys.Newest(line)]].version + 1 // 0 follows 255
	out := slices.Clone(s)
	for i, at := range order {
		out[at].Span = spans[i]
	}
	out = slices.DeleteFunc(out, func(k sealingKey) bool { return k.Ended(now) })
	for range len(out) { // no more are taken than there are
		if slices.ContainsFunc(out, func(k sealingKey) bool { return k.version == next }) {
			next++
		}
	}
	return append(out, sealingKey{Span: keys.Span{Made: now, From: from}, version: next, secret: secret}), nil
}

// remove takes the key with the version away, with a new one in its place if
// nothing else could seal.
func (s sealingKeys) remove(version uint8, now time.Time, keep time.Duration) (sealingKeys, error) {
	line, order := s.line()
	find := func(i int) bool { return s[i].version == version }
	at := slices.IndexFunc(order, find)
	if at < 0 {
		return nil, keys.ErrUnknown
	}
	if keys.NeedsSuccessor(line, at, now) {
		var err error
		if s, err = s.rotate(now, now, keep); err != nil {
			return nil, err
		}
		line, order = s.line()
		at = slices.IndexFunc(order, find)
	}
	line, gone := keys.Without(line, at, now), order[at]
	order = slices.Delete(order, at, at+1)
	out := slices.Clone(s)
	for i, j := range order {
		out[j].Span = line[i]
	}
	return slices.Delete(out, gone, gone+1), nil
}

// text is the sealing file.
func (s sealingKeys) text() string {
	var b strings.Builder
	b.WriteString("# version, made, seals from, until (times in UTC, - for none), secret\n")
	for _, k := range s {
		fmt.Fprintf(&b, "%d %s %s %s %s\n", k.version, stampOrNone(k.Made), stampOrNone(k.From), stampOrNone(k.Until),
			base64.StdEncoding.EncodeToString(k.secret))
	}
	return b.String()
}

func stampOrNone(t time.Time) string {
	if t.IsZero() {
		return none
	}
	return keys.FormatTime(t)
}

func parseSealing(body []byte) (sealingKeys, error) {
	var all sealingKeys
	lines := bufio.NewScanner(bytes.NewReader(body))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parseSealingLine(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, k)
	}
	return all, lines.Err()
}

func parseSealingLine(words []string) (k sealingKey, err error) {
	var times map[int]*time.Time
	switch len(words) {
	case 3:
		times = map[int]*time.Time{1: &k.From}
	case 5:
		times = map[int]*time.Time{1: &k.Made, 2: &k.From, 3: &k.Until}
	default:
		return k, errors.New("want a version, when it was made, seals from and until (or -), and a secret")
	}
	version, err := strconv.ParseUint(words[0], 10, 8)
	if err != nil {
		return k, fmt.Errorf("version %q is not a number from 0 to 255", words[0])
	}
	k.version = uint8(version)
	for i, into := range times {
		if words[i] == none {
			continue
		}
		if *into, err = time.Parse(time.RFC3339, words[i]); err != nil {
			return k, fmt.Errorf("word %d is not a time such as 2026-01-02T03:04:05Z", i+1)
		}
		*into = into.UTC()
	}
	k.secret, err = parseSecret(words[len(words)-1])
	return k, err
}
