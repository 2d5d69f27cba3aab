package broker

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sinho/broker/client"
	"sinho/providers"
	"sinho/store"
)

var errGone = fmt.Errorf("no store: %w", store.ErrUnavailable)

func TestWhoeverComesWaitsUntilTheyAreCalled(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	sealed := br.wantQueue(went(br.authorize()))
	l, err := br.resume(sealed)
	sealed = br.wantQueue(Step{Redirect: l.Queue}, err)
	q := br.queue(sealed)
	if q.Entrance.Client != "booking" || q.Entrance.Browser == [16]byte{} || q.Entrance.Purpose != EnterLook || q.Verified || q.MayVerify || !q.Opens.IsZero() {
		t.Errorf("got %+v, want who waits, and nothing else", q)
	}
	br.call("one")
	if l, err := br.resume(q.Sealed); err != nil || l.Queue != "" || len(l.Routes) == 0 {
		t.Fatalf("once called: got %+v (%v), want the chooser", l, err)
	}
	w.store.waited()
	to := must2(t)(br.begin(q.Sealed, "naver", nil))
	if r.count() != 0 {
		t.Error("the pass is spent before the login has come back")
	}
	s := must2(t)(br.finish("naver", approve(t, to.Redirect)))
	br.wantIn(s, nil)
	if n := w.store.waited(); n != 1 || r.count() != 1 {
		t.Errorf("got %d store waits and %d passes spent, want 1 and 1", n, r.count())
	}
	if r.entered != 1 || br.called() {
		t.Error("the room does not hear that its pass is of no more use")
	}
	w.redeem(s.Redirect)
}

func TestWithoutARoomNobodyIsAsked(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	q, err := br.queued(br.chooser())
	if err != nil || q.MayVerify || q.Verified || !q.Opens.IsZero() {
		t.Errorf("got %+v (%v), want a page that leads on", q, err)
	}
	br.wantQueue(br.early(q.Sealed))
}

func TestAProvidersFailureKeepsThePass(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	sealed := br.chooser()
	for _, failure := range []error{
		&providers.Error{Provider: "naver", Class: providers.Down, Code: "500"},
		&providers.Error{Provider: "naver", Class: providers.Cancelled, Code: "denied"},
		&providers.Error{Provider: "naver", Class: providers.BadCode, Code: "used"},
	} {
		w.naver.set(func() { w.naver.fail = failure })
		to := must2(t)(br.begin(sealed, "naver", nil))
		s := must2(t)(br.finish("naver", approve(t, to.Redirect)))
		sealed = sealedIn(t, s.Redirect)
	}
	if r.count() != 0 || !br.called() {
		t.Fatal("a login that failed has cost the pass")
	}
	to := must2(t)(br.begin(sealed, "kakao", nil))
	br.wantIn(br.finish("kakao", approve(t, to.Redirect)))
	if r.count() != 1 {
		t.Errorf("got %d passes spent, want 1", r.count())
	}
}

func TestAPushTakesItsPassAlongAndSoDoesAnotherOne(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	first := journeyOf(t, must2(t)(br.begin(br.chooser(), "pass", contact)))
	w.clock.add(draggingAt)
	again, err := br.step(http.MethodPost, "/wait/"+first+"/resend", nil, func(rw http.ResponseWriter, q *http.Request) (Step, error) {
		return br.b.Resend(rw, q, first)
	})
	second := journeyOf(t, must(t, again, err))
	if second == first {
		t.Fatal("not sent again")
	}
	w.pass.set(func() { w.pass.progress = providers.Approved })
	w.clock.add(time.Second)
	br.wantIn(br.waiting(second))
	if r.count() != 1 {
		t.Errorf("got %d passes spent, want 1", r.count())
	}
}

func TestAMistypedContactDoesNotGoToTheRoom(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	sealed := br.chooser()
	r.set(func() { r.asked = nil })
	s, err := br.begin(sealed, "pass", nil)
	w.wantNotice(s, err, NoticeContact)
	if len(r.asked) != 0 {
		t.Errorf("the room was asked for %v", r.asked)
	}
}

