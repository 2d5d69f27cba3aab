package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// Approve is how a person answers here.
type Approve string

const (
	// Auto: pushes approve themselves after two seconds; a login page still
	// wants its button pressed.
	Auto Approve = "auto"
	// Manual: a button approves, on the login page or on the phone page.
	Manual Approve = "manual"
	// Reject: the person says no; pushes after two seconds.
	Reject Approve = "reject"
)

// Control is everything that can be turned on a simulator while it runs.
type Control struct {
	// LatencyMS is the base latency of a server leg, 0 to 60000 milliseconds.
	LatencyMS int `json:"latency_ms"`
	// ErrorRate is the share of server legs answered with the vendor's 5xx, 0 to 1.
	ErrorRate float64 `json:"error_rate"`
	// CapacityPerS is how many server legs a second are served, 0.1 to 100000.
	CapacityPerS float64 `json:"capacity_per_s"`
	// Hang: server legs are accepted and never answered; pages work.
	Hang bool `json:"hang"`
	// PageHang: pages are accepted and never answered, phones never approve;
	// server legs work.
	PageHang bool `json:"page_hang"`
	// Down: every path but the control's drops the connection.
	Down bool `json:"down"`
	// Fault is "" or how every server leg is answered instead: drip, flood,
	// redirect, throttle, quota or keys.
	Fault Fault `json:"fault"`
	// Approve is auto, manual or reject.
	Approve Approve `json:"approve"`
}

// Defaults is a healthy simulator: 100 ms, 250 legs a second, no faults.
func Defaults() Control {
	return Control{LatencyMS: 100, CapacityPerS: 250, Approve: Auto}
}

const (
	maxLatencyMS = 60_000
	minCapacity  = 0.1
	maxCapacity  = 100_000
)

// FieldError is a change that was refused, with the field at fault ("" when
// the body as a whole is).
type FieldError struct {
	Field  string `json:"field"`
	Reason string `json:"error"`
}

// Error names the field and what is wrong with it.
func (e *FieldError) Error() string {
	if e.Field == "" {
		return "control: " + e.Reason
	}
	return fmt.Sprintf("control: %s: %s", e.Field, e.Reason)
}

// Merge gives c with the fields of a JSON object laid over it; absent fields
// keep. Names are exact; an unknown one, a wrong type or a value out of range
// is a *FieldError, and c stays as it was.
func (c Control) Merge(body []byte) (Control, error) {
	var fields map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&fields); err != nil || fields == nil {
		return c, &FieldError{Reason: "the body must be one JSON object"}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return c, &FieldError{Reason: "the body must be one JSON object and nothing after it"}
	}
	next := c
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if reason := next.set(name, fields[name]); reason != "" {
			return c, &FieldError{Field: name, Reason: reason}
		}
	}
	return next, nil
}

// set lays one field over c and says what is wrong with it, or nothing.
func (c *Control) set(name string, raw json.RawMessage) (reason string) {
	switch name {
	case "latency_ms":
		if !decode(raw, &c.LatencyMS) || c.LatencyMS < 0 || c.LatencyMS > maxLatencyMS {
			return "must be a whole number of milliseconds from 0 to 60000"
		}
	case "error_rate":
		if !decode(raw, &c.ErrorRate) || c.ErrorRate < 0 || c.ErrorRate > 1 {
			return "must be a number from 0 to 1"
		}
	case "capacity_per_s":
		if !decode(raw, &c.CapacityPerS) || c.CapacityPerS < minCapacity || c.CapacityPerS > maxCapacity {
			return "must be a number from 0.1 to 100000"
		}
	case "hang":
		return flag(raw, &c.Hang)
	case "page_hang":
		return flag(raw, &c.PageHang)
	case "down":
		return flag(raw, &c.Down)
	case "fault":
		if f := Fault("?"); decode(raw, &f) && slices.Contains(faults(), f) {
			c.Fault = f
			return ""
		}
		return "must be empty, drip, flood, redirect, throttle, quota or keys"
	case "approve":
		if !decode(raw, &c.Approve) || (c.Approve != Auto && c.Approve != Manual && c.Approve != Reject) {
			return "must be auto, manual or reject"
		}
	default:
		return "unknown field"
	}
	return ""
}

func flag(raw json.RawMessage, into *bool) string {
	if !decode(raw, into) {
		return "must be true or false"
	}
	return ""
}

// decode is strict about null, which encoding/json takes for "leave it".
func decode(raw json.RawMessage, into any) bool {
	return !bytes.Equal(bytes.TrimSpace(raw), []byte("null")) && json.Unmarshal(raw, into) == nil
}

func (c Control) latency() time.Duration { return time.Duration(c.LatencyMS) * time.Millisecond }

// desk holds the control in force and tells waiters when it changes.
type desk struct {
	mu      sync.Mutex // guards the rest
	now     Control
	changed chan struct{} // closed at the next change
	cut     chan struct{} // closed while down, and for good once shut
	isCut   bool
	shut    bool
}

func newDesk(c Control) *desk {
	d := &desk{now: c, changed: make(chan struct{}), cut: make(chan struct{})}
	if c.Down {
		d.isCut = true
		close(d.cut)
	}
	return d
}

// look gives the control, a channel closed when it next changes, and one
// closed while the simulator is down or shut.
func (d *desk) look() (c Control, changed, cut <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now, d.changed, d.cut
}

func (d *desk) control() Control {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// change replaces the control by what edit makes of it. before sees the old
// and the new one while nobody else can change them.
func (d *desk) change(edit func(Control) (Control, error), before func(old, next Control)) (Control, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, err := edit(d.now)
	if err != nil {
		return d.now, err
	}
	before(d.now, next)
	d.now = next
	close(d.changed)
	d.changed = make(chan struct{})
	d.recut(next.Down || d.shut)
	return next, nil
}

// close cuts everything for good.
func (d *desk) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = true
	d.recut(true)
}

func (d *desk) recut(want bool) {
	switch {
	case want && !d.isCut:
		close(d.cut)
	case !want && d.isCut:
		d.cut = make(chan struct{})
	}
	d.isCut = want
}
