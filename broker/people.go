package broker

import (
	"cmp"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"time"

	"sinho/broker/client"
)

// errCrowd: more people than the client allows have logged in with this browser.
var errCrowd = errors.New("too many people have logged in with this browser")

// met is somebody who was let in with a browser, at a client that counts people.
type met struct {
	Where [markSize]byte // the client, or its group
	Who   [8]byte        // of this browser alone: two devices of a person have nothing in common
	At    time.Time      // the last time
}

const metSize = markSize + 8 + 4

const tagPeople byte = 1

// who names a person among the people of the browser of q.
func (b *Broker) who(q *request, person []byte) (name [8]byte) {
	copy(name[:], b.pseudonym("people of a browser", string(q.Browser[:]), string(person)))
	return name
}

// whereOf is the same for the clients of a group.
func whereOf(c client.Client) [markSize]byte {
	return [markSize]byte(mark("people of " + cmp.Or(c.DeviceGroup, "client:"+c.ID)))
}

func marshalPeople(all []met) []byte {
	p := make([]byte, 0, len(all)*metSize)
	for _, m := range all {
		p = append(append(p, m.Where[:]...), m.Who[:]...)
		p = binary.BigEndian.AppendUint32(p, uint32(m.At.Unix())) //nolint:gosec // until 2106
	}
	f := newForm(len(p) + 8)
	f.bytes(tagPeople, p)
	return f
}

func unmarshalPeople(form []byte) (all []met, err error) {
	var p []byte
	if err := fields(form, func(tag byte, v []byte) {
		if tag == tagPeople {
			p = v
		}
	}); err != nil {
		return nil, err
	}
	if len(p)%metSize != 0 || len(p) > maxMet*metSize {
		return nil, errMalformed
	}
	for ; len(p) > 0; p = p[metSize:] {
		at := time.Unix(int64(binary.BigEndian.Uint32(p[markSize+8:])), 0)
		all = append(all, met{[markSize]byte(p), [8]byte(p[markSize:]), at})
	}
	return all, nil
}

// people are those who were let in with the browser of r within
// client.MostPeopleWindow, oldest first. A cookie that is no good, or another
// browser's, is nobody: whoever clears cookies is not held by this, and it is no
// more than that.
func (b *Broker) people(r *http.Request, browser id) []met {
	if !b.counting {
		return nil
	}
	c, err := r.Cookie(b.cookieName(cookiePeople))
	if err != nil || len(c.Value) > maxCookie {
		return nil
	}
	p, err := b.box.people.Open(c.Value, b.now(), b.issuer, browser.String())
	if err != nil {
		return nil
	}
	all, err := unmarshalPeople(p)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(m met) bool { return b.now().Sub(m.At) >= client.MostPeopleWindow })
}

// crowded: c has let in as many people from this browser as it does, and person is
// none of them.
func (b *Broker) crowded(q *request, c client.Client, person []byte) bool {
	if c.PeoplePerDevice == 0 {
		return false
	}
	name, where, others := b.who(q, person), whereOf(c), 0
	for _, m := range q.People {
		switch {
		case m.Where != where, b.now().Sub(m.At) >= c.PeopleWindow:
		case m.Who == name:
			return false
		default:
			others++
		}
	}
	return others >= c.PeoplePerDevice
}

// remember counts somebody who has got in at the client of q among the people of its
// browser, by a cookie on w. The zero name is nobody. Of too many, whoever was there
// longest ago is forgotten.
func (b *Broker) remember(w http.ResponseWriter, q *request, name [8]byte) error {
	c, known := b.clients.Lookup(q.Client)
	if !known || c.PeoplePerDevice == 0 || name == ([8]byte{}) {
		return nil
	}
	now := met{whereOf(c), name, b.now()}
	all := slices.DeleteFunc(slices.Clone(q.People), func(m met) bool { return m.Where == now.Where && m.Who == now.Who })
	all = append(all, now)
	all = all[max(0, len(all)-maxMet):]
	sealed, err := b.box.people.Seal(marshalPeople(all), b.now().Add(client.MostPeopleWindow), b.issuer, q.Browser.String())
	if err != nil {
		return err
	}
	http.SetCookie(w, b.cookie(cookiePeople, sealed, client.MostPeopleWindow))
	return nil
}
