package broker

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"sinho/broker/client"
)

// Departed is the page after a log-out that some sites are told of in the
// person's browser (OpenID Connect Front-Channel Logout 1.0 §2, §3).
type Departed struct {
	Frames []string // to be loaded in frames nobody sees
	// To is where the person goes then: a site's registered URI, or "" for nowhere.
	To string
}

const (
	tagFrontFrame byte = iota + 1 // once for each
	tagFrontTo
)

// farewell is where a person goes who has logged out: at once, or by a page that
// tells sites on the way.
func (b *Broker) farewell(frames []string, to string) (string, error) {
	if len(frames) == 0 {
		return to, nil
	}
	f := newForm(512)
	for _, frame := range frames {
		f.text(tagFrontFrame, frame)
	}
	if to != loggedOut {
		f.text(tagFrontTo, to)
	}
	sealed, err := b.box.logout.Seal(f, b.now().Add(confirmTTL), b.issuer, "front")
	if err != nil {
		return "", err
	}
	return loggedOut + "?front=" + sealed, nil
}

// Departed opens the front of /logged-out?front=… The error is a *Problem.
func (b *Broker) Departed(_ *http.Request, front string) (Departed, error) {
	plain, err := b.box.logout.Open(front, b.now(), b.issuer, "front")
	var d Departed
	if err == nil {
		err = fields(plain, func(tag byte, v []byte) {
			switch tag {
			case tagFrontFrame:
				d.Frames = append(d.Frames, string(v))
			case tagFrontTo:
				d.To = string(v)
			}
		})
	}
	if err != nil {
		return Departed{}, b.fault(http.StatusBadRequest, ProblemTampered, err)
	}
	return d, nil
}

// frames are the addresses by which the sites among visits are told in the
// browser, each site once, the latest first, as many as an address can carry.
func (b *Broker) frames(visits []visit) (all []string) {
	told, size := map[string]bool{}, 0
	for i := len(visits) - 1; i >= 0 && len(all) < maxFrames; i-- {
		c, known := b.marked[visits[i].Client]
		if !known || c.FrontchannelLogoutURI == "" || told[c.ID] {
			continue
		}
		told[c.ID] = true
		frame := b.frame(c, visits[i].Root)
		if size += len(frame); size > maxFrameBytes {
			break
		}
		all = append(all, frame)
	}
	return all
}

func (b *Broker) frame(c client.Client, session id) string {
	if !c.FrontchannelSession {
		return c.FrontchannelLogoutURI
	}
	sep := "?"
	if strings.Contains(c.FrontchannelLogoutURI, "?") {
		sep = "&"
	}
	return c.FrontchannelLogoutURI + sep + url.Values{"iss": {b.issuer}, "sid": {b.sid(session, c.ID)}}.Encode()
}

// endHere ends the session of this browser and gives the frames by which its
// sites are told.
func (b *Broker) endHere(ctx context.Context, s *session, l *login) ([]string, error) {
	all, err := b.end(ctx, s.Shard, l.person, func(v *visit) bool { return v.Root == s.Root }, s.ID)
	if err != nil {
		return nil, err
	}
	return b.frames(all), nil
}
