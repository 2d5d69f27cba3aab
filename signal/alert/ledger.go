package alert

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sinho/signal"
)

// ledgerV1 is the format of a ledger. Whoever does not know the one it finds
// leaves it alone.
const ledgerV1 = 1

// Bounds of a ledger, below store.MaxValue.
const (
	maxLedger  = 15 << 10 // bytes
	maxChanges = 8        // of one message; the rest is told a second later
)

var errFormat = errors.New("alert: a ledger of another version")

// ledger is what an endpoint has been told and what it is still to be told.
type ledger struct {
	Version int `json:"v"`
	// Lights as they were told last, or passed over, by provider.
	Lights map[string]signal.Light `json:"l"`
	// Held is since when something differs that quiet hours keep back; zero: nothing.
	Held time.Time `json:"h,omitzero"`
	// Waiting are the messages, oldest first.
	Waiting []message `json:"w,omitempty"`
}

// message is what is to be told, as it waits. What it becomes on the wire is
// rendered when it is sent, the same each time but for the settings of the
// target.
type message struct {
	ID      string    `json:"i"` // random: the one whose ledger stands has made it
	At      time.Time `json:"t"`
	Quiet   time.Time `json:"q,omitzero"` // since when it was kept back; zero: it was not
	Changes []change  `json:"c"`
}

// change is one provider's.
type change struct {
	Provider string        `json:"p"`
	Name     signal.Text   `json:"n"`
	From     signal.Light  `json:"f"`
	To       signal.Light  `json:"l"`
	Since    time.Time     `json:"s"`
	Until    *time.Time    `json:"u,omitempty"`
	Reason   signal.Reason `json:"r"`
}

// readLedger reads one; ok is false for none.
func readLedger(raw []byte) (l ledger, ok bool, err error) {
	if raw == nil {
		return l, false, nil
	}
	var version struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return l, false, fmt.Errorf("read a ledger: %w", err)
	}
	if version.V != ledgerV1 {
		return l, false, errFormat
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		return l, false, fmt.Errorf("read a ledger: %w", err)
	}
	return l, true, nil
}

// encode drops the oldest messages of a ledger that is too large, and gives them.
func (l ledger) encode() (raw []byte, dropped []message, err error) {
	l.Version = ledgerV1
	for {
		if raw, err = json.Marshal(l); err != nil {
			return nil, nil, fmt.Errorf("write a ledger: %w", err)
		}
		if len(raw) <= maxLedger || len(l.Waiting) == 0 {
			return raw, dropped, nil
		}
		dropped = append(dropped, l.Waiting[0])
		l.Waiting = l.Waiting[1:]
	}
}

// first is the ledger of an endpoint that has never been told anything.
func first(t Target, board signal.Board) ledger {
	l := ledger{Lights: map[string]signal.Light{}}
	for _, s := range board.Providers {
		if t.hears(s.ID) {
			l.Lights[s.ID] = begun(s)
		}
	}
	return l
}

// begun is the light a provider begins with: one that is not known yet is taken
// for green, so that only something worse is news.
func begun(s signal.Status) signal.Light {
	if s.Light == signal.Yellow && !s.Measured {
		return signal.Green
	}
	return s.Light
}

// after is the ledger once the board has been compared with it, and whether that
// is another one. In quiet hours a difference is marked, and no more.
func (l ledger) after(t Target, board signal.Board, now time.Time) (next ledger, changed bool) {
	lights, news, more := t.compare(l.Lights, board)
	quiet := t.quiet(now)
	next = l
	next.Lights = lights
	switch {
	case len(news) > 0 && quiet:
		next.Lights = without(lights, l.Lights, news)
		if l.Held.IsZero() {
			next.Held = now.UTC().Truncate(time.Second)
		}
	case len(news) > 0:
		next.Waiting = append(slices.Clone(l.Waiting), message{
			ID: rand.Text(), At: now.UTC().Truncate(time.Second), Quiet: l.Held, Changes: news,
		})
		if !more {
			next.Held = time.Time{}
		}
		return next, true
	case !quiet: // all as it was before the night
		next.Held = time.Time{}
	}
	return next, !next.Held.Equal(l.Held) || !maps.Equal(next.Lights, l.Lights)
}

// compare gives the lights as they are once news are told; more is left when
// there is no room in one message.
func (t Target) compare(told map[string]signal.Light, board signal.Board) (lights map[string]signal.Light, news []change, more bool) {
	lights = map[string]signal.Light{}
	for _, s := range board.Providers {
		if !t.hears(s.ID) {
			continue
		}
		from, known := told[s.ID]
		switch {
		case !known:
			lights[s.ID] = begun(s)
		case from == s.Light || unsaid(from, s):
			lights[s.ID] = from
		case !t.wants(from) && !t.wants(s.Light): // passed over
			lights[s.ID] = s.Light
		case len(news) == maxChanges:
			lights[s.ID], more = from, true
		default:
			lights[s.ID] = s.Light
			news = append(news, change{s.ID, s.Name, from, s.Light, s.Since, s.Until, s.Reason})
		}
	}
	return lights, news, more
}

// without has the lights of news as they were.
func without(lights, were map[string]signal.Light, news []change) map[string]signal.Light {
	for _, c := range news {
		lights[c.Provider] = were[c.Provider]
	}
	return lights
}

// unsaid: a light that is not known any more says nothing new after green.
func unsaid(told signal.Light, s signal.Status) bool {
	return told == signal.Green && begun(s) == signal.Green
}

func (t Target) hears(provider string) bool {
	return len(t.Providers) == 0 || slices.Contains(t.Providers, provider)
}

func (t Target) wants(l signal.Light) bool { return len(t.Lights) == 0 || slices.Contains(t.Lights, l) }

func (t Target) quiet(now time.Time) bool {
	_, in, _ := signal.Next(t.Quiet, now, 0)
	return in
}

// loud is when quiet hours that are in force at now end, or now.
func (t Target) loud(now time.Time) time.Time {
	if p, in, _ := signal.Next(t.Quiet, now, 0); in {
		return p.To
	}
	return now
}
