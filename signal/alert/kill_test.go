package alert

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"sinho/store/redistest"
)

func TestANodeThatWasKilledLosesNothing(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusOK)
		first := w.node(e.target())
		w.begun(first)
		first.store.dead.Store(true)
		second := w.node(e.target())
		w.shows("naver red, kakao green")
		e.hears(t, "naver green-red")
		w.idle(second)
		e.hears(t, "naver green-red")
	})
}

func TestANodeKilledBetweenItsLedgerAndTheQueueLosesNothing(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusOK)
		first := w.hurried(func(_ *rhythm, m *mortal) {
			m.push = func() error {
				m.dead.Store(true)
				return errDead
			}
		}, e.target())
		w.begun(first)
		w.shows("naver red, kakao green")
		redistest.Eventually(t, "the first node to die", first.store.dead.Load)
		second := w.node(e.target())
		e.hears(t, "naver green-red")
		w.idle(second)
		e.hears(t, "naver green-red")
	})
}

func TestANodeKilledBetweenPushAndDeliveryLosesNothing(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusOK)
		first := w.hurried(func(_ *rhythm, m *mortal) { m.mute.Store(true) }, e.target())
		w.begun(first)
		w.shows("naver red, kakao green")
		redistest.Eventually(t, "an item in the queue", func() bool {
			n, _, err := first.store.Len(t.Context(), queue)
			return err == nil && n == 1
		})
		first.store.dead.Store(true)
		second := w.node(e.target())
		e.hears(t, "naver green-red")
		w.idle(second)
		e.hears(t, "naver green-red")
	})
}

// Whoever dies after the endpoint's answer and before it is written down has told
// it: the next one tells it once more, under the same id.
func TestANodeKilledAfterTheAnswerRepeatsTheSameMessage(t *testing.T) {
	stores(t, func(t *testing.T, w *world) {
		e := newEndpoint(t, http.StatusOK)
		first := w.hurried(func(r *rhythm, _ *mortal) { r.lease = 100 * time.Millisecond }, e.target())
		w.begun(first)
		var once sync.Once
		e.then = func() { once.Do(func() { first.store.dead.Store(true) }) }
		w.shows("naver red, kakao green")
		redistest.Eventually(t, "the first node to die", first.store.dead.Load)
		second := w.node(e.target())
		e.hears(t, "naver green-red", "naver green-red")
		w.idle(second)
		if all := e.all(); len(all) != 2 || all[0] != all[1] {
			t.Errorf("got %v, want one message twice", all)
		}
	})
}
