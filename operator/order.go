package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"

	"sinho/signal"
)

// RoomAction is what an operator orders of a waiting room.
type RoomAction string

// The actions. RoomOpen takes back a RoomClose; RoomBack any of the others, or
// all: the room is as in the file again.
const (
	RoomOpen     RoomAction = "open"
	RoomClose    RoomAction = "close"
	RoomMode     RoomAction = "mode"
	RoomLimits   RoomAction = "limits"
	RoomSchedule RoomAction = "schedule"
	RoomBack     RoomAction = "as-in-file"
)

// Limits of an order.
const (
	MostRate   = 100_000.0 // people a second
	LeastAhead = 30 * time.Second
	MostAhead  = 366 * 24 * time.Hour
	mostRound  = 10 // characters, as hall.Setting has it
)

// Said is who ordered something of a room, when and why.
type Said struct {
	By     string      `json:"by"`
	At     time.Time   `json:"at"`
	Reason signal.Text `json:"reason,omitzero"`
}

// RoomClosing closes a room: nobody is called. It has no end of its own. Ordered
// again while it is closed, it changes reason and notice.
type RoomClosing struct {
	Said

	// Notice is what people who wait read, one line a language of at most
	// MostReason characters: both, or none. The reason is for operators alone.
	Notice signal.Text `json:"notice,omitzero"`
}

// RoomModeOrder is a room's mode, as lobby/hall names it.
type RoomModeOrder struct {
	Said

	Mode string `json:"mode"`
}

