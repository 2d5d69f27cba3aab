package operator

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/signal"
	"sinho/store"
	"sinho/store/embedded"
)

func open(t testing.TB, path string) store.Store {
	t.Helper()
	s, err := embedded.Open(path, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fresh(t testing.TB) store.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "sinho.db"))
}

// lamps note what a desk tells the lights of one node.
type lamps struct {
	mu   sync.Mutex
	said []string
}

func (l *lamps) apply(provider string, o *signal.Override) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case o == nil:
		l.said = append(l.said, provider+" back")
	case o.Disabled:
		l.said = append(l.said, provider+" disabled "+o.Reason.KO)
	default:
		l.said = append(l.said, provider+" grey "+o.Reason.KO)
	}
	return nil
}

func (l *lamps) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.said
	l.said = nil
	return all
}

func node(s store.Store) (*Desk, *lamps) {
	l := &lamps{}
	return NewDesk(Config{Store: s, Apply: l.apply, Known: func(id string) bool { return id == "kakao" || id == "naver" }}), l
}

func grey(id, provider, why string) Change {
	return Change{ID: id, Provider: provider, Do: Grey, Reason: signal.Text{KO: why, EN: why}, For: time.Hour, By: "jimin"}
}

func set(t *testing.T, d *Desk, c Change) {
	t.Helper()
	if err := d.Set(t.Context(), c); err != nil {
		t.Fatalf("set %+v: %v", c, err)
	}
}

func look(t *testing.T, d *Desk) {
	t.Helper()
	if err := d.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestAWordReachesEveryNodeOnceAndItsEnd(t *testing.T) {
	s := fresh(t)
	a, lampsA := node(s)
	b, lampsB := node(s)
	look(t, b)
	set(t, a, grey("one", "kakao", "점검"))
	same(t, "the node that wrote it, at once", lampsA.take(), []string{"kakao grey 점검"})
	look(t, b)
	look(t, b)
	same(t, "the other one, once", lampsB.take(), []string{"kakao grey 점검"})
	if w := b.Word("kakao"); w.By != "jimin" || w.ID != "one" || w.Until.Sub(w.At) != time.Hour {
		t.Errorf("got %+v, want jimin's word for an hour", w)
	}
	c := grey("two", "kakao", "장애")
	c.Seen, c.Do = "one", Disable
	set(t, b, c)
	same(t, "replaced on the node that wrote it", lampsB.take(), []string{"kakao disabled 장애"})
	look(t, a)
	same(t, "replaced on the other", lampsA.take(), []string{"kakao disabled 장애"})
	set(t, a, Change{ID: "three", Provider: "kakao", Do: Back, Seen: "two", By: "minsu"})
	look(t, a)
	look(t, b)
	same(t, "taken back here", lampsA.take(), []string{"kakao back"})
	same(t, "taken back there", lampsB.take(), []string{"kakao back"})
	if w := a.Word("kakao"); w.ID != "" {
		t.Errorf("got %+v, want no word", w)
	}
	all, _, err := a.Trail(t.Context(), Changes, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range all {
		got = append(got, fmt.Sprint(e.What, " ", e.Provider, " by ", e.By, " before ", e.Before != nil, " until ", e.Until != nil))
	}
	same(t, "trail", got, []string{
		"back kakao by minsu before true until false",
		"disable kakao by jimin before true until true",
		"grey kakao by jimin before false until true",
	})
}

func TestWordsSurviveARestartAndNewLightsAreToldBeforeAnybodyIsSent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sinho.db")
	s := open(t, path)
	d, _ := node(s)
	set(t, d, grey("one", "kakao", "점검"))
	s.Close()
	d, l := node(open(t, path))
	look(t, d)
	same(t, "after a restart", l.take(), []string{"kakao grey 점검"})
	other := &lamps{}
	d.Use(other.apply)
	same(t, "new lights, when Use returns", other.take(), []string{"kakao grey 점검"})
	look(t, d)
	same(t, "new lights, later", append(other.take(), l.take()...), nil)
}

func TestAWordThatIsOverIsNotToldAgain(t *testing.T) {
	s := fresh(t)
	a, _ := node(s)
	set(t, a, grey("one", "kakao", "점검"))
	set(t, a, grey("naver", "naver", "점검"))
	later := time.Now().Add(61 * time.Minute)
	l := &lamps{}
	d := NewDesk(Config{Store: s, Apply: l.apply, Now: func() time.Time { return later }})
	look(t, d)
	if said := l.take(); said != nil || d.Word("kakao").ID != "" {
		t.Errorf("got %v, %+v, want nothing told of a word that is over", said, d.Word("kakao"))
	}
	now := time.Now()
	d = NewDesk(Config{Store: s, Apply: l.apply, Now: func() time.Time { return now }})
	look(t, d)
	l.take()
	now = later
	look(t, d)
	same(t, "its end, which the lamp sees itself", l.take(), nil)
}

func TestEveryMistakeOfAChangeIsToldAtOnce(t *testing.T) {
	d, l := node(fresh(t))
	good := grey("id", "kakao", "점검")
	for _, tt := range []struct {
		name   string
		change func(*Change)
		want   []error
	}{
		{"no id", func(c *Change) { c.ID = "" }, []error{ErrID}},
		{"an unknown provider", func(c *Change) { c.Provider = "nobody" }, []error{ErrUnknownProvider}},
		{"an unknown action", func(c *Change) { c.Do = "paint" }, []error{ErrAction}},
		{"no reason at all", func(c *Change) { c.Reason = signal.Text{} }, []error{ErrReasonKO, ErrReasonEN}},
		{"blanks for a reason", func(c *Change) { c.Reason.EN = "  " }, []error{ErrReasonEN}},
		{"a reason too long", func(c *Change) { c.Reason.KO = strings.Repeat("가", 101) }, []error{ErrReasonLong}},
		{"a reason with lines", func(c *Change) { c.Reason.EN = "a\nb" }, []error{ErrReasonLong}},
		{"no time", func(c *Change) { c.For = 0 }, []error{ErrSpan}},
		{"too much time", func(c *Change) { c.For = 25 * time.Hour }, []error{ErrSpan}},
		{"everything", func(c *Change) { *c = Change{Do: Grey} }, []error{ErrID, ErrUnknownProvider, ErrReasonKO, ErrReasonEN, ErrSpan}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			err := d.Set(t.Context(), c)
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("got %v, want it to say %v", err, want)
				}
			}
		})
	}
	same(t, "told", l.take(), nil)
	if all, _, err := d.Trail(t.Context(), Changes, 0); len(all) != 0 || err != nil {
		t.Errorf("got %v, %v, want an empty trail", all, err)
	}
}

