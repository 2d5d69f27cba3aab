package live

import (
	"time"

	"sinho/signal"
)

// Trip is one journey of a person, as whoever runs it tells. Times are the
// node's clock.
type Trip struct {
	Provider string
	Light    string    // colour shown when it began
	Began    time.Time // person sent away, or push asked for
	Returned time.Time // zero: not (yet)
	Ended    time.Time // zero: not (yet)
	// Class is the class of its failure ("cancelled", "throttled", "down" …), ""
	// for a login that succeeded; "shed" is our own refusal to ask the provider.
	Class string
	// Colours: the failure is the provider's fault. Seen: the measuring transport
	// has counted it already.
	Colours, Seen bool
}

func (t Trip) green() uint32 {
	if t.Light == signal.Green.String() {
		return 1
	}
	return 0
}

// Started counts a person sent to a provider.
func (l *Live) Started(t Trip) {
	if p := l.byID[t.Provider]; p != nil {
		p.meter.with(func(b *signal.Bucket) {
			b.Started++
			b.StartedGreen += t.green()
		})
	}
}

// Returned counts a person who came back, with whatever. Once per trip.
func (l *Live) Returned(t Trip) {
	if p := l.byID[t.Provider]; p != nil {
		p.meter.with(func(b *signal.Bucket) { b.Came(t.Began.Unix(), 1, t.green()) })
	}
}

// Ended counts a trip that is over: identity read, or failed. Once per trip.
func (l *Live) Ended(t Trip) {
	p := l.byID[t.Provider]
	if p == nil {
		return
	}
	slow := time.Duration(p.meter.verySlow.Load())
	took := t.Ended.Sub(t.Returned)
	late := t.Class == "" && slow > 0 && !t.Ended.IsZero() && !t.Returned.IsZero() && took > slow
	p.meter.with(func(b *signal.Bucket) {
		switch t.Class {
		case "":
			b.Completed++
		case "cancelled":
			b.Cancelled++
		}
		if t.Colours && !t.Seen {
			class := signal.Nonsense
			if t.Class == "throttled" {
				class = signal.Throttled
			}
			b.Errors[class]++
		}
		if t.green() == 0 {
			return
		}
		b.GreenEnded++
		switch {
		case t.Colours, t.Class == "shed":
			b.GreenFailed++
		case late:
			b.GreenSlow++
		}
	})
}
