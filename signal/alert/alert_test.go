package alert

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/signal"
	"sinho/store"
	"sinho/store/redistest"
)

func TestThreeNodesTellEachChangeOnce(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusOK)
		var n *node
		for range 3 {
			n = w.node(e.target())
		}
		w.begun(n)
		var want []string
		before := "green"
		for _, light := range []string{"yellow", "red", "grey", "yellow", "green", "red"} {
			w.shows("kakao green, naver " + light)
			want = append(want, "naver "+before+"-"+light)
			before = light
			e.hears(t, want...)
		}
		w.idle(n)
		ids := map[string]bool{}
		for _, r := range e.all() {
			ids[r.id] = true
		}
		if len(ids) != len(want) || len(e.all()) != len(want) {
			t.Errorf("got %d messages under %d ids, want %d", len(e.all()), len(ids), len(want))
		}
	})
}

func TestMessagesAreRetriedInTheirOrder(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusInternalServerError, http.StatusFound, http.StatusNotFound, http.StatusNoContent)
		n := w.node(e.target())
		w.begun(n)
		var once sync.Once
		e.then = func() { once.Do(func() { w.shows("naver red, kakao grey") }) } // while the first one fails
		w.shows("naver red, kakao green")
		e.hears(t, "naver green-red", "naver green-red", "naver green-red", "naver green-red", "kakao green-grey")
		w.idle(n)
		all := e.all()
		if all[0] != all[3] || all[3].id == all[4].id {
			t.Errorf("got %v, want the first message the same each time", all)
		}
		want := []string{"ops retry", "ops retry", "ops retry", "ops told", "ops told"}
		if d := cmp.Diff(want, w.told()); d != "" {
			t.Errorf("results (-want +got):\n%s", d)
		}
	})
}

func TestAnEndpointThatHangsHoldsUpNoOther(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		hangs, e := newEndpoint(t, http.StatusOK), newEndpoint(t, http.StatusOK)
		release := make(chan struct{})
		hangs.then = func() { <-release }
		n := w.node(hangs.target(func(t *Target) { t.ID = "hangs" }), e.target())
		w.begun(n, "hangs")
		w.shows("naver red, kakao green")
		redistest.Eventually(t, "one to hang", func() bool { return len(hangs.said()) == 1 })
		e.hears(t, "naver green-red")
		w.shows("naver red, kakao red")
		e.hears(t, "naver green-red", "kakao green-red")
		close(release)
		hangs.hears(t, "naver green-red", "kakao green-red")
		w.idle(n)
	})
}

func TestAnEndpointThatIsGoneIsLeftAlone(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusGone, http.StatusOK)
		n := w.node(e.target())
		w.begun(n)
		w.shows("naver red, kakao green")
		e.hears(t, "naver green-red")
		w.idle(n)
		w.shows("naver green, kakao green") // it may be there again
		e.hears(t, "naver green-red", "naver red-green")
		w.idle(n)
		if d := cmp.Diff([]string{"ops refused", "ops told"}, w.told()); d != "" {
			t.Errorf("results (-want +got):\n%s", d)
		}
	})
}

func TestAMessageOlderThanADayIsGivenUp(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusInternalServerError)
		n := w.node(e.target())
		w.begun(n)
		w.shows("naver red, kakao green")
		redistest.Eventually(t, "a first try", func() bool { return len(e.said()) > 0 })
		n.stop()
		w.ahead.Store(int64(giveUp + time.Hour))
		n = w.node(e.target())
		w.idle(n)
		if all := w.told(); all[len(all)-1] != "ops given_up" || len(e.said()) < 2 {
			t.Errorf("got %v, want it given up after a last try", all)
		}
	})
}

func TestQuietHoursEndInOneSummary(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e, other := newEndpoint(t, http.StatusOK), newEndpoint(t, http.StatusOK)
		day := time.Date(w.now().Year(), 1, 2, 20, 0, 0, 0, time.UTC)
		set := func(at time.Time) { w.ahead.Store(int64(time.Until(at))) }
		set(day)
		n := w.node(e.target(func(t *Target) { t.Quiet = night() }), other.target(func(t *Target) { t.ID = "loud" }))
		w.begun(n, "loud")
		set(day.Add(3 * time.Hour))
		var loud []string
		for _, s := range []struct{ board, said string }{
			{"naver red, kakao green", "naver green-red"}, {"naver red, kakao grey", "kakao green-grey"}, {"naver grey, kakao grey", "naver red-grey"}, {"naver grey, kakao green", "kakao grey-green"},
		} {
			w.shows(s.board)
			loud = append(loud, s.said)
			other.hears(t, loud...) // the speaker has seen it
		}
		if all := e.said(); all != nil {
			t.Errorf("got %v in quiet hours", all)
		}
		set(day.Add(12 * time.Hour))
		e.hears(t, "summary: naver green-grey")
		w.shows("naver green, kakao green")
		e.hears(t, "summary: naver green-grey", "naver grey-green")
		w.idle(n)
	})
}

