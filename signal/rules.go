package signal

import "time"

// Rules are the numbers by which a light is judged. The zero value is not
// usable; begin with DefaultRules.
type Rules struct {
	// Objective is the absolute bound of a good server leg: t1 never exceeds it,
	// t2 never twice of it, however the baseline drifts.
	Objective time.Duration
	// SlowFloor and VerySlowFloor are the least t1 and t2.
	SlowFloor, VerySlowFloor time.Duration
	// The usual times are those of the last seven days (Week) from WeekNeeds legs on.
	// Until then they are what was learned lately: BaselineHalfLife is how fast that
	// forgets, and it is used from BaselineNeeds legs on. Both learn only while green.
	WeekNeeds        int64
	BaselineHalfLife time.Duration
	BaselineNeeds    float64

	// The window is ShortWindow seconds and grows to LongWindow until it holds
	// WindowNeeds observations.
	ShortWindow, LongWindow int
	WindowNeeds             int
	// EventsNeeded is how many slow or failed legs colour at least: one alone says
	// nothing, however quiet the hour.
	EventsNeeded int

	// Lower bounds of shares above which the light is at least that colour.
	YellowSlow, YellowErrors        float64
	RedSlow, RedVerySlow, RedErrors float64
	GreyErrors                      float64

	// The breaker: so many failures in a row with no success among them, over at
	// least this span; a row without news for BreakerForgets counts no more.
	BreakerFailures             int
	BreakerSpan, BreakerForgets time.Duration

	// StuckLegs in flight for longer than t1 make a light yellow while the newest
	// second had no good one: a hang, before it fills the window.
	StuckLegs int

	// Failed probes in a row, of the server legs and of the page.
	ProbesYellow, PagesYellow, PagesRed int

	// GreenNeeds is how many completed legs in the window say green; a green with
	// fewer is kept for GreenKeeps.
	GreenNeeds int
	GreenKeeps time.Duration

	// A light worsens to what WorsenTicks ticks in a row (1..4) agree on. It
	// improves by one step after CalmTicks that all say better, when it has stood
	// for Dwell and changed at most MaxChanges times in the last ChangeSpan. After
	// MostChanges (1..4) in that span it does not worsen either.
	WorsenTicks, CalmTicks  int
	Dwell                   time.Duration
	MaxChanges, MostChanges int
	ChangeSpan              time.Duration

	// A light that gets worse within RelapseSpan of an improvement stands for
	// RelapseDwell before the next one.
	RelapseSpan, RelapseDwell time.Duration

	// LiftRounds good rounds of probes in a row lift a grey light; where nothing
	// probes, LiftBlind does.
	LiftRounds int
	LiftBlind  time.Duration

	// ReasonEvery is how often the numbers of an unchanged reason are renewed.
	ReasonEvery time.Duration

	// Probes run at QuietPace with fewer than QuietBelow good legs in the long
	// window, and at SuspiciousPace while anything is wrong, or when people start
	// but no good leg is seen for SilenceFloor.
	QuietBelow                int
	QuietPace, SuspiciousPace time.Duration
	SilenceFloor              time.Duration

	Person   PersonRules
	Returns  ReturnRules
	Capacity CapacityRules
	Share    ShareRules

	// What a light leaves of a provider's capacity, unless its reason is one of
	// Share.Counted.
	GreenWeight, YellowWeight, RedWeight float64
}

// PersonRules judge people who were sent away and do not come back.
type PersonRules struct {
	// HalfLife of the usual return curve, learned only while green.
	HalfLife time.Duration
	// Needs is how many returns the curve must rest on before anything is judged.
	Needs float64
	// YellowRatio and RedRatio are the fractions of the usual returns the test
	// looks for; what it takes for a light to turn is a little more than these
	// (about 0.58 and 0.39).
	YellowRatio, RedRatio float64
	// YellowEvidence and RedEvidence are log likelihood ratios: e^evidence to one
	// against everything being as usual.
	YellowEvidence, RedEvidence float64
	// MostPerSecond bounds what one second can add, so that a short hiccup under
	// heavy traffic turns nothing.
	MostPerSecond float64
	// Memory is how fast evidence fades.
	Memory time.Duration
}

// ReturnRules hold the people of the last minutes against the same hour of the
// last seven days (docs/decisions/0034-baseline.md).
type ReturnRules struct {
	// HourNeeds is how many people must have gone in the same hours of the week.
	HourNeeds int64
	// People are judged Settle minutes after the one they left in: the newest
	// minutes, at least Least, until they hold Needs people, at most Most.
	Settle, Least, Most int64
	Needs               float64
	// The light is yellow when the one-sided upper bound at Z of the share that
	// came back is below Ratio of the usual one.
	Ratio, Z float64
}

