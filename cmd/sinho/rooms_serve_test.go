package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sinho/broker"
	"sinho/citizen"
	"sinho/lobby/hall"
)

const forcedRoom = `rooms:
  - {id: vaccine, name: {ko: 백신 예약}, clients: [booking], mode: forced, min_rate: 20}
`

// queueAt comes from the site, and must be led to the waiting room.
func (w *world) queueAt(ctx context.Context, b *citizen.Browser) *citizen.Page {
	w.t.Helper()
	page, err := b.Open(ctx, w.site.URL+"/login")
	if err != nil {
		w.t.Fatal(err)
	}
	if page.URL.Path != "/queue" || page.Status != http.StatusOK {
		w.t.Fatalf("got to %s (%d), want the waiting room", page.URL, page.Status)
	}
	return page
}

func (w *world) citizen() *citizen.Browser {
	return citizen.New(citizen.Config{Transport: w.client.Transport})
}

// A browser without JavaScript goes from the site through the room to a provider
// and back, and its pass is spent.
func TestPeopleGoThroughAForcedRoomOfARealNode(t *testing.T) {
	w := newWorld(t, "http")
	r, scrape := w.watched()
	r.reload(w.text(forcedRoom, `metrics_listen: ""`, "metrics_listen: "+w.aside.Addr().String()), "configuration taken")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	page := w.queueAt(ctx, w.citizen()) // looks, and goes away
	if !strings.Contains(page.Text(), "백신 예약") {
		t.Errorf("the page does not say what for:\n%s", page.Text())
	}
	b := w.citizen()
	for range 2 {
		out := citizen.Login(ctx, b, citizen.Walk{Start: w.site.URL + "/", Choose: citizen.Named("naver")})
		if !out.In {
			t.Fatalf("got %s (%v) at %v, want it in", out.Why, out.Err, out.Page.URL)
		}
		b = w.citizen()
	}
	got := parseScrape(t, scrape())
	got.want(t, `sinho_room_passes_total{outcome="spent",room="vaccine"}`, 2, 2)
	got.want(t, `sinho_room_passes_total{outcome="given",room="vaccine"}`, 2, 2)
	got.want(t, `sinho_room_tickets_total{outcome="given",room="vaccine"}`, 3, 3)
	got.want(t, `sinho_room_away{room="vaccine"}`, 0, 0)
	got.want(t, `sinho_room_open{room="vaccine"}`, 1, 1)
	got.want(t, `sinho_room_rate_per_second{room="vaccine"}`, 20, 1e6)

	if status, body := w.get("/rooms/vaccine"); status != http.StatusOK || strings.Count(body, ".") != 2 {
		t.Errorf("the frame: got %d %q, want a compact JWS", status, body)
	}
	if status, _ := w.get("/rooms/others"); status != http.StatusNotFound {
		t.Errorf("a room that there is not: got %d", status)
	}
	// Without the room everything is as before.
	r.reload(w.text("", `metrics_listen: ""`, "metrics_listen: "+w.aside.Addr().String()), "configuration taken")
	if out := w.login(ctx, citizen.Named("naver")); !out.In {
		t.Fatalf("without a room: got %s (%v), want it in", out.Why, out.Err)
	}
}

// Before the opening nothing gets in; whoever has verified early goes in by their
// session once it has come.
func TestNobodyGetsIntoARealNodeBeforeTheOpening(t *testing.T) {
	w := newWorld(t, "http")
	opens := time.Now().In(time.FixedZone("KST", 9*60*60)).Add(6 * time.Hour).Format("2006-01-02 15:04")
	w.write(w.text(strings.Replace(forcedRoom, "mode: forced", "opens: "+opens+", announced: 2021-01-01", 1)))
	r := w.serve()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := w.citizen()
	page := w.queueAt(ctx, b)
	self := page.URL.String()
	sealed := page.URL.Query().Get("r")
	// The form of the chooser, sent without it.
	resp, err := w.client.Post(w.public+"/login/naver", "application/x-www-form-urlencoded", strings.NewReader("r="+sealed))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("from no browser: got %d", resp.StatusCode)
	}
	out := citizen.Login(ctx, b, citizen.Walk{Start: self, Form: "#early", Choose: citizen.Named("naver")})
	if !out.In || out.Page.URL.Path != "/queue" {
		t.Fatalf("verifying early: got %s (%v) at %v, want the waiting room", out.Why, out.Err, out.Page.URL)
	}
	if _, verified := out.Page.TextOf("verified"); !verified {
		t.Errorf("the page does not say that the person is verified:\n%s", out.Page.Text())
	}
	page = w.queueAt(ctx, b) // again by the site, with the session
	if _, err := page.Form("#early"); err == nil {
		t.Error("verifying is offered to whoever has")
	}
	r.reload(w.text(forcedRoom), "configuration taken")
	out = citizen.Login(ctx, b, citizen.Walk{Start: w.site.URL + "/", Continue: true, Choose: citizen.Named("oidc")})
	if !out.In || len(out.Tries) != 0 {
		t.Fatalf("once it has opened: got %s (%v) after %d providers, want it in by the session", out.Why, out.Err, len(out.Tries))
	}
}

// A change of keys makes new rooms, which go on where the old ones were.
func TestRoomsOutliveAChangeOfKeys(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(forcedRoom))
	r := w.serve()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := w.citizen()
	w.queueAt(ctx, b)
	rotate(t, rotation{dir: filepath.Join(w.dir, "keys"), after: 0, force: true}, time.Now())
	r.reload(w.text(forcedRoom), "key taken")
	out := citizen.Login(ctx, b, citizen.Walk{Start: w.site.URL + "/", Choose: citizen.Named("naver")})
	if !out.In {
		t.Fatalf("got %s (%v), want it in", out.Why, out.Err)
	}
}

func TestThePurposesOfBrokerAndHallAreTheSame(t *testing.T) {
	for of, as := range map[broker.Purpose]hall.Purpose{
		broker.EnterLook: hall.Look, broker.EnterLogin: hall.Login, broker.EnterSession: hall.Session, broker.EnterEarly: hall.Early,
	} {
		if hall.Purpose(of) != as {
			t.Errorf("got %d for %d", hall.Purpose(of), as)
		}
	}
}
