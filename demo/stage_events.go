package demo

import (
	"fmt"
	"math"
	"time"
)

const (
	maxEvents = 80
	// shareStep is how far a share must move to be worth a line, and
	// shareRest how long a provider's lines about it are apart.
	shareStep = 0.08
	shareRest = 4 * time.Second
)

// Event is one line of the stage's log: something seen or done.
type Event struct {
	At       time.Time `json:"at"`
	Time     string    `json:"time"` // 20:00:05 KST
	Kind     string    `json:"kind"` // light, share, act
	Provider string    `json:"provider,omitempty"`
	Light    string    `json:"light,omitempty"`
	KO       string    `json:"ko"`
	EN       string    `json:"en"`
}

// said is what the log last told of a provider.
type said struct {
	light    string
	measured bool
	share    float64
	at       time.Time
}

func (s *Stage) say(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(e)
}

// note adds a line; the caller holds the lock.
func (s *Stage) note(e Event) {
	e.At = s.cfg.Now()
	e.Time = kst(e.At).Format(time.TimeOnly)
	s.events = append(s.events, e)
	if len(s.events) > maxEvents {
		s.events = append(s.events[:0], s.events[len(s.events)-maxEvents:]...)
	}
}

// notice takes a board and logs what changed since the last one.
func (s *Stage) notice(b *board) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.board = b
	now := s.cfg.Now()
	for _, p := range b.Providers {
		last, known := s.lastSaid[p.ID]
		if !known {
			if len(s.lastSaid) < maxProviders {
				s.lastSaid[p.ID] = said{p.Light, p.Measured, p.Share, now}
			}
			continue
		}
		if last.light != p.Light || last.measured != p.Measured {
			s.noteLight(last, p)
			last.light, last.measured = p.Light, p.Measured
		}
		if moved := p.Share - last.share; math.Abs(moved) >= shareStep && now.Sub(last.at) >= shareRest {
			s.noteShare(last.share, p)
			last.share, last.at = p.Share, now
		}
		s.lastSaid[p.ID] = last
	}
}

func (s *Stage) noteLight(before said, p status) {
	from, to := lightOf(before.light), lightOf(p.Light)
	if !before.measured {
		from = light{KO: "아직 모름", EN: "not yet known"}
	}
	if !p.Measured {
		to = light{Shape: to.Shape, KO: "아직 모름", EN: "not yet known"}
	}
	e := Event{
		Kind: "light", Provider: p.ID, Light: p.Light,
		KO: fmt.Sprintf("%s %s → %s %s", p.Name.KO, from.KO, to.Shape, to.KO),
		EN: fmt.Sprintf("%s %s → %s", p.Name.EN, from.EN, to.EN),
	}
	if p.Reason.KO != "" {
		e.KO += ": " + p.Reason.KO
	}
	if p.Reason.EN != "" {
		e.EN += ": " + p.Reason.EN
	}
	s.note(e)
}

func (s *Stage) noteShare(before float64, p status) {
	ko, en := "추천이 비켜 갑니다", "the recommendation moves away"
	if p.Share > before {
		ko, en = "추천이 늘어납니다", "the recommendation grows"
	}
	s.note(Event{
		Kind: "share", Provider: p.ID, Light: p.Light,
		KO: fmt.Sprintf("%s %s: %.0f\u00a0%% → %.0f\u00a0%%", p.Name.KO, ko, 100*before, 100*p.Share),
		EN: fmt.Sprintf("%s: %s", p.Name.EN, en),
	})
}
