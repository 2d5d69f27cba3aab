// Package operator is what the people who run the broker say and did: their
// word on lights, their orders for waiting rooms, the trail of who did what, their
// sessions, and what every provider did in the last 90 days. All of it lives in
// the store, in records of bounded size; docs/decisions/0009-console.md,
// 0032-history.md and 0043-orders.md have the states and races. It knows no HTTP,
// of lights only their state, and of rooms only their names.
package operator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sinho/signal"
	"sinho/store"
)

// Action is what an operator does to a light.
type Action string

// The actions.
const (
	Grey    Action = "grey"    // not to be chosen; people on their way may finish
	Disable Action = "disable" // refused everywhere, on the way back too
	Back    Action = "back"    // as measured
)

// Limits of a change.
const (
	LeastSpan  = time.Minute
	MostSpan   = 24 * time.Hour
	MostReason = 100 // characters
)

// Word is an operator's word in force on one provider.
type Word struct {
	ID       string      `json:"id"`
	Disabled bool        `json:"disabled,omitempty"`
	Reason   signal.Text `json:"reason"`
	Until    time.Time   `json:"until"`
	By       string      `json:"by"`
	At       time.Time   `json:"at"`
}

// Override is the word as lights take it.
func (w Word) Override() *signal.Override {
	return &signal.Override{Disabled: w.Disabled, Reason: w.Reason, Until: w.Until}
}

// words are the record: by provider.
type words map[string]Word

func (ws words) encode() ([]byte, error) { return encode(ws) }

func decodeWords(raw []byte) (words, error) {
	ws := words{}
	if len(raw) == 0 {
		return ws, nil
	}
	if err := json.Unmarshal(raw, &ws); err != nil {
		return nil, fmt.Errorf("operators' words: %w", err)
	}
	return ws, nil
}

// encode is JSON without the escapes that HTML would want: they cost room.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	if b.Len() > store.MaxValue {
		return nil, ErrFull
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Change is what an operator asks for.
type Change struct {
	// ID names this change: made again it is done already. 1 to 32 characters.
	ID       string
	Provider string
	Do       Action
	Reason   signal.Text   // both languages; for Back it may be empty
	For      time.Duration // LeastSpan to MostSpan; not for Back
	By       string
	// Seen is the id of the word the operator saw in force, "" for none.
	Seen string
}

// What can be wrong with a change. Several may be joined.
var (
	ErrUnknownProvider = errors.New("there is no such provider")
	ErrAction          = errors.New("there is no such action")
	ErrReasonKO        = errors.New("the reason is missing in Korean")
	ErrReasonEN        = errors.New("the reason is missing in English")
	ErrReasonLong      = fmt.Errorf("a reason is longer than %d characters or not plain text", MostReason)
	ErrSpan            = fmt.Errorf("the time is not from %v to %v", LeastSpan, MostSpan)
	ErrID              = errors.New("the change has no id")
	// ErrChanged: somebody else was faster.
	ErrChanged = errors.New("the light was changed by somebody else meanwhile")
	// ErrFull: too much for one record.
	ErrFull = errors.New("too many words with long reasons are in force")
	// ErrBusy: others kept being faster.
	ErrBusy = errors.New("others kept changing the lights")
)

// check reports every mistake of a change.
func (c Change) check(known func(string) bool) error {
	var all []error
	note := func(bad bool, err error) {
		if bad {
			all = append(all, err)
		}
	}
	note(c.ID == "" || len(c.ID) > 32, ErrID)
	note(!known(c.Provider), ErrUnknownProvider)
	note(c.Do != Grey && c.Do != Disable && c.Do != Back, ErrAction)
	note(!plain(c.Reason.KO) || !plain(c.Reason.EN), ErrReasonLong)
	if c.Do != Back {
		note(strings.TrimSpace(c.Reason.KO) == "", ErrReasonKO)
		note(strings.TrimSpace(c.Reason.EN) == "", ErrReasonEN)
		note(c.For < LeastSpan || c.For > MostSpan, ErrSpan)
	}
	return errors.Join(all...)
}

// plain is one line of text of bounded length.
func plain(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= MostReason &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}

// after is the record once the change is made at now. done: it was made before.
func (ws words) after(c Change, now time.Time) (next words, was Word, done bool, err error) {
	next = words{}
	for id, w := range ws {
		if w.Override().Active(now) {
			next[id] = w
		}
	}
	was = next[c.Provider]
	switch {
	case was.ID == c.ID, c.Do == Back && was.ID == "":
		return next, was, true, nil
	case was.ID != c.Seen:
		return next, was, false, ErrChanged
	case c.Do == Back:
		delete(next, c.Provider)
	default:
		next[c.Provider] = Word{
			ID: c.ID, Disabled: c.Do == Disable, By: c.By, At: now.UTC().Truncate(time.Second),
			Reason: signal.Text{KO: strings.TrimSpace(c.Reason.KO), EN: strings.TrimSpace(c.Reason.EN)},
			Until:  now.Add(c.For).UTC().Truncate(time.Second),
		}
	}
	return next, was, false, nil
}
