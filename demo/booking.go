package demo

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Booking is the booking site: log in, see who you are, take a slot.
type Booking struct {
	party *party
	slots *slots
}

// NewBooking makes the booking site. It speaks to the issuer when first needed.
func NewBooking(cfg SiteConfig) (*Booking, error) {
	p, err := newPages("booking", BookingKO, BookingEN, nil, "booking")
	if err != nil {
		return nil, err
	}
	site, err := newParty("booking", cfg, p)
	if err != nil {
		return nil, err
	}
	site.sources = lightsPolicy(origin(site.cfg.Issuer))
	return &Booking{party: site, slots: newSlots(site.now)}, nil
}

// lightsPolicy is what a page with <sinho-lights> must allow: the broker's script
// and badge, and its lights over HTTP and WebSocket.
func lightsPolicy(broker string) string {
	socket := "ws" + strings.TrimPrefix(broker, "http")
	return fmt.Sprintf("img-src 'self' data: %s; script-src %s; connect-src %s %s", broker, broker, broker, socket)
}

// Handler serves the whole site: / /login /callback /me /book /cancel /logout.
func (b *Booking) Handler() http.Handler {
	mux := http.NewServeMux()
	b.party.mount(mux)
	mux.HandleFunc("GET /{$}", b.home)
	mux.HandleFunc("POST /book", b.party.handle(b.book))
	mux.HandleFunc("POST /cancel", b.party.handle(b.cancel))
	return b.party.guard(mux)
}

type bookingView struct {
	In bool
	// Broker is where the lights come from.
	Broker string
	Who    person
	Days   []day
	Mine   *slot
	Full   bool // the slot just asked for is taken
	Taken  int
}

func (b *Booking) home(w http.ResponseWriter, r *http.Request) {
	s, in := b.party.session(r)
	v := bookingView{In: in, Broker: origin(b.party.cfg.Issuer), Full: r.URL.Query().Get("full") == "1"}
	if in {
		v.Who = s.Claims.person()
	}
	v.Days, v.Mine = b.slots.look(v.Who.Sub)
	b.party.pages.render(w, http.StatusOK, "booking", v)
}

// book takes a slot, giving back the one the person had.
func (b *Booking) book(w http.ResponseWriter, r *http.Request) error {
	s, in := b.party.session(r)
	if !in {
		return &trouble{status: http.StatusUnauthorized, say: sayings["login_required"]}
	}
	id := r.FormValue("slot")
	switch b.slots.take(id, s.Claims.text("sub")) {
	case slotUnknown:
		return &trouble{status: http.StatusBadRequest, say: saying{"그런 시간은 없어요. 목록에서 다시 골라 주세요.", "There is no such slot. Please pick one from the list."}, cause: fmt.Errorf("unknown slot %q", clip(id, 40))}
	case slotFull:
		http.Redirect(w, r, "/?full=1", http.StatusSeeOther)
	default:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
	return nil
}

func (b *Booking) cancel(w http.ResponseWriter, r *http.Request) error {
	s, in := b.party.session(r)
	if !in {
		return &trouble{status: http.StatusUnauthorized, say: sayings["login_required"]}
	}
	b.slots.giveBack(s.Claims.text("sub"))
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// clip shortens what a stranger sent before it goes into a log.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// weekday in Korean and English.
func weekday(t time.Time) (ko, en string) {
	return [...]string{"일", "월", "화", "수", "목", "금", "토"}[t.Weekday()], t.Format("Mon")
}