// CapacityRules estimate what a provider takes (docs/decisions/0013-capacity.md).
type CapacityRules struct {
	// A provider is congested while most legs of the last Window seconds took
	// longer than Slower times the usual median, or some under way are older than
	// Older times the usual 90th percentile; below the floors nobody waits.
	Window              int
	Slower, Older       float64
	SlowFloor, OldFloor time.Duration
	// HalfLife is how fast a congested estimate moves to what completes, and
	// figures are smoothed.
	HalfLife time.Duration
	// MostHalfLife is how fast the most seen fades.
	MostHalfLife time.Duration
	// While not congested the estimate grows by Grow each second in which arrivals
	// are above Busy of it, else by Return.
	Busy, Grow, Return float64
	// Remember is how long after the last congestion an estimate counts as
	// measured.
	Remember time.Duration
	// Floor is the part of a capacity that is left at least, so that a recovery is
	// seen; Use the part of a measured one that is shared out; Grain the part by
	// which an estimate must change before shares follow.
	Floor, Use, Grain float64
}

// ShareRules divide new logins (docs/decisions/0033-recommendation.md).
type ShareRules struct {
	// Horizon is how far ahead shares look: logins that come back to a provider
	// within it are a load already, and those that begin within it are divided. 0
	// is not to look at what is on its way.
	Horizon time.Duration
	// Follow is the part of people taken to follow the first suggestion.
	Follow float64
	// Habit is the half-life of what begins at a provider whatever its share, which
	// is expected to go on; 0 is not to expect it.
	Habit time.Duration
	// Quiet is the least number of logins that are divided at once, so that one
	// person more or less at night changes little.
	Quiet float64
	// Doubt is how much of what yellow takes is taken by evidence that falls just
	// short of it.
	Doubt float64
	// Step is by how much one share must have moved for all to be published anew, in
	// standard deviations of the part of Quiet or more logins that it is.
	Step float64
	// Counted are the codes of reasons that are about time, which congestion has
	// measured already: a light that has one of them keeps its whole capacity.
	Counted []string
}

// DefaultRules are the numbers of docs/signal.md.
func DefaultRules() Rules {
	return Rules{
		Objective:        3 * time.Second,
		SlowFloor:        1 * time.Second,
		VerySlowFloor:    2 * time.Second,
		WeekNeeds:        300,
		BaselineHalfLife: 10 * time.Minute,
		BaselineNeeds:    50,
		ShortWindow:      10,
		LongWindow:       60,
		WindowNeeds:      30,
		EventsNeeded:     3,
		YellowSlow:       0.10,
		YellowErrors:     0.05,
		RedSlow:          0.60,
		RedVerySlow:      0.25,
		RedErrors:        0.20,
		GreyErrors:       0.60,
		BreakerFailures:  8,
		BreakerSpan:      2 * time.Second,
		BreakerForgets:   60 * time.Second,
		StuckLegs:        8,
		ProbesYellow:     3,
		PagesYellow:      3,
		PagesRed:         8,
		GreenNeeds:       10,
		GreenKeeps:       5 * time.Minute,
		WorsenTicks:      2,
		CalmTicks:        10,
		Dwell:            15 * time.Second,
		MaxChanges:       2,
		MostChanges:      4,
		ChangeSpan:       time.Minute,
		RelapseSpan:      45 * time.Second,
		RelapseDwell:     time.Minute,
		LiftRounds:       3,
		LiftBlind:        30 * time.Second,
		ReasonEvery:      10 * time.Second,
		QuietBelow:       30,
		QuietPace:        5 * time.Second,
		SuspiciousPace:   time.Second,
		SilenceFloor:     2 * time.Second,
		Person: PersonRules{
			HalfLife:       10 * time.Minute,
			Needs:          30,
			YellowRatio:    0.3,
			RedRatio:       0.1,
			YellowEvidence: 13,
			RedEvidence:    18,
			MostPerSecond:  2,
			Memory:         60 * time.Second,
		},
		Returns: ReturnRules{
			HourNeeds: 100,
			Settle:    2,
			Least:     2,
			Most:      10,
			Needs:     60,
			Ratio:     0.8,
			Z:         3,
		},
		Capacity: CapacityRules{
			Window:       5,
			Slower:       1.6,
			Older:        2,
			SlowFloor:    500 * time.Millisecond,
			OldFloor:     time.Second,
			HalfLife:     5 * time.Second,
			MostHalfLife: time.Hour,
			Busy:         0.7,
			Grow:         0.03,
			Return:       0.002,
			Remember:     time.Hour,
			Floor:        0.02,
			Use:          0.95,
			Grain:        0.15,
		},
		Share: ShareRules{
			Horizon: 6 * time.Second,
			Follow:  0.6,
			Habit:   20 * time.Second,
			Quiet:   50,
			Doubt:   1,
			Step:    2,
			Counted: []string{CodeSlow, CodeVerySlow, CodeRecovering},
		},
		GreenWeight:  1,
		YellowWeight: 0.25,
		RedWeight:    0.03,
	}
}