func TestOneCallbackTwiceSpendsOnce(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	to := must2(t)(br.begin(br.chooser(), "naver", nil))
	back := approve(t, to.Redirect)
	cookies := maps.Clone(br.cookies)
	first := br.wantIn(br.finish("naver", back))
	second := br.wantIn(br.finish("naver", back)) // from memory or the cookie
	if first != second || len(r.tries) != 1 {
		t.Errorf("got two codes or %d attempts, want one of each", len(r.tries))
	}
	// Another node, and a browser whose answer was lost; the provider gives its
	// identity twice.
	br.b, br.cookies = w.node(), cookies
	w.naver.set(func() { w.naver.spent = nil })
	br.wantIn(br.finish("naver", back))
	if len(r.tries) != 2 || r.tries[0] != r.tries[1] || r.count() != 1 {
		t.Errorf("got attempts %x, want the same one twice", r.tries)
	}
}

func TestTwoTabsWithOnePassGiveOneCode(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	one := must2(t)(br.begin(br.chooser(), "naver", nil))
	two := must2(t)(br.begin(br.chooser(), "kakao", nil))
	br.wantIn(br.finish("naver", approve(t, one.Redirect)))
	w.store.waited()
	back := approve(t, two.Redirect)
	sealed := br.wantQueue(br.finish("kakao", back))
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits by the broker, want none: no code, no session", n)
	}
	if len(r.refused) != 1 || !errors.Is(r.refused[0], ErrPassUsed) {
		t.Errorf("the room hears %v, want ErrPassUsed", r.refused)
	}
	// A reload, at once and late and on another node, leads there again.
	br.wantQueue(br.finish("kakao", back))
	w.clock.add(2 * time.Minute)
	br.b = w.node()
	br.wantQueue(br.finish("kakao", back))
	// Another pass, and the same request goes on.
	br.call("two")
	l, err := br.resume(br.queue(sealed).Sealed)
	if err != nil || l.Queue != "" {
		t.Fatalf("got %+v (%v), want the chooser", l.Queue, err)
	}
	to := must2(t)(br.begin(l.Sealed, "kakao", nil))
	br.wantIn(br.finish("kakao", approve(t, to.Redirect)))
}

// The same callback again is the same answer, and what the room has given the browser
// since is its own.
func TestAReloadOfACallbackTakesNothingNew(t *testing.T) {
	w, _ := roomWorld(t)
	br := w.browser()
	br.call("one")
	one := must2(t)(br.begin(br.chooser(), "naver", nil))
	two := must2(t)(br.begin(br.chooser(), "kakao", nil))
	in, out := approve(t, one.Redirect), approve(t, two.Redirect)
	code := br.wantIn(br.finish("naver", in))
	br.wantQueue(br.finish("kakao", out)) // the pass is used
	br.call("two")
	if again := br.wantIn(br.finish("naver", in)); again != code || !br.called() {
		t.Errorf("who is in: the same code %v, the new pass is there %v", again == code, br.called())
	}
	if br.wantQueue(br.finish("kakao", out)); !br.called() {
		t.Error("who waits: the new pass is gone")
	}
}

func TestADeadPassLeadsBackToTheRoom(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	to := must2(t)(br.begin(br.chooser(), "naver", nil))
	r.set(func() { r.fails = fmt.Errorf("spend: %w", ErrPassDead) })
	br.wantQueue(br.finish("naver", approve(t, to.Redirect)))
	if len(r.refused) != 1 || !errors.Is(r.refused[0], ErrPassDead) || br.called() {
		t.Errorf("the room hears %v, want ErrPassDead", r.refused)
	}
	if _, in := br.cookies[br.b.cookieName(cookieSession)]; in || len(w.store.records) != 0 {
		t.Error("something is kept of a login without a pass")
	}
}

