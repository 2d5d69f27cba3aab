package simulate

// kind of an event.
type kind uint8

const (
	arrives   kind = iota // the next person comes
	looks                 // a person is let in to the chooser
	decides               // a person picks
	returns               // a person is back from the provider
	gives                 // a person has waited long enough for a page that does not open
	asks                  // the broker sends a leg
	served                // a server has done a leg
	fails                 // a leg is answered by a failure
	timesOut              // the broker waits no longer
	probed                // a round of probes is over
	ticks                 // a second is over
	turnsOver             // the scenario's next phase begins
)

// event is something that happens at a time, and to whom.
type event struct {
	at    float64
	seq   uint32 // of two at one time the one planned first
	who   int32  // a person; of served the one served; of probed and turnsOver an index
	gen   int32
	kind  kind
	where int8 // a provider
	what  int8 // of fails the class, of probed whether well
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.seq < o.seq
}

// agenda is a binary heap of events.
type agenda struct {
	heap []event
	seq  uint32
}

func (a *agenda) plan(e event) {
	a.seq++
	e.seq = a.seq
	a.heap = append(a.heap, e)
	i := len(a.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !a.heap[i].before(&a.heap[up]) {
			break
		}
		a.heap[i], a.heap[up] = a.heap[up], a.heap[i]
		i = up
	}
}

func (a *agenda) next() (e event, any bool) {
	if len(a.heap) == 0 {
		return event{}, false
	}
	e = a.heap[0]
	last := len(a.heap) - 1
	a.heap[0] = a.heap[last]
	a.heap = a.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if a.heap[child].before(&a.heap[least]) {
				least = child
			}
		}
		if least == i {
			return e, true
		}
		a.heap[i], a.heap[least] = a.heap[least], a.heap[i]
		i = least
	}
}
