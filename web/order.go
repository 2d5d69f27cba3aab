package web

import (
	"slices"

	"sinho/broker"
	"sinho/providers"
	"sinho/signal"
)

// How much of its share a route keeps for one person.
const (
	failedThere = 0.1 // where they have just been let down
	notHeld     = 0.1 // where they have no certificate, as far as the device knows
)

// arrange puts the routes of l into this person's own order: signal's, weighed by
// what the device remembers (h) and by where they were just let down, which does
// not come first while another route is green or yellow, and with the route that
// was asked for (favour) in front unless it is closed. The script on the page
// does the same with each new board; its epoch stays the one of the page, so
// that an open page moves only when the lights do.
func arrange(l broker.Login, board signal.Board, epoch int64, n broker.Notice, h held) []string {
	known := statuses(l.Routes, board)
	list := make([]signal.Status, 0, len(l.Routes))
	for _, p := range l.Routes {
		list = append(list, known[p.ID])
	}
	weight := weights(l, n, h)
	order := signal.Order(list, l.Seed, epoch, weight)
	if len(order) > 0 && order[0] == letDown(n) {
		if i := slices.IndexFunc(order[1:], func(id string) bool { return !known[id].Light.Worse(signal.Yellow) }); i >= 0 {
			order = front(order, i+1)
		}
	}
	if first := favour(l, n); first != "" && known[first].Light.Choosable() {
		order = front(order, slices.Index(order, first))
	}
	return order
}

// front moves the i-th to the front.
func front(order []string, i int) []string {
	id := order[i]
	return slices.Insert(slices.Delete(order, i, i+1), 0, id)
}

// statuses of the routes, by id. A route the board lacks is not yet measured
// and has an even share.
func statuses(routes []providers.Info, board signal.Board) map[string]signal.Status {
	all := make(map[string]signal.Status, len(routes))
	for _, p := range routes {
		all[p.ID] = signal.Status{ID: p.ID, Name: signal.Text(p.Name), Light: signal.Yellow, Share: 1 / float64(len(routes))}
	}
	for _, s := range board.Providers {
		if _, ok := all[s.ID]; ok {
			all[s.ID] = s
		}
	}
	return all
}

// weights are this person's own of each route (signal.Order). Where no
// certificate is known for any route of this request, all count the same.
func weights(l broker.Login, n broker.Notice, h held) func(id string) float64 {
	known, failed := h.among(l.Routes), letDown(n)
	return func(id string) float64 {
		c := 1.0
		if known && !h.has(id) {
			c = notHeld
		}
		if id == failed {
			c *= failedThere
		}
		return c
	}
}

// letDown is the route where this person has just been let down, "" for none.
func letDown(n broker.Notice) string {
	if sameAgain(n.Code) {
		return ""
	}
	return n.From
}

// favour is the route to put first whatever its share, "" for none: the one
// whose form wants mending or whose answer was lost, else the one the site asks
// for unless the person has just come back from it.
func favour(l broker.Login, n broker.Notice) string {
	if n.From != "" && sameAgain(n.Code) {
		return n.From
	}
	if l.Hint != n.From {
		return l.Hint
	}
	return ""
}

// sameAgain says that what happened is no reason to go elsewhere.
func sameAgain(code string) bool {
	return code == broker.NoticeContact || code == broker.NoticeAgain
}
