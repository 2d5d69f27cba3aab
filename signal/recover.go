package signal

import "time"

// greyed notes a fall to grey: one soon after a lift makes the next lift wait
// for twice as many good rounds.
func (l *Lamp) greyed(r *Rules, now time.Time) {
	l.goodRounds = 0
	if !l.lifted.IsZero() && now.Sub(l.lifted) < r.ChangeSpan {
		l.relapses = min(l.relapses+1, 5)
	} else {
		l.relapses = 0
	}
}

// lift turns a grey light into a yellow trickle, so that recovery can be seen:
// after some good rounds of probes in a row, or, where nothing probes, after a
// while. What was measured before counts no more.
func (l *Lamp) lift(r *Rules, now time.Time) {
	// A trial that fails is two changes: one is made when both fit into a minute.
	if !l.mayImprove(r, now) || l.changesWithin(r.ChangeSpan, now) > r.MaxChanges {
		return
	}
	blind := l.seen-l.lastProbe >= int64(r.LiftBlind.Seconds()) && now.Sub(l.Since) >= r.LiftBlind
	if l.goodRounds < r.LiftRounds<<l.relapses && !blind {
		return
	}
	l.from = l.seen + 1
	l.legs, l.probes, l.pages = row{}, row{}, row{}
	l.crowd.forget()
	l.lately = lately{}
	rounds := l.goodRounds
	if blind {
		rounds = 0
	}
	l.trickle, l.lifted, l.improved, l.relapsed = true, now, now, false
	l.targets = [4]Light{Green, Green, Green, Green}
	l.turn(finding{light: Yellow, code: CodeTrickle, k: rounds}, now)
}

// pace is how often probes should run: every second while anything is wrong or
// suspicious, every few seconds while it is quiet, else not at all.
func (l *Lamp) pace(r *Rules, buckets []Bucket) time.Duration {
	var legs, counted, startedLately int
	silence := l.seen - l.lastGood
	for i := range buckets {
		b := &buckets[i]
		legs += b.Succeeded()
		if b.Second >= l.from {
			counted++ // seconds of a grey light say nothing of the usual gap
		}
		if l.seen-b.Second < max(silence, 10) {
			startedLately += int(b.Started)
		}
	}
	// Silence is judged by the usual gap between good legs, which come in clusters.
	floor := r.SilenceFloor.Seconds()
	if legs > 0 {
		floor = max(floor, 10*float64(counted)/float64(legs))
	}
	switch {
	case l.Light != Green && (l.Measured || l.trickle),
		l.Light == Grey,
		l.probes.n > 0, l.legs.n >= 2,
		l.pages.n > 0 && !l.crowd.contradictsPages(),
		l.crowd.yellow >= r.Person.YellowEvidence/3,
		startedLately >= 2 && float64(silence) >= floor:
		return r.SuspiciousPace
	case legs < r.QuietBelow:
		return r.QuietPace
	default:
		return 0
	}
}
