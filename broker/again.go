package broker

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sinho/providers"
)

// askAgain leads somebody whose proof is lost to the same provider once more: it
// was spent there by a node that has died since, or whose answer never arrived. The
// browser would hold another journey's end if it had been answered. The provider
// knows the person by now, so mostly they see nothing of it. false: one tap more is
// better, because this was the second time, because the provider would ask for a
// password again, or because it takes no proof from anybody (asks).
func (b *Broker) askAgain(w http.ResponseWriter, r *http.Request, j *journey) (Step, bool) {
	to, is := b.providers[j.Provider].(providers.Redirector)
	c, known := b.clients.Lookup(j.Request.Client)
	info := b.infos[j.Provider]
	if !is || !known || j.Again || j.Request.fresh() || b.disabled(j.Provider) || !meets(info, &j.Request, c) || !b.asks.spend(j.Provider, b.now()) {
		return Step{}, false
	}
	next, ask, err := b.newJourney(&j.Request, info)
	if err != nil {
		return Step{}, false
	}
	next.Pass, next.Again, next.Payer = j.Pass, true, j.ID
	url, err := to.AuthURL(r.Context(), ask)
	if err != nil {
		return Step{}, false
	}
	end := j.ended()
	end.Phase, end.Notice = phaseOver, NoticeAgain
	over, err := b.journeyCookie(&end)
	if err != nil {
		return Step{}, false
	}
	cookie, err := b.journeyCookie(&next)
	if err != nil || len(cookie.Name)+len(cookie.Value) > maxCookie {
		return Step{}, false
	}
	http.SetCookie(w, over)
	b.keepJourney(w, r, cookie)
	b.started(&next)
	b.log(r.Context(), slog.LevelInfo, "provider asked again", j.Request.Ref, NoticeAgain, nil, slog.String("provider", j.Provider))
	return Step{Redirect: url}, true
}

// What a provider is asked again on one node: as many at once as are under way when
// another node dies, and then one a second, so that one that refuses everybody is
// not asked twice for each.
const (
	asksAtOnce    = 50
	asksPerSecond = 1
)

// asks is how often providers may still be asked again. It is safe for concurrent
// use; the zero value is ready.
type asks struct {
	mu   sync.Mutex // guards what follows
	used map[string]spending
}

// spending is what was used of a provider's, and when it was reckoned.
type spending struct {
	used float64
	at   time.Time
}

// spend takes one, if there is one.
func (a *asks) spend(provider string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.used == nil {
		a.used = map[string]spending{}
	}
	s := a.used[provider]
	s.used, s.at = max(0, s.used-asksPerSecond*max(0, now.Sub(s.at).Seconds())), now
	can := s.used+1 <= asksAtOnce
	if can {
		s.used++
	}
	a.used[provider] = s
	return can
}
