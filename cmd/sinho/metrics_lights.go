package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"sinho/signal"
	"sinho/signal/live"
)

// figures collects what the lights have measured and decided. They count for
// themselves, so a login pays nothing for it.
type figures struct {
	current func() *lights

	legs, errors, inFlight     *prometheus.Desc
	light, measured, share     *prometheus.Desc
	begun, ended, failed, slow *prometheus.Desc
	vanished                   *prometheus.Desc
	watchers, watchersLimit    *prometheus.Desc
	local, maintenance         *prometheus.Desc
	capacity, capacityMeasured *prometheus.Desc
}

func lightFigures(current func() *lights) *figures {
	return &figures{
		current:  current,
		legs:     desc("provider_leg_duration_seconds", "Server legs to a provider that ended, failed ones too.", "provider"),
		errors:   desc("provider_errors_total", "Failures that colour a provider's light, by class.", "provider", "class"),
		inFlight: desc("provider_legs_in_flight", "Server legs to a provider under way.", "provider"),
		light:    desc("provider_light", "1 for the colour a provider's light has, 0 for the others.", "provider", "light"),
		measured: desc("provider_light_measured", "1 while real logins decide a provider's light, 0 while too few do.", "provider"),
		share:    desc("provider_share_ratio", "Share of new logins recommended to a provider, 0 to 1.", "provider"),
		capacity: desc("provider_capacity_estimate_logins_per_second", "Logins a second a provider is believed to take; the same on all nodes that share a store. While not measured it is the configured capacity, or what was seen to complete where that is more.", "provider"),
		begun:    desc("green_logins_begun_total", "Logins begun on a green light; of all nodes that share a store, as the next four are.", "provider"),
		ended:    desc("green_logins_ended_total", "Logins begun on green that ended in any way.", "provider"),
		failed:   desc("green_logins_failed_total", "Logins begun on green that failed by the provider's fault.", "provider"),
		slow:     desc("green_logins_slow_total", "Logins begun on green that ended well but very slowly.", "provider"),
		vanished: desc("green_logins_vanished_total", "Logins begun on green and given up for lost beyond what is usual; an estimate.", "provider"),
		watchers: desc("watchers", "WebSockets and event streams that watch the lights of this node."),

		local: desc("lights_local", "1 while the lights are by this node's own measurement because the store cannot be reached, else 0."),

		maintenance: desc("provider_maintenance", "1 while a maintenance of a provider that the settings name is in force, else 0.", "provider"),

		capacityMeasured: desc("provider_capacity_measured", "1 while congestion within the last hour has shown what a provider takes, else 0.", "provider"),

		watchersLimit: desc("watchers_limit", "How many may."),
	}
}

// Describe implements prometheus.Collector.
func (f *figures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		f.legs, f.errors, f.inFlight, f.light, f.measured, f.share,
		f.begun, f.ended, f.failed, f.slow, f.vanished, f.watchers, f.watchersLimit, f.local,
		f.capacity, f.capacityMeasured, f.maintenance,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (f *figures) Collect(to chan<- prometheus.Metric) {
	l := f.current()
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, n, labels...)
	}
	for _, r := range l.Readings() {
		to <- legHistogram(f.legs, r)
		for i, class := range classWords() {
			tell(f.errors, prometheus.CounterValue, float64(r.Errors[i]), r.ID, class)
		}
		tell(f.inFlight, prometheus.GaugeValue, float64(r.InFlight), r.ID)
	}
	board := l.Board()
	tell(f.local, prometheus.GaugeValue, truth(board.Local))
	for _, s := range board.Providers {
		for light := signal.Green; light <= signal.Grey; light++ {
			tell(f.light, prometheus.GaugeValue, truth(s.Light == light), s.ID, light.String())
		}
		tell(f.measured, prometheus.GaugeValue, truth(s.Measured), s.ID)
		tell(f.share, prometheus.GaugeValue, s.Share, s.ID)
	}
	for _, in := range l.Insights() {
		tell(f.capacity, prometheus.GaugeValue, in.Capacity.Estimate, in.ID)
		tell(f.capacityMeasured, prometheus.GaugeValue, truth(in.Capacity.Measured), in.ID)
		tell(f.maintenance, prometheus.GaugeValue, truth(in.Away), in.ID)
	}
	_, byID := l.Honesty()
	for id, h := range byID {
		tell(f.begun, prometheus.CounterValue, float64(h.Begun), id)
		tell(f.ended, prometheus.CounterValue, float64(h.Ended), id)
		tell(f.failed, prometheus.CounterValue, float64(h.Failed), id)
		tell(f.slow, prometheus.CounterValue, float64(h.Slow), id)
		tell(f.vanished, prometheus.CounterValue, h.Vanished, id)
	}
	now, most := l.Watchers()
	tell(f.watchers, prometheus.GaugeValue, float64(now))
	tell(f.watchersLimit, prometheus.GaugeValue, float64(most))
}

// classWords name each signal.Class.
func classWords() [len(live.Reading{}.Errors)]string {
	return [...]string{
		signal.Refused: "refused", signal.TimedOut: "timed_out", signal.Faulty: "faulty",
		signal.Throttled: "throttled", signal.Nonsense: "nonsense",
	}
}

// legHistogram shows every fourth bound, each twice the one before, from 7.8 ms
// to 32 s: enough to see where a light turns.
func legHistogram(d *prometheus.Desc, r live.Reading) prometheus.Metric {
	bounds := map[float64]uint64{}
	var n uint64
	for i, more := range r.Legs {
		n += more
		if i%4 == 3 && i < len(r.Legs)-1 {
			bounds[signal.Bound(i).Seconds()] = n
		}
	}
	return prometheus.MustNewConstHistogram(d, n, r.Took.Seconds(), bounds, r.ID)
}
