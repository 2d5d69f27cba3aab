package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"sinho/lobby/hall"
)

// roomFigures collects what the waiting rooms count for themselves. Rates and those
// who wait are of all nodes that share a store, tickets, passes and watchers of this
// one.
type roomFigures struct {
	current func() *rooms

	arrivals, admitted, rate, waiting, show, open *prometheus.Desc
	away, tickets, passes, estimates, right       *prometheus.Desc
	watchers                                      *prometheus.Desc
}

// watchRooms shows the waiting rooms that current gives at each scrape.
func (m *metrics) watchRooms(current func() *rooms) {
	m.registry.MustRegister(&roomFigures{
		current:   current,
		arrivals:  desc("room_arrivals_per_second", "Numbers taken at a waiting room, over the last ten seconds.", "room"),
		admitted:  desc("room_admitted_per_second", "Numbers called, over the last ten seconds.", "room"),
		rate:      desc("room_rate_per_second", "People a second that a waiting room lets go on now.", "room"),
		waiting:   desc("room_waiting", "Numbers that wait, those who are late included.", "room"),
		show:      desc("room_show_ratio", "How many of those who wait have their page open, 0 to 1.", "room"),
		open:      desc("room_open", "1 while a room calls people, else 0: it is off, closed, before its opening, or nothing is known of it yet.", "room"),
		away:      desc("room_away", "1 while a room's last step is more than 5 s ago, so that nobody new is called, else 0.", "room"),
		tickets:   desc("room_tickets_total", "Tickets given, or shown and refused, by outcome.", "room", "outcome"),
		passes:    desc("room_passes_total", "Passes given, extended, spent, or shown and refused, by outcome.", "room", "outcome"),
		estimates: desc("room_estimates_total", "Waits that were held against what people had been told.", "room"),
		right:     desc("room_estimates_right_total", "Those of them that were a fifth off at most, or 2 s.", "room"),
		watchers:  desc("room_watchers", "WebSockets and event streams that watch a room of this node.", "room"),
	})
}

// Describe implements prometheus.Collector.
func (f *roomFigures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		f.arrivals, f.admitted, f.rate, f.waiting, f.show, f.open, f.away, f.tickets, f.passes, f.estimates, f.right, f.watchers,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (f *roomFigures) Collect(to chan<- prometheus.Metric) {
	for _, r := range f.current().Insights() {
		f.collect(to, &r)
	}
}

func (f *roomFigures) collect(to chan<- prometheus.Metric, r *hall.Insight) {
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, n, append([]string{r.Setting.Name}, labels...)...)
	}
	tell(f.arrivals, prometheus.GaugeValue, r.Arrivals)
	tell(f.admitted, prometheus.GaugeValue, r.Admitted)
	tell(f.rate, prometheus.GaugeValue, r.Rate)
	tell(f.waiting, prometheus.GaugeValue, float64(r.Waiting))
	tell(f.show, prometheus.GaugeValue, r.Show)
	tell(f.open, prometheus.GaugeValue, truth(calling(r)))
	tell(f.away, prometheus.GaugeValue, truth(r.Away))
	tell(f.estimates, prometheus.CounterValue, float64(r.Estimate.Count))
	tell(f.right, prometheus.CounterValue, float64(r.Estimate.Within))
	tell(f.watchers, prometheus.GaugeValue, float64(r.Watchers))
	papers := func(d *prometheus.Desc, c hall.Counts) {
		tell(d, prometheus.CounterValue, float64(c.Given), "given")
		for reason, n := range c.Refused {
			tell(d, prometheus.CounterValue, float64(n), reason)
		}
	}
	papers(f.tickets, r.Tickets)
	papers(f.passes, r.Passes)
	tell(f.passes, prometheus.CounterValue, float64(r.Passes.Extended), "extended")
	tell(f.passes, prometheus.CounterValue, float64(r.Spent), "spent")
}

// calling: a room calls whoever waits, as far as there is room. Before an opening a
// queue may be drawn already, by another opening of before.
func calling(r *hall.Insight) bool {
	return r.Setting.Mode != hall.Off && !r.Setting.Closed && !r.Queue.Closed && r.Queue.Drawn && !r.Seen.Before(r.Setting.Opens)
}
