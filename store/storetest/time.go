package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"sinho/store"
)

// brief is a TTL short enough to wait for.
const brief = 40 * time.Millisecond

func (u *suite) expiry(t *testing.T) {
	s := u.open(t)
	briefly := func(op store.Op) store.Op {
		op.TTL = brief
		return op
	}
	gone := func(t *testing.T, shard store.Shard, key string) {
		t.Helper()
		eventually(t, "record "+key+" expires", func() bool { return read(t, s, shard, key) == absent })
	}
	tests := []struct {
		name string
		ops  []store.Op
		want store.Outcome
	}{
		{"cannot be taken", []store.Op{take("k", "t")}, conflict(0, store.Absent, "")},
		{"does not hold", []store.Op{hold("k", "v")}, conflict(0, store.Absent, "")},
		{"is not alive", []store.Op{alive("k")}, conflict(0, store.Absent, "")},
		{"makes room for a new one", []store.Op{putNew("k", "w")}, done()},
		{"can be deleted", []store.Op{remove("k")}, done()},
	}
	for _, tt := range tests {
		t.Run("an expired record "+tt.name, func(t *testing.T) {
			shard := newShard()
			apply(t, s, shard, briefly(put("k", "v")))
			gone(t, shard, "k")
			wantOutcome(t, apply(t, s, shard, tt.ops...), tt.want)
		})
	}
	t.Run("the rest of the shard lives on", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, briefly(put("k", "v")), put("other", "o"))
		gone(t, shard, "k")
		wantValue(t, s, shard, "other", "o")
	})
	t.Run("an expired tombstone makes room", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, put("k", "v"))
		apply(t, s, shard, briefly(take("k", "t")))
		eventually(t, "the tombstone expires", func() bool {
			return apply(t, s, shard, take("k", "t")).Conflict.Why == store.Absent
		})
		wantOutcome(t, apply(t, s, shard, putNew("k", "w")), done())
	})
	t.Run("a tombstone outlives the record's own TTL", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, briefly(put("marker", "m")), store.Op{Kind: store.Put, Key: "k", Value: []byte("v"), TTL: patience})
		apply(t, s, shard, take("k", "t"))
		gone(t, shard, "marker")
		wantOutcome(t, apply(t, s, shard, take("k", "t")), conflict(0, store.Tombstone, "t"))
	})
	t.Run("a put gives a record a new TTL", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, briefly(put("k", "v")), briefly(put("marker", "m")))
		if apply(t, s, shard, alive("k"), put("k", "v")).Conflict != nil {
			apply(t, s, shard, put("k", "v")) // a slow machine: it had expired
		}
		gone(t, shard, "marker")
		wantValue(t, s, shard, "k", "v")
	})
	t.Run("an equal put new leaves the TTL as it is", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, briefly(put("k", "v")))
		if o := apply(t, s, shard, alive("k"), putNew("k", "v")); o.Conflict == nil {
			gone(t, shard, "k")
		}
	})
}

func (u *suite) attempts(t *testing.T) {
	s := u.open(t)
	t.Run("a repeated take gets the value again, a new one the tombstone", func(t *testing.T) {
		shard, attempt := newShard(), newAttempt()
		apply(t, s, shard, put("k", "v"))
		wantOutcome(t, applyAs(t, s, shard, attempt, take("k", "t")), done("v"))
		for range 3 {
			wantOutcome(t, applyAs(t, s, shard, attempt, take("k", "t")), repeated(done("v")))
		}
		wantOutcome(t, apply(t, s, shard, take("k", "t")), conflict(0, store.Tombstone, "t"))
	})
	t.Run("a repeated put changes nothing", func(t *testing.T) {
		shard, attempt := newShard(), newAttempt()
		applyAs(t, s, shard, attempt, put("k", "v"))
		apply(t, s, shard, remove("k"))
		wantOutcome(t, applyAs(t, s, shard, attempt, put("k", "v")), repeated(done()))
		wantValue(t, s, shard, "k", absent)
	})
	t.Run("a repeated conflict stays one, even when it could be done now", func(t *testing.T) {
		shard, attempt := newShard(), newAttempt()
		apply(t, s, shard, put("k", "other"))
		ops := []store.Op{put("more", "m"), putNew("k", "v")}
		wantOutcome(t, applyAs(t, s, shard, attempt, ops...), conflict(1, store.Differs, "other"))
		apply(t, s, shard, remove("k"))
		wantOutcome(t, applyAs(t, s, shard, attempt, ops...), repeated(conflict(1, store.Differs, "other")))
		wantValue(t, s, shard, "k", absent)
		wantValue(t, s, shard, "more", absent)
	})
	t.Run("a repeated attempt with other ops gets the first answer", func(t *testing.T) {
		shard, attempt := newShard(), newAttempt()
		applyAs(t, s, shard, attempt, put("k", "v"))
		wantOutcome(t, applyAs(t, s, shard, attempt, take("k", "t")), repeated(done()))
		wantValue(t, s, shard, "k", "v")
	})
	t.Run("an attempt belongs to its shard", func(t *testing.T) {
		one, two, attempt := newShard(), newShard(), newAttempt()
		wantOutcome(t, applyAs(t, s, one, attempt, put("k", "1")), done())
		wantOutcome(t, applyAs(t, s, two, attempt, put("k", "2")), done())
		wantValue(t, s, two, "k", "2")
	})
	t.Run("a refused call leaves no answer behind", func(t *testing.T) {
		shard, attempt := newShard(), newAttempt()
		if _, err := s.Apply(t.Context(), shard, attempt, false, put("", "v")); err == nil {
			t.Fatal("got no error for an empty key")
		}
		wantOutcome(t, applyAs(t, s, shard, attempt, put("k", "v")), done())
	})
	t.Run("a durable attempt may be repeated", func(t *testing.T) {
		shard, attempt := newShard(), newAttempt()
		for i := range 2 {
			o, err := s.Apply(t.Context(), shard, attempt, true, putNew("lock", "me"))
			if err != nil || o.Conflict != nil || o.Repeated != (i == 1) {
				t.Errorf("call %d: got %+v, %v; want done, repeated only the second time", i+1, o, err)
			}
		}
	})
	t.Run("a caller may reuse what it passed and keep what it got", func(t *testing.T) {
		shard := newShard()
		value := []byte("first")
		op := store.Op{Kind: store.Put, Key: "k", Value: value, TTL: long}
		apply(t, s, shard, op)
		copy(value, "XXXXX")
		got, err := s.Read(t.Context(), shard, "k")
		if err != nil || string(got) != "first" {
			t.Fatalf("Read: got %q, %v; want %q", got, err, "first")
		}
		copy(got, "YYYYY")
		o := apply(t, s, shard, take("k", "tomb"))
		wantOutcome(t, o, done("first"))
		apply(t, s, shard, put("k", "zzzzz"))
		wantOutcome(t, o, done("first"))
	})
}

