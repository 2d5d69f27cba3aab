package demo

import (
	"fmt"
	"strconv"
)

// Twins are two modelled worlds in which the same people meet the same doors,
// advised in two ways. Whoever wires the demo brings them; the stage passes its
// buttons on and shows what they count.
type Twins struct {
	// Press passes on what was done to a provider: one of the breakings of
	// POST /stage/break; "storm", or "recover" for everything. It begins a play
	// unless one is under way; "recover" begins none.
	Press func(provider, what string)
	// Look is how both stand. It must not block.
	Look func() TwinState
}

// TwinState is both worlds at a moment.
type TwinState struct {
	// Play is the number of the play shown, 0 before the first. On says that it
	// is under way; otherwise it is over, and its counters are final.
	Play int  `json:"play"`
	On   bool `json:"on"`
	// Seconds since its beginning by its own clock, which runs Pace times as fast
	// as the one on the wall.
	Seconds float64 `json:"seconds"`
	Pace    int     `json:"pace"`
	// People are counted, those who come first after the beginning.
	People int  `json:"people"`
	Storm  bool `json:"storm"`
	// Fault of each provider, by id: a breaking, "" for none.
	Fault map[string]string `json:"fault"`
	Left  TwinLane          `json:"left"`  // everybody is told the fastest
	Right TwinLane          `json:"right"` // as Sinho advises
}

// TwinLane is one of the worlds.
type TwinLane struct {
	Doors []TwinDoor `json:"doors"`
	// Of the people counted so far, Came, the sum of the others: who is in, who
	// has given up, who left by their own will, who is still outside.
	Came    int `json:"came"`
	In      int `json:"in"`
	GaveUp  int `json:"gave_up"`
	Left    int `json:"left"`
	Outside int `json:"outside"`
	// Again is how many of them a provider has let down at least once.
	Again int `json:"again"`
	// Half of those who are in took at most Half seconds, 95 of a hundred at most
	// Most, from first seeing the chooser.
	Half float64 `json:"half_s"`
	Most float64 `json:"most_s"`
}

// TwinDoor is a provider of one world.
type TwinDoor struct {
	ID      string  `json:"id"`
	Light   string  `json:"light"`
	Advised float64 `json:"advised"` // to how many it is suggested first, 0 to 1
	There   int     `json:"there"`   // people there now
}

// Verdict is the sentence a play ends in, made of its counters; empty while it
// is under way or none was begun.
func (s TwinState) Verdict() bilingual {
	if s.Play == 0 || s.On {
		return bilingual{}
	}
	l, r := s.Left, s.Right
	return bilingual{
		KO: fmt.Sprintf("같은 %s 가운데, 모두에게 가장 빠른 곳을 알렸을 때는 %d명(%s), 신호로는 %d명(%s)이 들어갔습니다.",
			counted(s.People), l.In, l.tookKO(), r.In, r.tookKO()),
		EN: fmt.Sprintf("Of the same %s people, %d got in where everyone was told the fastest (%s), %d with Sinho (%s).",
			thousands(s.People), l.In, l.tookEN(), r.In, r.tookEN()),
	}
}

func (l TwinLane) tookKO() string {
	if l.In == 0 {
		return "아무도 못 들어감"
	}
	return fmt.Sprintf("절반이 %.0f초, 95\u00a0%%가 %.0f초 안에, 다시 해야 했던 사람 %d명", l.Half, l.Most, l.Again)
}

func (l TwinLane) tookEN() string {
	if l.In == 0 {
		return "nobody"
	}
	return fmt.Sprintf("half within %.0f s, 95\u00a0%% within %.0f s, %d had to try again", l.Half, l.Most, l.Again)
}

// counted says how many people in Korean.
func counted(n int) string {
	if n == 1000 {
		return "천 명"
	}
	return thousands(n) + "명"
}

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// twinView is the twins as the page and its script show them.
type twinView struct {
	TwinState
	Rows    []twinRow  `json:"-"`
	Told    *bilingual `json:"told"` // the verdict, null without
	Clock   bilingual  `json:"clock"`
	Crowded int        `json:"crowded"` // most people at one door, for the bars: 20 or more
}

// twinRow is one door in both worlds.
type twinRow struct {
	ID          string
	Name        bilingual
	Fault       bilingual
	Left, Right TwinDoor
}

// Percent of people to whom a door is suggested.
func (d TwinDoor) Percent() string { return fmt.Sprintf("%.0f", 100*d.Advised) }

// Width of the bar of people at a door, 0 to 100, where the most crowded door
// has so many.
func (d TwinDoor) Width(crowded int) string {
	return fmt.Sprintf("%.1f", 100*min(float64(d.There)/float64(max(crowded, 1)), 1))
}

// Took is seconds as the page says them; "–" while nobody is in.
func (l TwinLane) Took(seconds float64) string {
	if l.In == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", seconds)
}

// twins is what there is to show, nil for none.
func (s *Stage) twins() *twinView {
	if s.cfg.Twins == nil {
		return nil
	}
	v := twinView{TwinState: s.cfg.Twins.Look(), Crowded: 20}
	for i, left := range v.Left.Doors {
		right := v.Right.Doors[i]
		row := twinRow{ID: left.ID, Name: s.simName(left.ID), Fault: twinFault(v.Fault[left.ID]), Left: left, Right: right}
		v.Rows = append(v.Rows, row)
		v.Crowded = max(v.Crowded, left.There, right.There)
	}
	if told := v.Verdict(); told.KO != "" {
		v.Told = &told
	}
	v.Clock = v.clock()
	return &v
}

// clock says where the play is.
func (s TwinState) clock() bilingual {
	switch {
	case s.Play == 0:
		return bilingual{"아직 아무것도 누르지 않았습니다", "nothing pressed yet"}
	case s.On:
		return bilingual{
			fmt.Sprintf("%d회째, %.0f초 지남", s.Play, s.Seconds),
			fmt.Sprintf("run %d, %.0f s in", s.Play, s.Seconds),
		}
	}
	return bilingual{fmt.Sprintf("%d회째, 끝남", s.Play), fmt.Sprintf("run %d, over", s.Play)}
}

func (s *Stage) simName(id string) bilingual {
	for _, sim := range s.cfg.Sims {
		if sim.ID == id {
			return bilingual{sim.KO, sim.EN}
		}
	}
	return bilingual{id, id}
}

// twinFault names what is broken in both worlds.
func twinFault(what string) bilingual {
	if what == "" {
		return bilingual{}
	}
	return faultName(what)
}

// pressTwins passes a button on.
func (s *Stage) pressTwins(provider, what string) {
	if s.cfg.Twins != nil {
		s.cfg.Twins.Press(provider, what)
	}
}

// judge logs the sentence of a play that is over, once.
func (s *Stage) judge() {
	if s.cfg.Twins == nil {
		return
	}
	state := s.cfg.Twins.Look()
	told := state.Verdict()
	if told.KO == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.judged < state.Play {
		s.judged = state.Play
		s.note(Event{Kind: "twins", KO: told.KO, EN: told.EN})
	}
}