// What waits when quiet hours begin waits for their end.
func TestWhatFailedBeforeQuietHoursIsSentAfterThem(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusInternalServerError, http.StatusOK)
		n := w.node(e.target())
		w.begun(n)
		var end time.Time
		var once sync.Once
		e.then = func() { // before it answers: they begin
			once.Do(func() {
				end = w.now().Add(400 * time.Millisecond)
				n.Use([]Target{e.target(func(t *Target) {
					t.Quiet = []signal.Maintenance{{From: end.Add(-time.Hour), To: end}}
				})})
			})
		}
		w.shows("naver red, kakao green")
		e.hears(t, "naver green-red", "naver green-red")
		if now := time.Now(); now.Before(end) {
			t.Errorf("it was sent %v before the end of quiet hours", end.Sub(now))
		}
		w.idle(n)
	})
}

// What a node measures by itself is no light; and as long as it does it leaves
// speaking to others.
func TestNobodySpeaksOfALightOfOneNodeAlone(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusOK)
		first := w.node(e.target())
		w.begun(first)
		first.store.alone.Store(true)
		before := w.looks.Load()
		redistest.Eventually(t, "it to have looked", func() bool { return w.looks.Load() >= before+2 })
		w.shows("naver red, kakao red")
		before = w.looks.Load()
		redistest.Eventually(t, "it to have looked again", func() bool { return w.looks.Load() >= before+5 })
		if all := e.said(); all != nil {
			t.Fatalf("got %v", all)
		}
		w.shows("naver green, kakao red")
		second := w.node(e.target())
		e.hears(t, "kakao green-red")
		second.stop()
		first.store.alone.Store(false)
		w.shows("naver green, kakao green")
		e.hears(t, "kakao green-red", "kakao red-green")
	})
}

func TestAlertsThatLoseTheirStoreGoOnWhenItIsBack(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusOK)
		n := w.node(e.target())
		w.begun(n)
		n.store.dead.Store(true)
		w.shows("naver red, kakao green")
		redistest.Eventually(t, "it to notice", func() bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.wrong
		})
		w.shows("naver red, kakao grey")
		n.store.dead.Store(false)
		e.hears(t, "naver green-red, kakao green-grey")
		w.idle(n)
	})
}

func TestALedgerOfAnotherVersionIsLeftAlone(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusOK)
		const newer = `{"v":2}`
		s := w.open()
		if _, err := s.Apply(t.Context(), ledgerShard("ops"), attempt(), true, store.Op{Kind: store.Put, Key: ledgerKey, Value: []byte(newer), TTL: time.Hour}); err != nil {
			t.Fatal(err)
		}
		n := w.node(e.target(), e.target(func(t *Target) { t.ID = "other" }))
		w.begun(n, "other")
		w.shows("naver red, kakao green")
		e.hears(t, "naver green-red") // the other one's
		if raw, err := s.Read(t.Context(), ledgerShard("ops"), ledgerKey); err != nil || string(raw) != newer {
			t.Errorf("got %s %v, want it as it was", raw, err)
		}
	})
}

func TestWithoutTargetsTheStoreIsLeftAlone(t *testing.T) {
	w := newWorld(t, func() kept { return nil })
	n := w.node()
	n.stop() // a call would have met a nil store
	if _, err := New(Config{}); err == nil {
		t.Error("alerts of nobody were made")
	}
}

func TestAnItemOfAnEndpointThatIsNotThereAnyMoreIsDropped(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusOK)
		n := w.node(e.target())
		w.begun(n)
		if err := n.again(t.Context(), "gone", w.now()); err != nil {
			t.Fatal(err)
		}
		w.idle(n)
		if all := e.said(); all != nil {
			t.Errorf("got %v", all)
		}
	})
}

// Attack: SSRF by where an alert is sent (CVE-2021-26715 and its like): by a
// redirect, or by a name that leads inside.
func TestAttackSSRFThroughAnAlert(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		var asked atomic.Int32
		inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		defer inside.Close()
		e := newEndpoint(t, http.StatusOK)
		leads := httptest.NewServer(http.RedirectHandler(inside.URL+"/admin", http.StatusTemporaryRedirect))
		defer leads.Close()
		n := w.node(
			e.target(func(t *Target) { t.URL = leads.URL }),
			e.target(func(t *Target) { t.ID, t.URL = "cloud", "http://169.254.169.254/latest/meta-data/" }),
			e.target(func(t *Target) { t.ID = "good" }),
		)
		n.http.Transport.(*http.Transport).Proxy = nil
		w.begun(n, "cloud", "good")
		w.shows("naver red, kakao green")
		e.hears(t, "naver green-red")
		redistest.Eventually(t, "both refused", func() bool {
			all := strings.Join(w.told(), ",")
			return strings.Contains(all, "ops retry") && strings.Contains(all, "cloud retry")
		})
		if n := asked.Load(); n != 0 {
			t.Errorf("got %d requests to where a redirect led, want none", n)
		}
	})
}