func (u *suite) cancelled(t *testing.T) {
	s := u.open(t)
	shard := newShard()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: got error %v, want context.Canceled and ErrUnavailable", name, err)
		}
	}
	_, err := s.Apply(ctx, shard, newAttempt(), true, put("k", "v"))
	want("Apply", err)
	_, err = s.Read(ctx, shard, "k")
	want("Read", err)
	_, err = s.Now(ctx)
	want("Now", err)
	wantValue(t, s, shard, "k", absent)
}

func (u *suite) clock(t *testing.T) {
	s := u.open(t)
	var last time.Time
	for range 200 {
		now, err := s.Now(t.Context())
		if err != nil {
			t.Fatalf("Now: %v", err)
		}
		if now.Before(last) {
			t.Fatalf("Now: got %v after %v", now, last)
		}
		last = now
	}
	if drift := time.Since(last).Abs(); drift > time.Minute {
		t.Errorf("Now: %v away from this machine's clock", drift)
	}
}

// anotherRun checks what a restart takes away and what it leaves.
func (u *suite) anotherRun(t *testing.T) {
	s := u.open(t)
	shard, attempt := newShard(), newAttempt()
	if _, err := s.Apply(t.Context(), shard, attempt, true,
		putNew("lock", "me"), fenced(putNew("code", "c")), fenced(put("pass", "p")), put("share", "h"), put("spent", "v")); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	if _, err := s.Apply(t.Context(), shard, newAttempt(), true, take("spent", "grave"), fenced(put("seen", "s"))); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	wantOutcome(t, apply(t, s, shard, fenced(putNew("own", "o"))), done())
	wantOutcome(t, apply(t, s, shard, take("own", "")), done("o"))

	s = u.reopen(t, s)

	tests := []struct {
		name string
		ops  []store.Op
		want store.Outcome
	}{
		{"a code minted before cannot be taken", []store.Op{take("code", "t")}, conflict(0, store.Fence, "")},
		{"a fenced put cannot be taken either", []store.Op{alive("lock"), take("pass", "t")}, conflict(1, store.Fence, "")},
		{"a fenced record still holds", []store.Op{hold("code", "c"), alive("pass")}, done()},
		{"an equal put new does not renew the fence", []store.Op{fenced(putNew("code", "c"))}, done()},
		{"so the code is still refused", []store.Op{take("code", "t")}, conflict(0, store.Fence, "")},
		{"a tombstone is still one", []store.Op{take("spent", "t")}, conflict(0, store.Tombstone, "grave")},
		{"the lock still holds", []store.Op{hold("lock", "me")}, done()},
		{"another's lock is refused", []store.Op{putNew("lock", "you")}, conflict(0, store.Differs, "me")},
		{"an unfenced record can be taken", []store.Op{take("share", "t")}, done("h")},
		{"a code minted now", []store.Op{fenced(put("seen", "again"))}, done()},
		{"can be taken now", []store.Op{take("seen", "t")}, done("again")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantOutcome(t, apply(t, s, shard, tt.ops...), tt.want) })
	}
	t.Run("an attempt of the run before gets its answer", func(t *testing.T) {
		wantOutcome(t, applyAs(t, s, shard, attempt, putNew("lock", "you")), repeated(done()))
	})
}

func (u *suite) closed(t *testing.T) {
	s := u.open(t)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	want := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s after Close: got error %v, want ErrUnavailable", name, err)
		}
	}
	_, err := s.Apply(t.Context(), "s", newAttempt(), false, put("k", "v"))
	want("Apply", err)
	_, err = s.Read(t.Context(), "s", "k")
	want("Read", err)
	_, err = s.Now(t.Context())
	want("Now", err)
}
