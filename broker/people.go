package broker

import (
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"time"

	"sinho/broker/client"
)

// errCrowd: more people than the client allows have logged in with this browser.
var errCrowd = errors.New("too many people have logged in with this browser")

// met is somebody who has logged in with a browser.
type met struct {
	Who [8]byte // of this browser alone: two devices of a person have nothing in common
	At  time.Time
}

const metSize = 8 + 4

// who names a person among the people of the browser of q.
func (b *Broker) who(q *request, person []byte) (name [8]byte) {
	copy(name[:], b.pseudonym("people of a browser", string(q.Browser[:]), string(person)))
	return name
}

// people are those who have logged in with the browser of r within
// client.MostPeopleWindow, oldest first. A cookie that is no good, or another
// browser's, is nobody: whoever clears cookies is not held by this, and it is no
// more than that.
func (b *Broker) people(r *http.Request, browser id) (all []met) {
	if !b.counting {
		return nil
	}
	c, err := r.Cookie(b.cookieName(cookiePeople))
	if err != nil {
		return nil
	}
	p, err := b.box.people.Open(c.Value, b.now(), b.issuer, browser.String())
	if err != nil || len(p)%metSize != 0 || len(p) > maxMet*metSize {
		return nil
	}
	for ; len(p) > 0; p = p[metSize:] {
		at := time.Unix(int64(binary.BigEndian.Uint32(p[8:])), 0)
		if b.now().Sub(at) < client.MostPeopleWindow {
			all = append(all, met{[8]byte(p), at})
		}
	}
	return all
}

// crowded: c has let in as many people from this browser as it does, and person is
// none of them.
func (b *Broker) crowded(q *request, c client.Client, person []byte) bool {
	if c.PeoplePerDevice == 0 {
		return false
	}
	name, before := b.who(q, person), 0
	for _, m := range q.People {
		switch {
		case b.now().Sub(m.At) >= c.PeopleWindow:
		case m.Who == name:
			return before >= c.PeoplePerDevice
		default:
			before++
		}
	}
	return before >= c.PeoplePerDevice
}

// meeting is the cookie of a browser with which one more person has logged in, nil
// where nobody counts. Whoever was there before keeps their place and time: nobody
// makes room for others by coming again.
func (b *Broker) meeting(q *request, name [8]byte) (*http.Cookie, error) {
	if !b.counting {
		return nil, nil //nolint:nilnil // no cookie is none
	}
	all := q.People
	known := false
	for _, m := range all {
		known = known || m.Who == name
	}
	if !known {
		all = append(slices.Clip(all), met{name, b.now()})
	}
	all = all[max(0, len(all)-maxMet):]
	form := make([]byte, 0, len(all)*metSize)
	for _, m := range all {
		form = binary.BigEndian.AppendUint32(append(form, m.Who[:]...), uint32(m.At.Unix())) //nolint:gosec // until 2106
	}
	sealed, err := b.box.people.Seal(form, b.now().Add(client.MostPeopleWindow), b.issuer, q.Browser.String())
	if err != nil {
		return nil, err
	}
	return b.cookie(cookiePeople, sealed, client.MostPeopleWindow), nil
}
