package broker

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"sinho/providers"
)

// phase is how far a journey is; see the package comment.
type phase uint8

const (
	phaseAway     phase = iota + 1 // at the provider
	phasePushed                    // a phone is being asked
	phaseFinished                  // answered with a code
	phaseOver                      // led back to the chooser
)

// journey is one way to one provider, sealed in a cookie of its own. A journey
// that has ended stays for its time to repeat its answer, so that a reload or
// the back button keeps the request.
type journey struct {
	ID       id
	Request  request
	Provider string
	Phase    phase
	Began    time.Time
	Expires  time.Time
	Nonce    string // away, pushed
	Verifier string // away, pushed
	Light    string // away, pushed
	Pending  providers.Pending
	Contact  providers.Contact // pushed: to send it again
	Resent   bool              // pushed: it is not the first
	Code     string            // finished
	Until    time.Time         // finished: the code's end
	Notice   string            // over
	Next     id                // over: the journey of the push that was sent instead
	Pass     []byte            // away, pushed: of a waiting room
	Queued   bool              // over: led to the waiting room
	Again    bool              // away: it follows one whose proof was lost
	Payer    id                // away: that one, by whose attempt the pass is spent

	Back time.Time // never sealed: when the person came back, in the request that saw it
}

const (
	tagJourney byte = iota + 1
	tagJourneyRequest
	tagJourneyProvider
	tagJourneyPhase
	tagJourneyBegan
	tagJourneyExpires
	tagJourneyNonce
	tagJourneyVerifier
	tagJourneyLight
	tagPendingRef
	tagPendingOpaque
	tagPendingExpires
	tagJourneyCode
	tagJourneyUntil
	tagJourneyNotice
	tagContactName
	tagContactBirthdate
	tagContactPhone
	tagJourneyResent
	tagJourneyNext
	tagJourneyPass
	tagJourneyQueued
	tagJourneyAgain
	tagJourneyPayer
)

func (j *journey) marshal() []byte {
	req := j.Request.marshal()
	f := newForm(len(req) + 512)
	f.bytes(tagJourney, j.ID[:])
	f.bytes(tagJourneyRequest, req)
	f.text(tagJourneyProvider, j.Provider)
	f.number(tagJourneyPhase, int64(j.Phase))
	f.number(tagJourneyBegan, j.Began.UnixMilli())
	f.time(tagJourneyExpires, j.Expires)
	f.text(tagJourneyNonce, j.Nonce)
	f.text(tagJourneyVerifier, j.Verifier)
	f.text(tagJourneyLight, j.Light)
	f.text(tagPendingRef, j.Pending.Ref)
	f.text(tagPendingOpaque, j.Pending.Opaque)
	f.time(tagPendingExpires, j.Pending.Expires)
	f.text(tagJourneyCode, j.Code)
	f.time(tagJourneyUntil, j.Until)
	f.text(tagJourneyNotice, j.Notice)
	f.text(tagContactName, j.Contact.Name)
	f.text(tagContactBirthdate, j.Contact.Birthdate)
	f.text(tagContactPhone, j.Contact.Phone)
	f.flag(tagJourneyResent, j.Resent)
	if j.Next != (id{}) {
		f.bytes(tagJourneyNext, j.Next[:])
	}
	f.bytes(tagJourneyPass, j.Pass)
	f.flag(tagJourneyQueued, j.Queued)
	f.flag(tagJourneyAgain, j.Again)
	f.id(tagJourneyPayer, j.Payer)
	return f
}