func TestTheSecondOperatorIsToldAndADoubleClickIsOneChange(t *testing.T) {
	s := fresh(t)
	a, _ := node(s)
	b, _ := node(s)
	set(t, a, grey("one", "kakao", "점검"))
	set(t, b, grey("one", "kakao", "점검"))
	if err := b.Set(t.Context(), grey("two", "kakao", "장애")); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
	if w := b.Word("kakao"); w.ID != "one" {
		t.Errorf("got %+v, want the loser to know the winner's word", w)
	}
	set(t, a, Change{ID: "three", Provider: "kakao", Do: Back, Seen: "one"})
	set(t, a, Change{ID: "three", Provider: "kakao", Do: Back, Seen: "one"})
	all, _, _ := a.Trail(t.Context(), Changes, 0)
	if len(all) != 2 {
		t.Errorf("got %d entries, want 2: %+v", len(all), all)
	}
}

func TestManyOperatorsLoseNothing(t *testing.T) {
	s := fresh(t)
	const many = 6
	var wg sync.WaitGroup
	var failed atomic.Int32
	for i := range many {
		wg.Go(func() {
			d := NewDesk(Config{Store: s})
			if err := d.Set(t.Context(), grey(fmt.Sprint("w", i), fmt.Sprint("p", i), "점검")); err != nil {
				t.Log(err)
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	d := NewDesk(Config{Store: s})
	look(t, d)
	words := 0
	for i := range many {
		if d.Word(fmt.Sprint("p", i)).ID == fmt.Sprint("w", i) {
			words++
		}
	}
	all, _, err := d.Trail(t.Context(), Changes, 0)
	if want := many - int(failed.Load()); words != want || len(all) != want || want == 0 || err != nil {
		t.Errorf("got %d words, %d entries (%v), %d refused, want all of %d either whole or refused", words, len(all), err, failed.Load(), many)
	}
}

// away is a store that can be gone.
type away struct {
	store.Store
	gone atomic.Bool
}

func (a *away) Read(ctx context.Context, shard store.Shard, key string) ([]byte, error) {
	if a.gone.Load() {
		return nil, fmt.Errorf("test: %w", store.ErrUnavailable)
	}
	return a.Store.Read(ctx, shard, key)
}

func (a *away) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	if a.gone.Load() {
		return nil, fmt.Errorf("test: %w", store.ErrUnavailable)
	}
	return a.Store.ReadAll(ctx, shard, keys...)
}

func TestWithoutTheStoreKnownWordsStayUntilTheyEnd(t *testing.T) {
	s := &away{Store: fresh(t)}
	now := time.Now()
	l := &lamps{}
	d := NewDesk(Config{Store: s, Apply: l.apply, Now: func() time.Time { return now }})
	set(t, d, grey("one", "kakao", "점검"))
	l.take()
	changed := d.Changed()
	s.gone.Store(true)
	if err := d.Look(t.Context()); !errors.Is(err, store.ErrUnavailable) || d.Lost().IsZero() {
		t.Errorf("got %v, lost %v, want it to be known", err, d.Lost())
	}
	select {
	case <-changed:
	default:
		t.Error("whoever waits was not woken")
	}
	if d.Word("kakao").ID != "one" || l.take() != nil {
		t.Error("the word is gone, want it to stay")
	}
	if err := d.Set(t.Context(), grey("two", "naver", "점검")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want the store's absence told", err)
	}
	now = now.Add(61 * time.Minute)
	if d.Word("kakao").ID != "" {
		t.Error("the word is still there after its end")
	}
	s.gone.Store(false)
	look(t, d)
	if !d.Lost().IsZero() {
		t.Error("the store is back and not found")
	}
}
