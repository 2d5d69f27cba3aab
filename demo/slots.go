package demo

import (
	"sync"
	"time"
)

const (
	slotDays     = 3
	slotCapacity = 12
)

// slotTimes of each day.
var slotTimes = [...]string{"09:00", "10:30", "13:30", "15:00", "16:30", "18:00"}

// slots are the next days' appointments. They are bounded by nature: days ×
// times × capacity; a day that is over is dropped.
type slots struct {
	now   func() time.Time
	mu    sync.Mutex // guards taken
	taken map[string]map[string]bool
}

// slot as the page shows it.
type slot struct {
	ID   string // 2026-05-12T09:00
	Time string
	KO   string // 5월 12일 (화) 09:00
	EN   string // Tue 12 May, 09:00
	Left int
	Mine bool
}

// Full says that nobody else fits in.
func (s slot) Full() bool { return s.Left == 0 }

type day struct {
	KO, EN string
	Slots  []slot
}

type slotAnswer int

const (
	slotTaken slotAnswer = iota
	slotFull
	slotUnknown
)

func newSlots(now func() time.Time) *slots {
	return &slots{now: now, taken: map[string]map[string]bool{}}
}

// look lists the days as the person sees them; mine is their own slot.
func (s *slots) look(sub string) (days []day, mine *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	for i := range slotDays {
		date := kst(s.now()).AddDate(0, 0, i+1)
		ko, en := weekday(date)
		d := day{KO: date.Format("1월 2일") + " (" + ko + ")", EN: en + date.Format(" 2 Jan")}
		for _, at := range slotTimes {
			id := date.Format(time.DateOnly) + "T" + at
			one := slot{ID: id, Time: at, KO: d.KO + " " + at, EN: d.EN + ", " + at, Left: slotCapacity - len(s.taken[id]), Mine: sub != "" && s.taken[id][sub]}
			if one.Mine {
				mine = &one
			}
			d.Slots = append(d.Slots, one)
		}
		days = append(days, d)
	}
	return days, mine
}

// take books a slot for a person and gives back the one they had.
func (s *slots) take(id, sub string) slotAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	switch {
	case !s.offered(id):
		return slotUnknown
	case s.taken[id][sub]:
		return slotTaken
	case len(s.taken[id]) >= slotCapacity:
		return slotFull
	}
	s.leave(sub)
	if s.taken[id] == nil {
		s.taken[id] = map[string]bool{}
	}
	s.taken[id][sub] = true
	return slotTaken
}

func (s *slots) giveBack(sub string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave(sub)
}

func (s *slots) leave(sub string) {
	for _, people := range s.taken {
		delete(people, sub)
	}
}

func (s *slots) offered(id string) bool {
	for i := range slotDays {
		for _, at := range slotTimes {
			if id == kst(s.now()).AddDate(0, 0, i+1).Format(time.DateOnly)+"T"+at {
				return true
			}
		}
	}
	return false
}

func (s *slots) sweep() {
	for id := range s.taken {
		if !s.offered(id) {
			delete(s.taken, id)
		}
	}
}
