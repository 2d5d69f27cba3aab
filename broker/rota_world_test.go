package broker

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

var seoul = time.FixedZone("Asia/Seoul", 9*60*60)

// evening is when the window of the rota of these tests begins: 20:00 of the 9th
// of August 2021, for those born on a 9th, 19th or 29th; it ends on the 10th at
// 18:00.
var evening = time.Date(2021, 8, 9, 20, 0, 0, 0, seoul)

// nineOnly is a rota by hand: one window, and the same again ten days later, with
// ten minutes of grace. Who is born in 2010 or later never has a turn.
func nineOnly(name, born string, came, now time.Time) Verdict {
	if name != "vaccine" || len(born) != len("1990-05-09") || born >= "2010" {
		return Verdict{}
	}
	end := evening.Add(22 * time.Hour)
	in := func(t time.Time) bool { return !t.Before(evening) && t.Before(end) }
	if theirs := strings.HasSuffix(born, "9"); theirs && (in(now) || in(came) && now.Before(end.Add(10*time.Minute))) {
		return Verdict{Admitted: true}
	}
	return Verdict{Next: evening.AddDate(0, 0, 10), Until: end.AddDate(0, 0, 10)}
}

// rotaWorld is a world in which clinic goes by a rota, an hour into its window. The
// person of pass, and of naver, which is an agency here, was born on a 9th.
func rotaWorld(t testing.TB, changes ...func(*client.Client)) *world {
	t.Helper()
	w := newWorld(t, func(cfg *Config) {
		clinic := client.Client{
			ID: "clinic", Public: true, Name: providers.Text{KO: "의원", EN: "Clinic"}, RedirectURIs: []string{"https://clinic.example/cb"},
			Start: "https://clinic.example/start", MinAssurance: providers.Verified, Rota: "vaccine",
		}
		for _, change := range changes {
			change(&clinic)
		}
		withClients(t, cfg, clinic)
		naver := cfg.Providers[0].(redirector).vendor
		naver.info.Assurance = providers.Verified // an agency by redirect, for these tests
		naver.who.Assurance = providers.Verified
		cfg.Hooks.Rota = nineOnly
		cfg.Hooks.Today = func(name string, now time.Time) Today {
			return Today{Zone: seoul, Open: !now.Before(evening), Turns: []Turn{{Digit: 9, From: evening, To: evening.Add(22 * time.Hour)}}}
		}
		cfg.Post = func(http.ResponseWriter, *http.Request, *FormPost) {}
	})
	w.clock.add(evening.Add(time.Hour).Sub(w.clock.Now()))
	for _, v := range []*vendor{w.naver, w.pass} {
		v.who.Birthdate = "1990-05-09"
	}
	return w
}

// withClients has more of them than there are.
func withClients(t testing.TB, cfg *Config, more ...client.Client) {
	t.Helper()
	for c := range cfg.Clients.All() {
		if c.Native {
			c.Sector = ""
		}
		more = append(more, c)
	}
	var err error
	if cfg.Clients, err = client.NewRegistry(more...); err != nil {
		t.Fatal(err)
	}
}

func clinic(changes ...string) []string {
	return append([]string{"client_id", "clinic", "redirect_uri", "https://clinic.example/cb"}, changes...)
}

// born changes whom the providers have.
func (w *world) born(date string) {
	for _, v := range []*vendor{w.naver, w.pass} {
		v.set(func() { v.who.Birthdate = date })
	}
}

// wantTurn expects the page of whose turn it is not, and gives what it tells.
func (br *browser) wantTurn(s Step, err error) TurnedAway {
	br.w.t.Helper()
	if err != nil {
		br.w.t.Fatal(err)
	}
	u, err := url.Parse(s.Redirect)
	if err != nil || u.Path != "/turn" {
		br.w.t.Fatalf("got %+v, want /turn", s)
	}
	away, err := br.turn(u.Query().Get("r"))
	if err != nil {
		br.w.t.Fatal(err)
	}
	return away
}

func (br *browser) turn(r string) (TurnedAway, error) {
	return br.b.TurnedAway(br.request(http.MethodGet, "/turn", nil), r)
}

func (br *browser) turnBack(r string) (Step, error) {
	return br.step(http.MethodPost, "/turn", nil, func(w http.ResponseWriter, q *http.Request) (Step, error) {
		return br.b.TurnBack(w, q, r)
	})
}

// back is a return from naver.
func (br *browser) back(changes ...string) (Step, error) {
	br.w.t.Helper()
	to := must2(br.w.t)(br.begin(br.chooser(clinic(changes...)...), "naver", nil))
	return br.finish("naver", approve(br.w.t, to.Redirect))
}