// RoomLimitsOrder is the least and most people called a second; Max 0 is none.
type RoomLimitsOrder struct {
	Said

	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// RoomOpening is when a room opens. It holds only while the file says what it
// said when it was ordered: a file that was changed since then is the later word.
type RoomOpening struct {
	Said

	Opens    time.Time `json:"opens"`
	Announce time.Time `json:"announce"`        // when it was ordered
	Round    string    `json:"round,omitempty"` // "": the file's
	File     Opening   `json:"file"`
}

// Opening is what the file says of it.
type Opening struct {
	Opens time.Time `json:"opens,omitzero"`
	Round string    `json:"round,omitempty"`
}

// Same reports whether both say the same.
func (o Opening) Same(p Opening) bool { return o.Opens.Equal(p.Opens) && o.Round == p.Round }

// RoomOrder is what operators have ordered of one room; nil is as in the file.
type RoomOrder struct {
	ID       string           `json:"id,omitempty"` // of the last change, "" without one
	Closing  *RoomClosing     `json:"closing,omitempty"`
	Mode     *RoomModeOrder   `json:"mode,omitempty"`
	Limits   *RoomLimitsOrder `json:"limits,omitempty"`
	Schedule *RoomOpening     `json:"schedule,omitempty"`
}

// Empty reports whether nothing is ordered.
func (o RoomOrder) Empty() bool {
	return o.Closing == nil && o.Mode == nil && o.Limits == nil && o.Schedule == nil
}

// RoomChange is what an operator asks for.
type RoomChange struct {
	// ID names this change: made again it is done already. 1 to 32 characters.
	ID   string
	Room string
	Do   RoomAction
	// Of is what RoomBack takes back, "" for all of it.
	Of RoomAction
	// Reason: both languages for RoomClose, Korean for all that is ordered; for
	// RoomOpen and RoomBack it may be empty.
	Reason   signal.Text
	Notice   signal.Text // RoomClose: as RoomClosing has it
	Mode     string      // RoomMode: off, auto or forced
	Min, Max float64     // RoomLimits: 0, or 0.001 to MostRate
	Opens    time.Time   // RoomSchedule: LeastAhead to MostAhead from now
	// Anew (RoomSchedule) begins another round: another queue, with numbers from
	// 0. Without it the round stays, and so do numbers given before the opening.
	Anew bool
	File Opening // RoomSchedule: what the file says
	By   string
	// Seen is the id of the order the operator saw in force, "" for none.
	Seen string
}

// What can be wrong with a change of a room, besides ErrID, ErrAction, ErrReasonKO,
// ErrReasonEN, ErrReasonLong, ErrFull and ErrBusy. Several may be joined.
var (
	ErrUnknownRoom = errors.New("there is no such room")
	ErrMode        = errors.New("the mode is not off, auto or forced")
	ErrLimits      = fmt.Errorf("the limits are not 0 or from 0.001 to %.0f people a second, the least below the most", MostRate)
	ErrOpens       = fmt.Errorf("the opening is not from %v to %v from now", LeastAhead, MostAhead)
	ErrNotice      = fmt.Errorf("a notice is in both languages or none, one line of at most %d characters each", MostReason)
	// ErrRoomChanged: somebody else was faster.
	ErrRoomChanged = errors.New("the room was changed by somebody else meanwhile")
)

// check reports every mistake of a change made at now.
func (c RoomChange) check(known func(string) bool, now time.Time) error {
	var all []error
	note := func(bad bool, err error) {
		if bad {
			all = append(all, err)
		}
	}
	note(c.ID == "" || len(c.ID) > 32, ErrID)
	note(!known(c.Room), ErrUnknownRoom)
	note(!plain(c.Reason.KO) || !plain(c.Reason.EN), ErrReasonLong)
	reason := func(en bool) {
		note(blank(c.Reason.KO), ErrReasonKO)
		note(en && blank(c.Reason.EN), ErrReasonEN)
	}
	switch c.Do {
	case RoomOpen:
	case RoomClose:
		reason(true)
		note(!plain(c.Notice.KO) || !plain(c.Notice.EN) || blank(c.Notice.KO) != blank(c.Notice.EN), ErrNotice)
	case RoomMode:
		reason(false)
		note(c.Mode != "off" && c.Mode != "auto" && c.Mode != "forced", ErrMode)
	case RoomLimits:
		reason(false)
		// Comparisons with NaN are false.
		fine := c.Min >= 0 && c.Min <= MostRate && c.Max >= 0 && c.Max <= MostRate
		for _, rate := range []float64{c.Min, c.Max} { // 0 is no limit at all
			fine = fine && (rate == 0 || thousandths(rate) > 0)
		}
		note(!fine || c.Max > 0 && c.Min > c.Max, ErrLimits)
	case RoomSchedule:
		reason(false)
		note(c.Opens.Before(now.Add(LeastAhead)) || c.Opens.After(now.Add(MostAhead)), ErrOpens)
		note(len(c.File.Round) > mostRound, ErrID)
	case RoomBack:
		note(c.Of != "" && c.Of != RoomClose && c.Of != RoomMode && c.Of != RoomLimits && c.Of != RoomSchedule, ErrAction)
	default:
		note(true, ErrAction)
	}
	return errors.Join(all...)
}

// thousandths is a rate as it is kept.
func thousandths(rate float64) float64 { return math.Round(rate*1000) / 1000 }

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// trimmed is a text without space around it.
func trimmed(t signal.Text) signal.Text {
	return signal.Text{KO: strings.TrimSpace(t.KO), EN: strings.TrimSpace(t.EN)}
}

// orders are the record: by room.
type orders struct {
	// Version grows with every change: the store's clock in milliseconds, or one
	// more than before if that is higher.
	Version int64                `json:"version"`
	Rooms   map[string]RoomOrder `json:"rooms"`
}

func decodeOrders(raw []byte) (orders, error) {
	var o orders
	if len(raw) == 0 {
		return o, nil
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("operators' orders for rooms: %w", err)
	}
	return o, nil
}

// encode leaves out rooms that are not known any more, if it is too much.
func (o orders) encode(known func(string) bool) ([]byte, error) {
	raw, err := encode(o)
	if errors.Is(err, ErrFull) {
		o.Rooms = maps.Clone(o.Rooms)
		maps.DeleteFunc(o.Rooms, func(room string, _ RoomOrder) bool { return !known(room) })
		raw, err = encode(o)
	}
	return raw, err
}

// after is the record once the change is made at now, what is ordered of its room
// then, and what was replaced. done: it was made before, or there is nothing to take back.
func (o orders) after(c RoomChange, now time.Time, round func() string) (next orders, is, replaced RoomOrder, done bool, err error) {
	was := o.Rooms[c.Room]
	is = was
	of, back := c.Do, true
	switch c.Do {
	case RoomOpen:
		of = RoomClose
	case RoomBack:
		of = c.Of
	default:
		back = false
	}
	replaced = is.without(of)
	switch {
	case was.ID == c.ID, back && replaced.Empty():
		return o, was, was, true, nil
	case was.ID != c.Seen:
		return o, was, was, false, ErrRoomChanged
	}
	c.add(&is, was, now, round)
	is.ID = c.ID
	next = orders{Version: max(o.Version+1, now.UnixMilli()), Rooms: maps.Clone(o.Rooms)}
	if next.Rooms == nil {
		next.Rooms = map[string]RoomOrder{}
	}
	next.Rooms[c.Room] = is
	if is.Empty() {
		delete(next.Rooms, c.Room)
	}
	return next, is, replaced, false, nil
}

// without takes a part of the order out, all of it for "", and returns it.
func (o *RoomOrder) without(part RoomAction) (out RoomOrder) {
	all := part == ""
	if all || part == RoomClose {
		out.Closing, o.Closing = o.Closing, nil
	}
	if all || part == RoomMode {
		out.Mode, o.Mode = o.Mode, nil
	}
	if all || part == RoomLimits {
		out.Limits, o.Limits = o.Limits, nil
	}
	if all || part == RoomSchedule {
		out.Schedule, o.Schedule = o.Schedule, nil
	}
	return out
}

// add puts what the change orders into o, which was before.
func (c RoomChange) add(o *RoomOrder, was RoomOrder, now time.Time, round func() string) {
	at := now.UTC().Truncate(time.Second)
	said := Said{By: c.By, At: at, Reason: trimmed(c.Reason)}
	switch c.Do {
	case RoomClose:
		o.Closing = &RoomClosing{said, trimmed(c.Notice)}
	case RoomMode:
		o.Mode = &RoomModeOrder{said, c.Mode}
	case RoomLimits:
		o.Limits = &RoomLimitsOrder{said, thousandths(c.Min), thousandths(c.Max)}
	case RoomSchedule:
		o.Schedule = &RoomOpening{Said: said, Opens: c.Opens.UTC().Truncate(time.Second), Announce: at, File: c.File}
		switch {
		case c.Anew:
			o.Schedule.Round = round()
		case was.Schedule != nil && was.Schedule.File.Same(c.File):
			o.Schedule.Round = was.Schedule.Round
		}
	case RoomOpen, RoomBack:
	}
}
