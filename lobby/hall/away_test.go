package hall

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sinho/store"
)

// away is a store that goes away and comes back.
type away struct {
	store.Store
	gone  atomic.Bool
	asked atomic.Int64
}

func (a *away) Apply(ctx context.Context, shard store.Shard, id store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	if a.gone.Load() {
		return store.Outcome{}, store.ErrUnavailable
	}
	return a.Store.Apply(ctx, shard, id, durable, ops...)
}

func (a *away) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	a.asked.Add(1)
	if a.gone.Load() {
		return nil, store.ErrUnavailable
	}
	return a.Store.ReadAll(ctx, shard, keys...)
}

func TestAStoreThatIsAwayCallsNobodyNewAndTakesNoPlace(t *testing.T) {
	st := &away{Store: onBbolt(t)}
	s := scenes(t, st, 1, auto("main"))[0]
	s.wait(2)
	in, waiting := newDevice(), newDevice()
	in.waits(s, "shop", Login, false)
	s.crowd("shop", 40)
	first := waiting.seat(s, "shop")
	st.gone.Store(true)
	shown := s.plan.Load().rooms[0].hub.pushed.Load()
	s.wait(30)
	if again := s.plan.Load().rooms[0].hub.pushed.Load(); again == shown || again.jws != shown.jws {
		t.Error("watchers heard nothing for 30 s, or something new")
	}
	if pass := in.waits(s, "shop", Login, false); pass == nil {
		t.Error("who has a pass got none")
	}
	if again := waiting.seat(s, "shop"); again.Called || again.Number != first.Number || again.Frame == "" {
		t.Errorf("who waits: got number %d, called %v, want %d not called", again.Number, again.Called, first.Number)
	}
	if _, _, err := newDevice().enter(s, "shop", Login); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("who comes: got %v, want ErrUnavailable", err)
	}
	if _, err := s.Seat(httptest.NewRecorder(), newDevice().request("/queue"), "shop", [16]byte{9}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("who comes to the room: got %v, want ErrUnavailable", err)
	}
	if !s.Insights()[0].Away {
		t.Error("it is not said to be away")
	}
	st.gone.Store(false)
	s.wait(6)
	if again := waiting.seat(s, "shop"); !again.Called || s.Insights()[0].Away {
		t.Errorf("back: got called %v, away %v", again.Called, s.Insights()[0].Away)
	}
	if n := strings.Count(s.log.String(), "level="); n != 2 {
		t.Errorf("the log has %d lines, want away and back:\n%s", n, s.log)
	}
}

// deaf is a store that answers when whoever asks has given up.
type deaf struct{ store.Store }

func (deaf) Apply(ctx context.Context, _ store.Shard, _ store.Attempt, _ bool, _ ...store.Op) (store.Outcome, error) {
	<-ctx.Done()
	return store.Outcome{}, store.ErrUnavailable
}

func (deaf) ReadAll(ctx context.Context, _ store.Shard, _ ...string) ([][]byte, error) {
	<-ctx.Done()
	return nil, store.ErrUnavailable
}

func TestAStoreThatDoesNotAnswerHoldsUpNoSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scenes(t, deaf{}, 1, auto("a", "a"), auto("b", "b"), auto("c"))[0]
		began := time.Now()
		s.tick(t.Context())
		if took := time.Since(began); took >= time.Second {
			t.Errorf("a second took %v, want less", took)
		}
		began = time.Now()
		if _, _, err := newDevice().enter(s, "a", Login); !errors.Is(err, store.ErrUnavailable) || time.Since(began) >= time.Second {
			t.Errorf("got %v after %v, want ErrUnavailable within a second", err, time.Since(began))
		}
	})
}

func TestAStoreThatIsAwayFromTheBeginning(t *testing.T) {
	st := &away{Store: onBbolt(t)}
	st.gone.Store(true)
	s := scenes(t, st, 1, auto("main"))[0]
	for range 3 {
		if wait, _, err := newDevice().enter(s, "shop", Look); !wait || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got wait %v, %v, want ErrUnavailable", wait, err)
		}
	}
	if n := st.asked.Load(); n != 1 {
		t.Errorf("the store was asked %d times in a second, want once", n)
	}
	st.gone.Store(false)
	s.clock.Add(int64(time.Second))
	newDevice().waits(s, "shop", Look, true) // nobody is called before the first step
	s.wait(2)
	newDevice().waits(s, "shop", Look, false)
}
