package web

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// A chooser is the same for everybody but for a few values and the order of its
// routes, and most of a login's processor time on pages went into saying it
// anew. So its parts are rendered once with marks where the person's own values
// go, and kept until the board, the site or the language is another: the frame,
// and each route's card. What a person has typed, and what a browser inside an
// app is told, is rendered for that person alone.

// mostKept bounds the parts in memory. When there are more, all are forgotten:
// those of a second ago are of no use.
const mostKept = 512

// part is HTML with holes.
type part struct {
	text  []string // one more than holes
	holes []hole
}

// hole is a value of one person's.
type hole uint8

const (
	holeSealed hole = iota
	holeSeed
	holeRef
	holeLeft
	holeLeftMS
	holeRoutes
	holeHeld
	// Of the waiting room alone.
	holeFrame
	holeNumberAt
	holeLateAt
	holePlaceAt
	holeNow
	holeOpens
	holeSpread
	holeReload
	holeNumber
	holePlace
	holeAhead
	holeCalled
	holePercent
	holeWaitKO
	holeWaitEN
	holeMovedKO
	holeMovedEN
	holeVerify
	holes
)

// kept are rendered parts by what they depend on.
type kept struct {
	marks [holes]string // random, so that no text can hold one by design
	sent  sync.Pool     // buffers of pages that have been sent

	mu    sync.Mutex // guards parts
	parts map[string]part
}

func newKept() *kept {
	k := &kept{parts: map[string]part{}, sent: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	for i := range k.marks {
		k.marks[i] = rand.Text()
	}
	return k
}

// of is the part of a key, rendered if it is not there.
func (k *kept) of(key string, render func() ([]byte, error)) (part, error) {
	k.mu.Lock()
	p, ok := k.parts[key]
	k.mu.Unlock()
	if ok {
		return p, nil
	}
	body, err := render()
	if err != nil {
		return p, err
	}
	p = k.cut(string(body))
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.parts) >= mostKept {
		clear(k.parts)
	}
	k.parts[key] = p
	return p, nil
}

// cut finds the marks.
func (k *kept) cut(body string) (p part) {
	for {
		at, which := len(body), holes
		for h, mark := range k.marks {
			if i := strings.Index(body, mark); i >= 0 && i < at {
				at, which = i, hole(h)
			}
		}
		p.text = append(p.text, body[:at])
		if which == holes {
			return p
		}
		p.holes = append(p.holes, which)
		body = body[at+len(k.marks[which]):]
	}
}

// filling is what goes into holes: values, and parts, which have holes too.
type filling struct {
	values [holes]string
	parts  [holes][]part
}

// fill writes the part.
func (p part) fill(out *bytes.Buffer, f *filling) {
	for i, h := range p.holes {
		out.WriteString(p.text[i])
		out.WriteString(f.values[h])
		for _, inner := range f.parts[h] {
			inner.fill(out, f)
		}
	}
	out.WriteString(p.text[len(p.text)-1])
}

// inert says that a value means nothing in HTML or a URL, so that escaping would
// leave it as it is.
func inert(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// frameKey is everything the chooser without its cards depends on, but for what
// goes into holes.
func (v *chooserView) frameKey() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%d\x00%d\x00%t%t%t%t%t%t",
		v.Lang, v.Site.KO, v.Site.EN, v.Host, v.Login.Site.Start, v.Favour, v.Failed, v.Epoch, v.AtMS,
		v.Local, v.AllShut, v.Expiring, v.Login.Continue, v.Login.Early, len(v.Cards) > 0)
	if v.Notice != nil {
		b.WriteString("\x00" + v.Notice.Code + "\x00" + v.Notice.From.KO + "\x00" + v.Notice.From.EN + "\x00" + v.Notice.Hint + "\x00" + v.Notice.Wait.KO)
	}
	if v.Rota != nil {
		b.WriteString("\x00" + v.Rota.KO + "\x00" + v.Rota.EN)
	}
	b.WriteString("\x00" + v.Later)
	for _, p := range v.Login.Routes {
		b.WriteString("\x00" + p.ID)
	}
	return b.String()
}

// cardKey is everything a card depends on, but for the sealed request.
func (c *card) cardKey() string {
	flags := 0
	for i, f := range []bool{c.Push, c.First, c.Shut, c.Open, c.Demo, c.Held} {
		if f {
			flags |= 1 << i
		}
	}
	return strings.Join([]string{
		"card", c.Lang, c.ID, c.Name.KO, c.Name.EN, c.Light, c.Why, c.Until, c.Planned, c.Notice,
		strconv.FormatFloat(c.Factor, 'g', -1, 64), strconv.Itoa(flags),
	}, "\x00")
}

// showKept writes the chooser from kept parts; false: it cannot, and nothing has
// been written. words adds what only rendering needs.
func (web *Web) showKept(w http.ResponseWriter, status int, v *chooserView, words func(*chooserView)) bool {
	own := [holes]string{
		holeSealed: v.Login.Sealed, holeSeed: v.Login.Seed, holeRef: v.Login.Ref,
		holeLeft: v.Left, holeLeftMS: v.LeftMS, holeNow: v.NowMS,
	}
	if web.kept == nil || v.InApp != nil || !inert(own[holeSealed]) || !inert(own[holeSeed]) || !inert(own[holeRef]) {
		return false
	}
	marks := &web.kept.marks
	routes := make([]part, 0, len(v.Cards))
	for i := range v.Cards {
		p, err := web.kept.of(v.Cards[i].cardKey(), func() ([]byte, error) {
			c := v.Cards[i]
			c.Sealed = marks[holeSealed]
			var buf bytes.Buffer
			err := web.pages["chooser"].ExecuteTemplate(&buf, "route", c)
			return buf.Bytes(), err
		})
		if err != nil {
			return false
		}
		routes = append(routes, p)
	}
	ticks, err := web.kept.of(v.Held.key(), func() ([]byte, error) {
		h := v.Held
		h.Sealed = marks[holeSealed]
		var buf bytes.Buffer
		err := web.pages["chooser"].ExecuteTemplate(&buf, "held", h)
		return buf.Bytes(), err
	})
	if err != nil {
		return false
	}
	frame, err := web.kept.of(v.frameKey(), func() ([]byte, error) {
		f := *v
		f.Self = strings.Replace(v.Self, v.Login.Sealed, marks[holeSealed], 1)
		f.Switch = strings.Replace(v.Switch, v.Login.Sealed, marks[holeSealed], 1)
		f.Login.Sealed, f.Login.Seed, f.Login.Ref = marks[holeSealed], marks[holeSeed], marks[holeRef]
		if !v.Login.Expires.IsZero() {
			f.Left, f.LeftMS = marks[holeLeft], marks[holeLeftMS]
		}
		f.NowMS, f.Slot, f.HeldSlot = marks[holeNow], marks[holeRoutes], marks[holeHeld]
		words(&f)
		var buf bytes.Buffer
		err := web.pages["chooser"].Execute(&buf, f)
		return buf.Bytes(), err
	})
	if err != nil {
		return false
	}
	page := web.kept.sent.Get().(*bytes.Buffer)
	defer web.kept.sent.Put(page)
	page.Reset()
	frame.fill(page, &filling{values: own, parts: [holes][]part{holeRoutes: routes, holeHeld: {ticks}}})
	web.send(w, status, page.Bytes())
	return true
}
