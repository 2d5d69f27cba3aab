package signal

import (
	"math"
	"slices"
)

// advice is what is recommended of one provider, and by what: part of its
// Capacity, so that all nodes have the same.
type advice struct {
	// backlog are logins on their way to it; doubt is how much of its light's
	// yellow is there already, 0..1, by what no capacity knows.
	backlog, doubt float64
	// unasked are the logins a second that begin there by habit, whatever the share.
	unasked float64
	// share is the part of new logins that should go there; 0 for all is none yet.
	share float64
}

// Recommend takes the recommendation one second further: each capacity's share of
// new logins becomes what evens out, within the horizon, how long all providers
// will be busy (docs/decisions/0033-recommendation.md). All stay as they are while
// none would move by clearly more than chance moves it. The capacities must have
// taken in the second already; statuses and bounds are of the same providers.
func Recommend(r Rules, statuses []Status, bounds []Bounds, capacities []Capacity) {
	room := Capacities(r, bounds, capacities)
	full := make([]float64, len(room))
	var demand, total float64
	for i := range room {
		c := &capacities[i]
		room[i] *= r.trust(statuses[i], c.advice.doubt)
		demand += c.Arrivals
		total += room[i]
	}
	ahead := r.Share.Horizon.Seconds()
	for i := range full {
		a := &capacities[i].advice
		a.learn(&r.Share, capacities[i].Arrivals, demand)
		full[i] = a.backlog + a.unasked*ahead
	}
	if total <= 0 {
		return // none can be chosen
	}
	amount := max(demand*r.Share.Follow*ahead, r.Share.Quiet)
	parts := waterfill(room, full, amount)
	moved := false
	for i := range parts {
		parts[i] /= amount
		moved = moved || r.moved(capacities[i].advice.share, parts[i], amount)
	}
	if !moved {
		return
	}
	for i := range parts {
		capacities[i].advice.share = parts[i]
	}
}

// learn takes what begins there beyond the share, of all that begins, as habit.
func (a *advice) learn(r *ShareRules, arrivals, demand float64) {
	if r.Habit <= 0 {
		return
	}
	unasked := max(arrivals-r.Follow*a.share*demand, 0)
	a.unasked += (unasked - a.unasked) * (1 - math.Exp2(-1/r.Habit.Seconds()))
}

// leastMove is a difference of shares that nobody would notice.
const leastMove = 0.005

// moved reports whether a share has changed by more than chance changes one when
// so many logins are divided. A new board for everybody is not worth less.
func (r *Rules) moved(from, to, amount float64) bool {
	return math.Abs(to-from) > max(r.Share.Step*math.Sqrt(min(from, to)/amount), leastMove)
}

// trust is the part of a capacity that its light, and doubt before it has turned,
// leave. Where the light's reason is about time, congestion has lowered the
// capacity itself: to weigh it as well would count it twice, and where nearly
// everything is in use the next light would turn by it, and then the next.
func (r *Rules) trust(s Status, doubt float64) float64 {
	w := r.weight(s.Light)
	if s.Light.Choosable() && slices.Contains(r.Share.Counted, s.Reason.Code) {
		w = r.GreenWeight
	}
	return min(w, r.GreenWeight-(r.GreenWeight-r.YellowWeight)*r.Share.Doubt*doubt)
}

// Advise sets every Status.Share as Recommend left it, without those that cannot
// be chosen, and within contracts (Limit); who can be chosen is never at none, or
// their order would say nothing. Where nothing has been recommended yet the shares
// go by capacity and light alone (Shares).
func Advise(r Rules, statuses []Status, bounds []Bounds, capacities []Capacity) {
	parts := make([]float64, len(statuses))
	var sum float64
	for i, s := range statuses {
		if s.Light.Choosable() {
			sum += capacities[i].advice.share
			parts[i] = max(capacities[i].advice.share, 1./shareGrain)
		}
	}
	if sum > 0 {
		publish(statuses, parts)
	} else {
		Shares(r, statuses, Capacities(r, bounds, capacities))
	}
	Limit(statuses, bounds, capacities)
}
