package signal

import "math"

// cohort is everybody sent away in one second.
type cohort struct {
	second        int64
	away          uint32 // not back yet
	green         uint32 // began on green
	greenAway     uint32
	suspect       bool // was away while too few came back
	lost          bool // no longer expected: the light was grey meanwhile
	vanishCounted bool
}

// crowd is the person leg of one provider: who is away, how fast people usually
// come back, and how much speaks against that now.
//
// When a provider's own page dies no server leg happens and every server leg
// looks healthy; people just vanish. So each second the returns are held
// against the hazard of everybody still away (the usual curve; people who never
// come back even on good days are in it). The evidence is the cumulative sum of
// log likelihood ratios "only a fraction ρ of the usual returns" to "as usual"
// (E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954) 100–115),
// for a mild ρ that means yellow and a severe one that means red. It is bounded
// per second, so that a stall of a few seconds says little, bounded above, so
// that a recovery is seen soon, and it fades.
type crowd struct {
	cohorts [maxAge + 1]cohort // ring by second
	curve   curve
	yellow  float64 // evidence
	red     float64
	onset   int64 // second the evidence began to grow
	// since onset:
	due, came float64 // returns expected and seen
	// since the page probes began to fail:
	pageDue, pageCame float64
}

// at is the cohort of a second, cleared when the ring held an older one.
func (c *crowd) at(second int64) *cohort {
	k := &c.cohorts[uint64(second)%uint64(len(c.cohorts))] //nolint:gosec // only a ring index
	if k.second != second {
		*k = cohort{second: second}
	}
	return k
}

// active reports whether enough is known to judge.
func (c *crowd) active(p *PersonRules) bool { return c.curve.weight() >= p.Needs }

// judgedBad reports whether the person leg alone colours the light.
func (c *crowd) judgedBad(p *PersonRules) bool { return c.yellow >= p.YellowEvidence }

// take holds one second against the usual curve. learn is whether the second
// may teach the curve. It returns how many people who had begun on green are
// now taken for vanished through the provider's fault.
func (c *crowd) take(p *PersonRules, b *Bucket, learn bool) (vanished float64) {
	k := c.at(b.Second)
	k.away += b.Started
	k.green += b.StartedGreen
	k.greenAway += b.StartedGreen

	var away, back [ageBins]float64
	for i := range c.cohorts {
		k := &c.cohorts[i]
		if age := b.Second - k.second; k.away > 0 && age >= 0 && age <= maxAge && !k.lost {
			away[ageBin[age]] += float64(k.away)
		}
	}
	h := c.curve.hazards()
	backBy, settled := usual(&h)
	var late float64
	for _, r := range b.Backs {
		late += c.arrive(r, b.Second, &back)
	}

	var yellow, red, due float64
	came := late
	last := ageBin[settled]
	for i := range h {
		came += back[i]
		if i > int(last) {
			continue // nearly nobody is expected any more
		}
		due += away[i] * h[i]
		still := max(away[i]-back[i], 0)
		yellow += back[i]*math.Log(p.YellowRatio) + still*math.Log((1-p.YellowRatio*h[i])/(1-h[i]))
		red += back[i]*math.Log(p.RedRatio) + still*math.Log((1-p.RedRatio*h[i])/(1-h[i]))
	}
	yellow += late * math.Log(p.YellowRatio)
	red += late * math.Log(p.RedRatio)
	c.pageDue, c.pageCame = c.pageDue+due, c.pageCame+came

	if !c.active(p) {
		yellow, red = 0, 0
	}
	if c.yellow == 0 {
		c.onset, c.due, c.came = b.Second, 0, 0
	}
	fade := math.Exp(-1 / p.Memory.Seconds())
	c.yellow = min(max(c.yellow*fade+min(yellow, p.MostPerSecond), 0), 1.5*p.YellowEvidence)
	c.red = min(max(c.red*fade+min(red, p.MostPerSecond), 0), 1.5*p.RedEvidence)
	c.due, c.came = c.due+due, c.came+came

	// Nothing is learned from a second that already speaks against the curve.
	if learn && c.yellow < p.YellowEvidence/2 {
		c.curve.learn(&away, &back, p.HalfLife)
	}
	if c.red >= p.RedEvidence {
		c.giveUp(b.Second, &backBy)
	}
	return c.settle(p, b.Second, settled, &backBy)
}

// giveUp no longer expects people who are away longer than half of them usually
// are: they have had their say, and must not speak against a page that works
// again.
func (c *crowd) giveUp(now int64, backBy *[maxAge + 1]float64) {
	var half int64
	for half < maxAge && (half < 10 || backBy[half] < 0.5*backBy[maxAge]) {
		half++
	}
	for i := range c.cohorts {
		if now-c.cohorts[i].second > half {
			c.cohorts[i].lost = true
		}
	}
}

// arrive takes returning people out of their cohort, or of a neighbour when the
// clocks of starting and returning disagree by a second. It returns how many were
// no longer expected.
func (c *crowd) arrive(r Back, now int64, back *[ageBins]float64) (late float64) {
	n, green := r.N, r.Green
	for _, second := range [...]int64{r.Start, r.Start + 1, r.Start - 1} {
		if second > now || now-second > maxAge {
			continue
		}
		k := c.at(second)
		got := min(n, k.away)
		gotGreen := min(green, k.greenAway)
		if k.lost {
			late += float64(got)
		} else {
			back[ageBin[now-second]] += float64(got)
		}
		k.away, k.greenAway = k.away-got, k.greenAway-gotGreen
		n, green = n-got, green-gotGreen
	}
	return late
}

// settle marks who is away while too few come back, and counts those of them
// who had begun on green, in excess of the usual, once hardly anybody is
// expected any more.
func (c *crowd) settle(p *PersonRules, now int64, settled int, backBy *[maxAge + 1]float64) (vanished float64) {
	bad := c.judgedBad(p)
	wait := int64(max(settled, 10))
	for i := range c.cohorts {
		k := &c.cohorts[i]
		age := now - k.second
		if k.green == 0 || age < 0 || age > maxAge {
			continue
		}
		if bad && k.away > 0 && k.second >= c.onset-int64(settled) {
			k.suspect = true
		}
		if k.suspect && !k.vanishCounted && age >= wait {
			k.vanishCounted = true
			vanished += max(float64(k.greenAway)-float64(k.green)*(1-backBy[age]), 0)
		}
	}
	return vanished
}

// blame marks who is still away since trouble began elsewhere: no server leg, or
// no page, has answered since then, and that closes the road to them as well. It
// needs no usual curve of its own, so it holds where logins are few.
func (c *crowd) blame(began, now int64) {
	h := c.curve.hazards()
	_, settled := usual(&h)
	for i := range c.cohorts {
		k := &c.cohorts[i]
		if k.away > 0 && k.second >= began-int64(settled) && k.second <= now {
			k.suspect = true
		}
	}
}

// pagesStart begins to count anew: a row of failed page probes begins.
func (c *crowd) pagesStart() { c.pageDue, c.pageCame = 0, 0 }

// contradictsPages reports whether people keep coming back although our probes
// of the page fail: then the probes are wrong.
func (c *crowd) contradictsPages() bool {
	return c.pageCame >= 5 && c.pageCame >= 0.5*c.pageDue
}

// forget drops the evidence and everybody away: the light was grey meanwhile.
func (c *crowd) forget() {
	for i := range c.cohorts {
		c.cohorts[i].lost = true
	}
	c.yellow, c.red, c.due, c.came = 0, 0, 0, 0
	c.pagesStart()
}
