package live

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/signal"
)

// clockwork is lights and their feed, by a clock that a test sets.
type clockwork struct {
	*Live
	at     atomic.Int64 // nanoseconds since the epoch
	signed atomic.Int64 // how often
	fails  atomic.Bool
	feed   http.Handler
}

func newClockwork(t *testing.T) *clockwork {
	t.Helper()
	c := &clockwork{}
	c.at.Store(time.Date(2026, 7, 1, 20, 0, 0, 0, time.UTC).UnixNano())
	var err error
	c.Live, err = New(Config{
		Providers: []Provider{{ID: "naver"}, {ID: "kakao"}}, Now: func() time.Time { return time.Unix(0, c.at.Load()).UTC() },
	})
	if err != nil {
		t.Fatal(err)
	}
	feed, err := NewFeed(c.Live, "https://id.example.kr", func(claims []byte, typ string) (string, error) {
		if c.fails.Load() {
			return "", errors.New("no key")
		}
		return strconv.FormatInt(c.signed.Add(1), 10) + "." + typ + "." + string(claims), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.feed = feed.Handler()
	return c
}

func (c *clockwork) pass(d time.Duration) { c.at.Add(int64(d)) }

func TestTheFeedIsTheBoardWithWhoSaysSoAndWhen(t *testing.T) {
	c := newClockwork(t)
	turn(t, c.Live, signal.Red)
	w := get(t, c.feed, "/signal.jws", "")
	for header, want := range map[string]string{
		"Content-Type": "application/jwt", "Cache-Control": "public, max-age=1", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
	} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s: got %q, want %q", header, got, want)
		}
	}
	const before = "1.signal+jwt."
	if w.Code != http.StatusOK || len(w.Body.String()) < len(before) || w.Body.String()[:len(before)] != before {
		t.Fatalf("got %d %s, want it signed as a signal+jwt", w.Code, w.Body)
	}
	var got, want map[string]any
	if err := json.Unmarshal(w.Body.Bytes()[len(before):], &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(get(t, c.Live.Handler(), "/signal", "").Body.Bytes(), &want); err != nil {
		t.Fatal(err)
	}
	now := float64(c.now().Unix())
	want["iss"], want["iat"], want["exp"] = "https://id.example.kr", now, now+60
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the feed against /signal (-want +got):\n%s", d)
	}
	if r := get(t, c.feed, "/signal.jws", w.Header().Get("ETag")); r.Code != http.StatusNotModified || r.Body.Len() > 0 {
		t.Errorf("the same again: got %d with %d bytes, want an empty 304", r.Code, r.Body.Len())
	}
}

func TestTheFeedIsSignedAtMostOnceASecond(t *testing.T) {
	c := newClockwork(t)
	ask := func(signed int64) (etag string) {
		t.Helper()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { get(t, c.feed, "/signal.jws", "") })
		}
		wg.Wait()
		if got := c.signed.Load(); got != signed {
			t.Errorf("got %d signatures, want %d", got, signed)
		}
		return get(t, c.feed, "/signal.jws", "").Header().Get("ETag")
	}
	first := ask(1)
	turn(t, c.Live, signal.Red)
	c.pass(signEvery - 1)
	if ask(1) != first {
		t.Error("another tag without another signature")
	}
	c.pass(1)
	second := ask(2)
	if second == first {
		t.Error("the same tag for another light")
	}
	c.pass(signAnew - 1) // nothing has changed
	if ask(2) != second {
		t.Error("another tag without another signature")
	}
	c.pass(1)
	ask(3)
	c.pass(-time.Hour) // the store's clock went back
	ask(4)
}

func TestAFeedThatCannotBeSignedSaysSo(t *testing.T) {
	c := newClockwork(t)
	c.fails.Store(true)
	if w := get(t, c.feed, "/signal.jws", ""); w.Code != http.StatusInternalServerError || w.Header().Get("ETag") != "" || w.Header().Get("Cache-Control") != "" {
		t.Errorf("got %d %v, want 500 that nobody keeps", w.Code, w.Header())
	}
	c.fails.Store(false)
	if w := get(t, c.feed, "/signal.jws", ""); w.Code != http.StatusOK {
		t.Errorf("got %d once it can be signed, want 200", w.Code)
	}
	if _, err := NewFeed(c.Live, "", nil); err == nil {
		t.Error("a feed of nobody was made")
	}
}