func (j *journey) unmarshal(p []byte) error {
	*j = journey{}
	var inner error
	err := fields(p, func(tag byte, v []byte) {
		switch tag {
		case tagJourney:
			j.ID.read(v)
		case tagJourneyRequest:
			inner = j.Request.unmarshal(v)
		case tagJourneyProvider:
			j.Provider = string(v)
		case tagJourneyPhase:
			j.Phase = phase(number(v) & 0xff)
		case tagJourneyBegan:
			j.Began = time.UnixMilli(number(v))
		case tagJourneyExpires:
			j.Expires = moment(v)
		case tagJourneyNonce:
			j.Nonce = string(v)
		case tagJourneyVerifier:
			j.Verifier = string(v)
		case tagJourneyLight:
			j.Light = string(v)
		case tagPendingRef:
			j.Pending.Ref = string(v)
		case tagPendingOpaque:
			j.Pending.Opaque = string(v)
		case tagPendingExpires:
			j.Pending.Expires = moment(v)
		case tagJourneyCode:
			j.Code = string(v)
		case tagJourneyUntil:
			j.Until = moment(v)
		case tagJourneyNotice:
			j.Notice = string(v)
		case tagContactName:
			j.Contact.Name = string(v)
		case tagContactBirthdate:
			j.Contact.Birthdate = string(v)
		case tagContactPhone:
			j.Contact.Phone = string(v)
		case tagJourneyResent:
			j.Resent = flagged(v)
		case tagJourneyNext:
			j.Next.read(v)
		case tagJourneyPass:
			j.Pass = v
		case tagJourneyQueued:
			j.Queued = flagged(v)
		case tagJourneyAgain:
			j.Again = flagged(v)
		case tagJourneyPayer:
			j.Payer.read(v)
		}
	})
	switch {
	case err != nil:
		return err
	case inner != nil:
		return inner
	case j.Request.Client == "" || j.Provider == "":
		return errMalformed
	}
	return nil
}

// payer is the journey by whose attempt j spends its pass.
func (j *journey) payer() id {
	if j.Payer != (id{}) {
		return j.Payer
	}
	return j.ID
}

// ended is j as it stays behind: only what repeats its answer.
func (j *journey) ended() journey {
	return journey{ID: j.ID, Request: j.Request, Provider: j.Provider, Began: j.Began, Expires: j.Expires}
}

func (n id) String() string { return base64.RawURLEncoding.EncodeToString(n[:]) }

func parseID(s string) (n id, ok bool) {
	if !isRandom(s) {
		return n, false
	}
	raw, err := strict64.DecodeString(s)
	if err != nil {
		return n, false
	}
	return id(raw), true
}

// journeyName is the cookie's name: enough of the id to find it.
func journeyName(n id) string { return cookieJourney + n.String()[:8] }

// journeyCookie seals j into its cookie.
func (b *Broker) journeyCookie(j *journey) (*http.Cookie, error) {
	sealed, err := b.box.journey.Seal(j.marshal(), j.Expires, b.issuer)
	if err != nil {
		return nil, err
	}
	return b.cookie(journeyName(j.ID), sealed, j.Expires.Sub(b.now())), nil
}

// findJourney opens the cookie of one journey in this browser.
func (b *Broker) findJourney(r *http.Request, n id) (j journey, found bool) {
	for _, c := range r.CookiesNamed(b.cookieName(journeyName(n))) {
		plain, err := b.box.journey.Open(c.Value, b.now(), b.issuer)
		if err == nil && j.unmarshal(plain) == nil && equal(j.ID[:], n[:]) {
			j.Request.People = b.people(r, j.Request.Browser)
			return j, true
		}
	}
	return journey{}, false
}

// keepJourney sets the cookie of a new journey and makes room for it: at most
// maxJourneys in a browser, and all cookies together below what servers take.
// Those that ended go first, then the oldest.
func (b *Broker) keepJourney(w http.ResponseWriter, r *http.Request, add *http.Cookie) {
	type kept struct {
		name string
		size int
		over bool
		at   time.Time
	}
	prefix := b.cookieName(cookieJourney)
	var have []kept
	total := len(add.Name) + len(add.Value)
	for i, c := range r.Cookies() {
		if i >= 64 { // nobody honest has as many
			break
		}
		switch {
		case c.Name == add.Name:
			continue
		case strings.HasPrefix(c.Name, prefix):
			k := kept{name: c.Name, size: len(c.Name) + len(c.Value)}
			var j journey
			if plain, err := b.box.journey.Open(c.Value, b.now(), b.issuer); err == nil && j.unmarshal(plain) == nil {
				k.at, k.over = j.Began, j.Phase >= phaseFinished
			}
			have = append(have, k)
			total += k.size
		case c.Name == b.cookieName(cookieSession), c.Name == b.cookieName(cookieBrowser), c.Name == b.cookieName(cookiePeople):
			total += len(c.Name) + len(c.Value)
		}
	}
	slices.SortFunc(have, func(a, b kept) int {
		if a.over != b.over {
			if a.over {
				return -1
			}
			return 1
		}
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.name, b.name))
	})
	for len(have) > 0 && (len(have) >= maxJourneys || total > maxCookies) {
		http.SetCookie(w, b.cookie(strings.TrimPrefix(have[0].name, b.cookieName("")), "", 0))
		total -= have[0].size
		have = have[1:]
	}
	http.SetCookie(w, add)
}
