package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// shown is a board as one node showed it at one second of its own telling.
type shown struct {
	seq     int64
	content string // everything but seq and time
	local   bool
	lights  string
	heard   time.Time
}

// witness looks at every node's /signal several times a second.
type witness struct {
	mu     sync.Mutex // guards boards
	boards []map[time.Time]shown
}

func (w *witness) watch(ctx context.Context, f *fleet) {
	w.boards = make([]map[time.Time]shown, len(f.nodes))
	var watching sync.WaitGroup
	for i, n := range f.nodes {
		w.boards[i] = map[time.Time]shown{}
		watching.Go(func() {
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					w.look(i, n)
				}
			}
		})
	}
	watching.Wait()
}

func (w *witness) look(i int, n *node) {
	board := n.board()
	if board == nil {
		return // dead or stopped
	}
	at, err := time.Parse(time.RFC3339, fmt.Sprint(board["at"]))
	if err != nil {
		return
	}
	s := shown{seq: int64(board["seq"].(float64)), local: board["local"].(bool), heard: time.Now()}
	for _, p := range board["providers"].([]any) {
		s.lights += fmt.Sprint(p.(map[string]any)["light"], " ")
	}
	delete(board, "seq")
	delete(board, "at")
	raw, err := json.Marshal(board)
	if err != nil {
		return
	}
	sum := sha256.Sum256(raw)
	s.content = fmt.Sprintf("%x", sum[:8])
	w.mu.Lock()
	defer w.mu.Unlock()
	w.boards[i][at] = s
}

// span of the run in which something may be so.
type span struct{ from, to time.Time }

func within(spans []span, t time.Time) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return !t.Before(s.from) && t.Before(s.to) })
}

// comparison is what the boards of all nodes say, second by second.
type comparison struct {
	Seconds      int            `json:"seconds"`                 // in which two nodes or more showed a board of all
	ByNodes      map[string]int `json:"by_nodes"`                // how many of these by how many nodes
	Content      int            `json:"differing_content"`       // seconds
	Seq          int            `json:"differing_seq"`           // seconds of the same content
	SeqReturning int            `json:"differing_seq_on_return"` // such seconds in which a node came back
	SeqReused    int            `json:"seq_with_two_contents"`
	Local        map[string]int `json:"local_seconds"` // by node, flagged as its own
	LocalStray   int            `json:"local_seconds_unexplained"`
	Differences  []string       `json:"differences,omitempty"`
	Changes      int            `json:"changes_of_a_light"`
}

// compare holds the boards against each other. A node may go by itself only
// within alone.
func (w *witness) compare(names []string, alone []span) comparison {
	c := comparison{ByNodes: map[string]int{}, Local: map[string]int{}}
	all := map[time.Time]map[int]shown{}
	for i, boards := range w.boards {
		for at, s := range boards {
			if s.local {
				c.Local[names[i]]++
				if !within(alone, s.heard) {
					c.LocalStray++
					c.Differences = append(c.Differences, fmt.Sprintf("%s: %s by itself", at.Format(time.TimeOnly), names[i]))
				}
				continue
			}
			if all[at] == nil {
				all[at] = map[int]shown{}
			}
			all[at][i] = s
		}
	}
	contents := map[int64]string{}
	lights := ""
	for _, at := range slices.SortedFunc(maps.Keys(all), time.Time.Compare) {
		c.second(at, all[at], contents, alone)
		for _, s := range all[at] {
			if s.lights != lights {
				c.Changes++
			}
			lights = s.lights
			break
		}
	}
	return c
}

func (c *comparison) second(at time.Time, boards map[int]shown, contents map[int64]string, alone []span) {
	for _, s := range boards {
		if was, known := contents[s.seq]; known && was != s.content && !within(alone, s.heard) {
			c.SeqReused++
		}
		contents[s.seq] = s.content
	}
	if len(boards) < 2 {
		return
	}
	c.Seconds++
	c.ByNodes[strconv.Itoa(len(boards))]++
	var first shown
	for i := range 10 {
		s, there := boards[i]
		switch {
		case !there:
		case first.content == "":
			first = s
		case s.content != first.content:
			c.Content++
			c.Differences = append(c.Differences, fmt.Sprintf("%s: content %v", at.Format(time.TimeOnly), boards))
			return
		case s.seq != first.seq && within(alone, s.heard):
			c.SeqReturning++
			return
		case s.seq != first.seq:
			c.Seq++
			c.Differences = append(c.Differences, fmt.Sprintf("%s: seq %v", at.Format(time.TimeOnly), boards))
			return
		}
	}
}