func TestAStoreThatIsAwayCostsNobodyTheirTurn(t *testing.T) {
	for name, break1 := range map[string]struct{ on, off func(*world, *room) }{
		"the pass cannot be spent": {
			func(_ *world, r *room) { r.fails = errGone }, func(_ *world, r *room) { r.fails = nil },
		},
		"its answer is lost": {
			func(_ *world, r *room) { r.lost = errGone }, func(_ *world, r *room) { r.lost = nil },
		},
		"the room fails in its own way": {
			func(_ *world, r *room) { r.fails = errors.New("what?") }, func(_ *world, r *room) { r.fails = nil },
		},
		"the code cannot be written": {
			func(w *world, _ *room) { w.store.breaks(errGone) }, func(w *world, _ *room) { w.store.breaks(nil) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := roomWorld(t)
				br := w.browser()
				br.call("one")
				to := must2(t)(br.begin(br.chooser(), "naver", nil))
				break1.on(w, r)
				s, err := br.finish("naver", approve(t, to.Redirect))
				sealed := w.wantNotice(s, err, NoticeStore)
				break1.off(w, r)
				if !br.called() {
					t.Error("the pass is gone")
				}
				to = must2(t)(br.begin(sealed, "kakao", nil))
				br.wantIn(br.finish("kakao", approve(t, to.Redirect)))
				if r.count() != 1 {
					t.Errorf("got %d passes spent, want 1", r.count())
				}
				// That was for this request alone: another one is another attempt.
				br.call("one")
				to = must2(t)(br.begin(br.chooser("prompt", "select_account"), "kakao", nil))
				br.wantQueue(br.finish("kakao", approve(t, to.Redirect)))
			})
		})
	}
}

func TestARoomThatCannotBeAskedLetsNobodyBegin(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	br.wantIn(went(br.login("naver")))
	r.set(func() { r.away = errGone })
	to := br.authorize()
	if got := query(t, to).Get("notice"); got != NoticeStore {
		t.Fatalf("by a session: got %s, want the chooser with %s", to, NoticeStore)
	}
	s, err := br.begin(sealedIn(t, to), "naver", nil)
	w.wantNotice(s, err, NoticeStore)
	s, err = br.proceed(sealedIn(t, to))
	w.wantNotice(s, err, NoticeStore)
	if got := query(t, br.authorize("prompt", "none")).Get("error"); got != "temporarily_unavailable" {
		t.Errorf("in silence: got %q, want temporarily_unavailable", got)
	}
}

func TestAPersonWhoMustAgreeKeepsThePassUntilThen(t *testing.T) {
	w, r := roomWorld(t, func(cfg *Config) {
		withClients(t, cfg, client.Client{
			ID: "club", Public: true, Name: providers.Text{EN: "Club"}, RedirectURIs: []string{"https://club.example/cb"}, Consent: true,
		})
	})
	br := w.browser()
	br.call("one")
	s := must2(t)(br.enter("naver", "club"))
	sealed := w.wantNotice(Step{Redirect: s.Redirect}, nil, "")
	if r.count() != 0 || len(r.tries) != 0 || s.Proved == "" {
		t.Fatalf("got %d passes spent before the person has agreed", r.count())
	}
	br.wantIn(br.proceed(sealed))
	if r.count() != 1 {
		t.Errorf("got %d passes spent, want 1", r.count())
	}
	br.call("two")
	br.wantIn(went(br.authorize(siteAt("club")...))) // has agreed before
	if r.count() != 2 {
		t.Errorf("got %d passes spent, want 2", r.count())
	}
}

