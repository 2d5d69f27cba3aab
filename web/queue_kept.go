package web

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// A waiting room's page is asked for by everybody at once, and it too is the same
// for all but for a few values: it is kept as the chooser's parts are.

// own are the values of one person's, by their holes. An empty one is part of what
// the page looks like.
func (v *queueView) own() [holes]*string {
	return [holes]*string{
		holeSealed: &v.Login.Sealed, holeRef: &v.Login.Ref,
		holeFrame: &v.Frame, holeNumberAt: &v.NumberAt, holeLateAt: &v.LateAt, holePlaceAt: &v.PlaceAt, holeNow: &v.NowMS, holeOpens: &v.OpensMS,
		holeSpread: &v.Spread, holeReload: &v.Reload, holeNumber: &v.Number, holePlace: &v.Place, holeAhead: &v.Ahead, holeCalled: &v.Called,
		holePercent: &v.Percent, holeWaitKO: &v.Wait.KO, holeWaitEN: &v.Wait.EN, holeMovedKO: &v.Moved.KO, holeMovedEN: &v.Moved.EN,
		holeLeft: &v.Left, holeVerify: &v.Verify,
	}
}

// frameKey is everything the page without cards and certificates depends on, but
// for what goes into holes.
func (v *queueView) frameKey() string {
	var b strings.Builder
	for _, s := range []string{
		"queue", v.Lang, v.State, v.Site.KO, v.Site.EN, v.Room.KO, v.Room.EN, v.Notice.KO, v.Notice.EN, v.Name, v.Opens.KO, v.Opens.EN, v.Offer, v.Proof, v.At, v.Login.Site.ID,
	} {
		b.WriteString(s + "\x00")
	}
	for _, is := range []bool{v.Verified, v.Going, v.Early, v.Standing, v.InLate} {
		b.WriteString(strconv.FormatBool(is))
	}
	for _, s := range v.own() {
		b.WriteString(strconv.FormatBool(s == nil || *s == ""))
	}
	if v.Rota != nil {
		b.WriteString("\x00" + v.Rota.KO + "\x00" + v.Rota.EN)
	}
	b.WriteString("\x00" + v.Later)
	return b.String()
}

// showKeptQueue writes the page from kept parts; false: it cannot, and nothing has
// been written.
func (web *Web) showKeptQueue(w http.ResponseWriter, status int, v *queueView) bool {
	l := &v.Login
	if web.kept == nil || l.Agreement != nil || !inert(l.Sealed) || !inert(l.Ref) || !inert(v.Frame) || !inert(strings.ReplaceAll(v.Verify, " ", "")) {
		return false
	}
	marks := &web.kept.marks
	fill := filling{}
	render := func(what string, data any) func() ([]byte, error) {
		return func() ([]byte, error) {
			var buf bytes.Buffer
			err := web.pages["queue"].ExecuteTemplate(&buf, what, data)
			return buf.Bytes(), err
		}
	}
	for i := range v.Cards {
		p, err := web.kept.of("still\x00"+v.Cards[i].cardKey(), render("still", v.Cards[i]))
		if err != nil {
			return false
		}
		fill.parts[holeRoutes] = append(fill.parts[holeRoutes], p)
	}
	h := v.Held
	h.Sealed = marks[holeSealed]
	ticks, err := web.kept.of(v.Held.key(), render("held", h))
	if err != nil {
		return false
	}
	fill.parts[holeHeld] = []part{ticks}

	f := *v
	f.Slot, f.HeldSlot = marks[holeRoutes], marks[holeHeld]
	f.Self = strings.Replace(v.Self, l.Sealed, marks[holeSealed], 1)
	f.Switch = strings.Replace(v.Switch, l.Sealed, marks[holeSealed], 1)
	for i, s := range f.own() {
		if s != nil && *s != "" {
			fill.values[i], *s = *s, marks[i]
		}
	}
	frame, err := web.kept.of(v.frameKey(), render("layout.html", f))
	if err != nil {
		return false
	}
	page := web.kept.sent.Get().(*bytes.Buffer)
	defer web.kept.sent.Put(page)
	page.Reset()
	frame.fill(page, &fill)
	web.send(w, status, page.Bytes())
	return true
}
