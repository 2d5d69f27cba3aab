package web

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/broker"
	"sinho/providers"
	"sinho/signal"
)

// TestAKeptChooserIsWhatWouldBeRendered shows random choosers to many people in
// a row, from kept parts and without, and compares the pages byte by byte.
func TestAKeptChooserIsWhatWouldBeRendered(t *testing.T) {
	const seed, people = 3, 600
	chance := rand.New(rand.NewPCG(seed, seed))
	now, board := noon, signal.Board{}
	flow := &fake{}
	build := func() *Web {
		web, err := New(Config{
			Flow: flow.flow(), Board: func() signal.Board { return board }, Now: func() time.Time { return now }, Version: "test",
			DemoContact: &providers.Contact{Name: "홍길동", Birthdate: "19900512", Phone: "01000000000"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return web
	}
	keeping, plain := build(), build()
	plain.kept = nil
	one := func(of []string) string { return oneOf(chance, of...) }
	for n := range people {
		if n%10 == 0 {
			now = now.Add(time.Duration(chance.IntN(3)) * time.Second)
			board = signal.Board{At: now, Local: chance.IntN(4) == 0}
			for _, id := range []string{"naver", "kakao", "toss"} {
				s := status(id, []signal.Light{signal.Green, signal.Yellow, signal.Red, signal.Grey}[chance.IntN(4)])
				s.Measured = chance.IntN(3) > 0
				board.Providers = append(board.Providers, s)
			}
		}
		l := someLogin()
		l.Sealed, l.Seed, l.Ref = fmt.Sprint("sealed-", n), fmt.Sprint("seed", n), fmt.Sprint("REF", n)
		l.Sealed += one([]string{"", "", "", `"><script>`, "+/="})
		l.Expires = oneOf(chance, time.Time{}, now.Add(90*time.Second), now.Add(20*time.Minute+time.Duration(n)*time.Millisecond))
		l.Site.Name = providers.Text{KO: one([]string{"한빛 예약", `<b>&"이름"`}), EN: one([]string{"", "Hanbit"})}
		l.Site.Start = one([]string{"", "https://booking.test/login?a=1&b=2"})
		l.Continue, l.Hint = chance.IntN(3) == 0, one([]string{"", "toss"})
		l.Routes = someRoutes()[:1+chance.IntN(3)]
		flow.login = l
		q := url.Values{"r": {l.Sealed}, "notice": {one([]string{"", "", broker.NoticeAgain, broker.NoticeContact, broker.NoticeOften, "nonsense"})}, "from": {one([]string{"", "naver", "toss"})}, "wait": {one([]string{"", "10", "80"})}}
		if lang := one([]string{"", "ko", "en"}); lang != "" {
			q.Set("lang", lang)
		}
		have := one([]string{"", "naver", "kakao.toss", "oidc"})
		agent := one([]string{"", "", "Mozilla/5.0 KAKAOTALK 10"})
		var got [2]string
		for i, web := range []*Web{keeping, plain} {
			r := httptest.NewRequest(http.MethodGet, "/login?"+q.Encode(), nil)
			r.Header.Set("User-Agent", agent)
			if have != "" {
				r.AddCookie(&http.Cookie{Name: heldCookie, Value: have})
			}
			w := httptest.NewRecorder()
			web.Handler().ServeHTTP(w, r)
			got[i] = fmt.Sprint(w.Code, w.Header(), w.Body)
		}
		if diff := cmp.Diff(got[1], got[0]); diff != "" {
			t.Fatalf("person %d, %s (-rendered +kept):\n%s", n, q.Encode(), diff)
		}
	}
	if n := len(keeping.kept.parts); n == 0 || n > mostKept {
		t.Errorf("%d parts are kept, want some and at most %d", n, mostKept)
	}
}

func oneOf[T any](chance *rand.Rand, of ...T) T { return of[chance.IntN(len(of))] }

// BenchmarkChooser shows one chooser to person after person.
func BenchmarkChooser(b *testing.B) {
	for _, how := range []string{"kept", "rendered"} {
		b.Run(how, func(b *testing.B) {
			flow := &fake{login: someLogin()}
			f := flow.flow()
			f.Resume = func(http.ResponseWriter, *http.Request, string) (broker.Login, error) { return flow.login, nil }
			web, err := New(Config{Flow: f, Board: allGreen(), Now: func() time.Time { return noon }})
			if err != nil {
				b.Fatal(err)
			}
			if how == "rendered" {
				web.kept = nil
			}
			h := web.Handler()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/login?r=x", nil))
			}
		})
	}
}