func TestWhoeverIsInOnAnotherDeviceKeepsThePass(t *testing.T) {
	w, _ := deviceWorld(t, client.DeviceRefuse)
	r := w.before(t)
	desk, hand := w.browser(), w.browser()
	desk.call("desk")
	desk.wantIn(desk.enter("naver", "clinic"))
	hand.call("hand")
	hand.wantHeld(hand.enter("kakao", "clinic"))
	if r.count() != 1 || !hand.called() {
		t.Fatalf("got %d passes spent, want the desk's alone", r.count())
	}
	w.clock.add(11 * time.Minute)
	hand.wantIn(hand.enter("kakao", "clinic"))
	if r.count() != 2 {
		t.Errorf("got %d passes spent, want 2", r.count())
	}
}

func TestTakingOverFromAnotherDeviceSpendsOnce(t *testing.T) {
	w, _ := deviceWorld(t, client.DeviceEndOlder)
	r := w.before(t)
	desk, hand := w.browser(), w.browser()
	desk.call("desk")
	desk.wantIn(desk.enter("naver", "clinic"))
	hand.call("hand")
	hand.wantIn(hand.enter("kakao", "clinic"))
	if r.count() != 2 || len(r.tries) != 2 {
		t.Errorf("got %d passes spent in %d attempts, want 2 in 2", r.count(), len(r.tries))
	}
}

func TestWhoseTurnItIsNotKeepsThePass(t *testing.T) {
	w := rotaWorld(t)
	r := w.before(t)
	w.born("1990-05-12")
	br := w.browser()
	br.call("one")
	br.wantTurn(br.back())
	if r.count() != 0 || !br.called() {
		t.Error("a person whose turn it is not has lost the pass")
	}
}

func TestARequestLivesAsLongAsPeopleWait(t *testing.T) {
	w, _ := roomWorld(t)
	br := w.browser()
	sealed := br.wantQueue(went(br.authorize()))
	began := w.clock.Now()
	w.clock.add(queueMost - 10*time.Minute) // the page was left alone
	if q := br.queue(sealed); !q.Expires.Equal(began.Add(queueMost)) {
		t.Errorf("got a request until %v, want %v", q.Expires, began.Add(queueMost))
	}
	br.call("one")
	// A provider fails late, and the next one still has the request.
	w.naver.set(func() { w.naver.fail = &providers.Error{Provider: "naver", Class: providers.Down} })
	to := must2(t)(br.begin(sealed, "naver", nil))
	s, err := br.finish("naver", approve(t, to.Redirect))
	sealed = w.wantNotice(s, err, NoticeFailed)
	to = must2(t)(br.begin(sealed, "kakao", nil))
	br.wantIn(br.finish("kakao", approve(t, to.Redirect)))
	w.clock.add(15 * time.Minute)
	_, err = br.queued(sealed)
	w.wantProblem(err, ProblemExpired)
}

func TestThePagesOfTheRoomAreForTheirBrowserAlone(t *testing.T) {
	w, _ := roomWorld(t)
	br, other := w.browser(), w.browser()
	sealed := br.wantQueue(went(br.authorize()))
	other.authorize()
	_, err := other.queued(sealed)
	w.wantProblem(err, ProblemOtherBrowser)
	_, err = other.early(sealed)
	w.wantProblem(err, ProblemOtherBrowser)
}

func TestEverybodyIsAskedForWhatTheyWant(t *testing.T) {
	w, r := roomWorld(t)
	br := w.browser()
	br.call("one")
	sealed := br.chooser()
	if _, err := br.resume(sealed); err != nil {
		t.Fatal(err)
	}
	to := must2(t)(br.begin(sealed, "naver", nil))
	br.wantIn(br.finish("naver", approve(t, to.Redirect)))
	br.wantQueue(went(br.authorize()))
	if want := []Purpose{EnterLook, EnterLook, EnterLogin, EnterSession}; !slices.Equal(r.asked, want) {
		t.Errorf("got %v, want %v", r.asked, want)
	}
}

func TestDoorsAreWholeOrNone(t *testing.T) {
	w := newWorld(t)
	w.cfg.Hooks.Doors = &Doors{}
	if _, err := New(w.cfg); err == nil {
		t.Error("half a waiting room was taken")
	}
}
