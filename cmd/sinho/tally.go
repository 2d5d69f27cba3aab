package main

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sinho/console"
)

// tally counts what became of telling others, by whom and result, for Prometheus
// and for operators.
type tally struct {
	counts *prometheus.CounterVec // nil: Prometheus is told nothing
	now    func() time.Time

	mu   sync.Mutex                               // guards book
	book map[string]map[string]console.SiteResult // by whom and result
}

func newTally(counts *prometheus.CounterVec, now func() time.Time) *tally {
	return &tally{counts: counts, now: now, book: map[string]map[string]console.SiteResult{}}
}

// expect shows the counters of who is to be told from zero.
func (t *tally) expect(who string, results []string) {
	if t.counts == nil {
		return
	}
	for _, result := range results {
		t.counts.WithLabelValues(who, result)
	}
}

func (t *tally) count(who, result string) {
	if t.counts != nil {
		t.counts.WithLabelValues(who, result).Inc()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.book[who] == nil {
		t.book[who] = map[string]console.SiteResult{}
	}
	t.book[who][result] = console.SiteResult{Result: result, Count: t.book[who][result].Count + 1, Last: t.now()}
}

// of one that is told, each of the results.
func (t *tally) of(who string, results []string) (all []console.SiteResult) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, result := range results {
		r := t.book[who][result]
		r.Result = result
		all = append(all, r)
	}
	return all
}
