package broker

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/broker/client"
)

// told registers booking and school for back-channel logout and gives what they
// are told, in order; a failure in fail is what telling answers.
func told(endings *[]Ending, fail *error) func(*Config) {
	return func(cfg *Config) {
		var all []client.Client
		for c := range cfg.Clients.All() {
			if c.ID == "booking" || c.ID == "school" {
				c.BackchannelLogoutURI = "https://" + c.ID + ".example/backchannel"
			}
			c.Sector = "" // as registered, before defaults
			all = append(all, c)
		}
		var err error
		if cfg.Clients, err = client.NewRegistry(all...); err != nil {
			panic(err)
		}
		cfg.Hooks.Tell = func(_ context.Context, e Ending) error {
			if *fail != nil {
				return *fail
			}
			*endings = append(*endings, e)
			return nil
		}
	}
}

// twoSites is a browser with one session at booking and at school, and what
// both were given.
func twoSites(w *world) (br *browser, atBooking, atSchool tokens) {
	br = w.browser()
	atBooking = w.redeem(br.login("naver"))
	step := must2(w.t)(br.proceed(br.chooser(school()...)))
	rec := w.post("/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {query(w.t, step.Redirect).Get("code")}, "redirect_uri": {"https://school.example/cb?x=1"},
		"code_verifier": {verifier},
	}, "school", secret+"2")
	return br, atBooking, decode[tokens](w.t, rec)
}

func TestLogoutTellsEverySiteOfTheSessionOnceAndEndsWhatItGave(t *testing.T) {
	var endings []Ending
	var fail error
	w := newWorld(t, told(&endings, &fail))
	br, booking, pupil := twoSites(w)
	w.redeem(br.authorize()) // booking once more
	other := w.redeem(w.browser().login("naver"))
	unspent := query(t, br.authorize()).Get("code")

	w.store.waited()
	br.do(http.MethodGet, "/logout?id_token_hint="+booking.IDToken, nil)
	if n := w.store.waited(); n != 3 {
		t.Errorf("got %d store waits, want 3: session, list, and the change of both", n)
	}
	want := []Ending{
		{"booking", w.claims(booking).Subject, w.claims(booking).Session},
		{"school", w.claims(pupil).Subject, w.claims(pupil).Session},
	}
	slices.SortFunc(endings, func(a, b Ending) int { return strings.Compare(a.Client, b.Client) })
	if diff := cmp.Diff(want, endings); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	for name, tok := range map[string]tokens{"booking": booking, "school": pupil} {
		if rec := w.info(tok.Access); rec.Code != http.StatusUnauthorized {
			t.Errorf("%s's access token afterwards: got %d, want 401", name, rec.Code)
		}
	}
	if rec := w.info(other.Access); rec.Code != http.StatusOK {
		t.Errorf("another session of the same person: got %d, want 200", rec.Code)
	}
	rec := w.post("/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {unspent}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}, "booking", secret)
	if rec.Code != http.StatusBadRequest {
		t.Errorf("a code of the session that was not redeemed yet: got %d %s, want 400", rec.Code, rec.Body)
	}
}

// Attack: refresh token used after logout; a revocation error swallowed
// (CVE-2022-3916, GHSA-7mqr-2v3q-v2wm).
func TestAttackALogoutThatCannotTellOrDeleteSaysSo(t *testing.T) {
	var endings []Ending
	fail := errors.New("queue is away")
	w := newWorld(t, told(&endings, &fail))
	br := w.browser()
	tok := w.redeem(br.login("naver"))
	rec := br.do(http.MethodGet, "/logout?id_token_hint="+tok.IDToken, nil)
	if rec.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", rec.Code)
	}
	if got := br.authorize("prompt", "none"); !query(t, got).Has("code") {
		t.Errorf("the session is gone although nobody could be told: %s", got)
	}
	fail = nil
	br.do(http.MethodGet, "/logout?id_token_hint="+tok.IDToken, nil)
	if len(endings) != 1 || w.info(tok.Access).Code != http.StatusUnauthorized {
		t.Errorf("the second try: told %d, access token %d; want 1 and 401", len(endings), w.info(tok.Access).Code)
	}
}

func TestAPersonsListIsBoundedAndSaysNothing(t *testing.T) {
	w := newWorld(t)
	for range maxVisits + 3 {
		w.browser().login("naver")
	}
	var list []byte
	for key, r := range w.store.records {
		if strings.HasSuffix(key, "/"+listKey) {
			list = r.value
		}
	}
	if len(list) != maxVisits*w.b.entry {
		t.Fatalf("got a list of %d bytes, want %d entries of %d", len(list), maxVisits, w.b.entry)
	}
	for _, word := range []string{"booking", "naver", "홍길동"} {
		if strings.Contains(string(list), word) {
			t.Errorf("the list says %q", word)
		}
	}
}

func TestAListOfAnotherFormGivesWay(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	br.login("naver")
	for key, r := range w.store.records {
		if strings.HasSuffix(key, "/"+listKey) {
			r.value = []byte("what another version wrote")
			w.store.records[key] = r
		}
	}
	w.redeem(br.authorize())
	s, _ := br.b.session(br.request(http.MethodGet, "/", nil))
	l, err := br.b.owner(t.Context(), s)
	if err != nil || l == nil {
		t.Fatalf("got %v, %v", l, err)
	}
	visits, err := br.b.visits(t.Context(), s.Shard, l.person)
	if err != nil || len(visits) != 1 {
		t.Errorf("got %d visits, %v; want the one since", len(visits), err)
	}
}

func TestVisitsComeBackWhole(t *testing.T) {
	want := visit{Root: id{5}, Session: id{1}, Client: [8]byte{2}, At: time.Unix(1_800_000_000, 0), Until: time.Unix(1_800_000_700, 0), Provider: [8]byte{4}}
	var got visit
	if err := got.unmarshal(want.marshal()); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, p := range [][]byte{nil, {1}, make([]byte, visitSize)} {
		if got.unmarshal(p) == nil {
			t.Errorf("%d bytes of nothing pass", len(p))
		}
	}
}
