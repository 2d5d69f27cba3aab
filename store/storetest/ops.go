package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sinho/store"
)

func isAbsent(err error) bool { return errors.Is(err, store.ErrAbsent) }

// ops checks every kind against a live record, a tombstone, another value and
// nothing, and that a conflict anywhere changes nothing.
func (u *suite) ops(t *testing.T) {
	before := []store.Op{put("live", "v"), put("taken", "spent"), put("empty", "")}
	tests := []struct {
		name  string
		ops   []store.Op
		want  store.Outcome
		after map[string]string
	}{
		{"put writes a new record", []store.Op{put("new", "n")}, done(), map[string]string{"new": "n"}},
		{"put writes over a live record", []store.Op{put("live", "w")}, done(), map[string]string{"live": "w"}},
		{"put writes over a tombstone", []store.Op{put("taken", "w")}, done(), map[string]string{"taken": "w"}},
		{"put new writes where nothing is", []store.Op{putNew("new", "n")}, done(), map[string]string{"new": "n"}},
		{"put new accepts the same value", []store.Op{putNew("live", "v")}, done(), map[string]string{"live": "v"}},
		{"put new refuses another value and shows it", []store.Op{putNew("live", "w")}, conflict(0, store.Differs, "v"), map[string]string{"live": "v"}},
		{"put new refuses a longer value with the same beginning", []store.Op{putNew("live", "vv")}, conflict(0, store.Differs, "v"), nil},
		{"put new does not revive a tombstone", []store.Op{putNew("taken", "w")}, conflict(0, store.Tombstone, "grave"), map[string]string{"taken": absent}},
		{"put new does not revive a tombstone of the same value", []store.Op{putNew("taken", "grave")}, conflict(0, store.Tombstone, "grave"), map[string]string{"taken": absent}},
		{"take returns the value and leaves a tombstone", []store.Op{take("live", "t")}, done("v"), map[string]string{"live": absent}},
		{"take returns an empty value", []store.Op{take("empty", "")}, done(""), map[string]string{"empty": absent}},
		{"two takes return their values in order", []store.Op{take("live", "t"), alive("empty"), take("empty", "t")}, done("v", ""), nil},
		{"take refuses an absent record", []store.Op{take("none", "t")}, conflict(0, store.Absent, ""), nil},
		{"take refuses a tombstone and shows it", []store.Op{take("taken", "t")}, conflict(0, store.Tombstone, "grave"), nil},
		{"delete removes a live record", []store.Op{remove("live")}, done(), map[string]string{"live": absent}},
		{"delete removes a tombstone", []store.Op{remove("taken")}, done(), map[string]string{"taken": absent}},
		{"delete accepts an absent record", []store.Op{remove("none")}, done(), nil},
		{"hold accepts the same value", []store.Op{hold("live", "v")}, done(), map[string]string{"live": "v"}},
		{"hold accepts an empty value", []store.Op{hold("empty", "")}, done(), nil},
		{"hold refuses another value and shows it", []store.Op{hold("live", "w")}, conflict(0, store.Differs, "v"), nil},
		{"hold refuses an absent record", []store.Op{hold("none", "v")}, conflict(0, store.Absent, ""), nil},
		{"hold refuses a tombstone", []store.Op{hold("taken", "grave")}, conflict(0, store.Tombstone, "grave"), nil},
		{"alive accepts a live record", []store.Op{alive("live")}, done(), nil},
		{"alive refuses an absent record", []store.Op{alive("none")}, conflict(0, store.Absent, ""), nil},
		{"alive refuses a tombstone", []store.Op{alive("taken")}, conflict(0, store.Tombstone, "grave"), nil},
		{"a guard and a write on one key compare and swap", []store.Op{hold("live", "v"), put("live", "w")}, done(), map[string]string{"live": "w"}},
		{"guards see what was there before the writes", []store.Op{put("live", "w"), hold("live", "v")}, done(), map[string]string{"live": "w"}},
		{
			"a conflict in the last op undoes all before it",
			[]store.Op{put("new", "n"), put("live", "w"), remove("empty"), take("live2", "t")},
			conflict(3, store.Absent, ""),
			map[string]string{"new": absent, "live": "v", "empty": ""},
		},
		{
			"a conflict in the first op stops all after it",
			[]store.Op{alive("none"), put("new", "n"), take("live", "t")},
			conflict(0, store.Absent, ""),
			map[string]string{"new": absent, "live": "v"},
		},
		{
			"of two conflicts the first is named",
			[]store.Op{put("new", "n"), hold("live", "w"), alive("none")},
			conflict(1, store.Differs, "v"),
			map[string]string{"new": absent},
		},
		{
			"a lock, a code and a spent pass are one change",
			[]store.Op{putNew("lock", "me"), fenced(putNew("code", "c")), take("live", "spent")},
			done("v"),
			map[string]string{"lock": "me", "code": "c", "live": absent},
		},
		{"ten ops are done at once", []store.Op{
			put("1", "a"), put("2", "b"), put("3", "c"), put("4", "d"), put("5", "e"), put("6", "f"), put("7", "g"), hold("empty", ""), alive("live"), take("empty", ""),
		}, done(""), map[string]string{"1": "a", "6": "f", "empty": absent}},
	}
	s := u.open(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shard := newShard()
			apply(t, s, shard, before...)
			apply(t, s, shard, take("taken", "grave"))
			wantOutcome(t, apply(t, s, shard, tt.ops...), tt.want)
			for key, want := range tt.after {
				wantValue(t, s, shard, key, want)
			}
		})
	}
	t.Run("any bytes are kept as they are", func(t *testing.T) {
		var all strings.Builder
		for i := range 256 {
			all.WriteByte(byte(i))
		}
		shard, key := store.Shard("\x00{}\r\n}"+all.String()[200:230]), all.String()[:128]
		apply(t, s, shard, put(key, all.String()))
		wantValue(t, s, shard, key, all.String())
		wantOutcome(t, apply(t, s, shard, take(key, all.String())), done(all.String()))
		wantOutcome(t, apply(t, s, shard, take(key, "")), conflict(0, store.Tombstone, all.String()))
	})
	t.Run("shards and keys do not run into each other", func(t *testing.T) {
		unique := string(newShard())
		places := [][2]string{{"a", "b}:c"}, {"a}:b", "c"}, {"a}", "b:c"}, {"ab", "c"}, {"a", "bc"}, {"{a", "bc"}, {"", "abc"}}
		for _, p := range places {
			apply(t, s, store.Shard(unique+p[0]), put(p[1], p[0]+"|"+p[1]))
		}
		for _, p := range places {
			wantValue(t, s, store.Shard(unique+p[0]), p[1], p[0]+"|"+p[1])
		}
	})
	t.Run("a durable change is like any other", func(t *testing.T) {
		shard := newShard()
		o, err := s.Apply(t.Context(), shard, newAttempt(), true, putNew("lock", "me"))
		if err != nil {
			t.Fatalf("durable Apply: %v", err)
		}
		wantOutcome(t, o, done())
		wantValue(t, s, shard, "lock", "me")
	})
}

// limits checks that calls that can never succeed are refused with a message
// that names the limit, and change nothing.
func (u *suite) limits(t *testing.T) {
	many := make([]store.Op, store.MaxOps+1)
	for i := range many {
		many[i] = put(strings.Repeat("k", i+1), "v")
	}
	ttl := func(d time.Duration) store.Op { return store.Op{Kind: store.Put, Key: "k", TTL: d} }
	tests := []struct {
		name    string
		shard   string
		attempt store.Attempt
		ops     []store.Op
		says    string
	}{
		{"no ops", "s", newAttempt(), nil, "0 ops"},
		{"too many ops", "s", newAttempt(), many, "11 ops, want 1 to 10"},
		{"an empty shard", "", newAttempt(), []store.Op{put("k", "v")}, "shard of 0 bytes"},
		{"a shard too long", strings.Repeat("s", 65), newAttempt(), []store.Op{put("k", "v")}, "shard of 65 bytes, want 1 to 64"},
		{"an empty key", "s", newAttempt(), []store.Op{put("", "v")}, "key of 0 bytes"},
		{"a key too long", "s", newAttempt(), []store.Op{put("ok", "v"), put(strings.Repeat("k", 129), "v")}, "op 1 (put): key of 129 bytes, want 1 to 128"},
		{"a value too long", "s", newAttempt(), []store.Op{put("k", strings.Repeat("v", 16<<10+1))}, "value of 16385 bytes, at most 16384"},
		{"no TTL", "s", newAttempt(), []store.Op{ttl(0)}, "TTL of 0s"},
		{"a TTL in the past", "s", newAttempt(), []store.Op{ttl(-time.Second)}, "TTL of -1s"},
		{"a TTL too long", "s", newAttempt(), []store.Op{ttl(store.MaxTTL + 1)}, "TTL of"},
		{"a take without TTL", "s", newAttempt(), []store.Op{{Kind: store.Take, Key: "k"}}, "(take): TTL of 0s"},
		{"an unknown kind", "s", newAttempt(), []store.Op{{Kind: 77, Key: "k", TTL: long}}, "unknown kind"},
		{"no kind", "s", newAttempt(), []store.Op{{Key: "k", TTL: long}}, "unknown kind"},
		{"a fenced take", "s", newAttempt(), []store.Op{fenced(take("k", ""))}, "fenced"},
		{"an alive with a value it would not compare", "s", newAttempt(), []store.Op{{Kind: store.Alive, Key: "k", Value: []byte("v")}}, "ignore"},
		{"a fetch with a value it would not compare", "s", newAttempt(), []store.Op{{Kind: store.Fetch, Key: "k", Value: []byte("v")}}, "ignore"},
		{"an advance with a value it would not write", "s", newAttempt(), []store.Op{{Kind: store.Advance, Key: "k", Value: []byte("v"), TTL: long}}, "ignore"},
		{"an advance without TTL", "s", newAttempt(), []store.Op{{Kind: store.Advance, Key: "k"}}, "(advance): TTL of 0s"},
		{"an append without TTL", "s", newAttempt(), []store.Op{{Kind: store.Append, Key: "k", Value: []byte("v"), Keep: 1}}, "(append): TTL of 0s"},
		{"a generation too high to be counted", "s", newAttempt(), []store.Op{advance("k", store.EndOfGenerations)}, "generation 9007199254740992, want one below 9007199254740992"},
		{"a generation of another kind", "s", newAttempt(), []store.Op{{Kind: store.Put, Key: "k", TTL: long, From: 1}}, "only Advance"},
		{"an append that keeps nothing", "s", newAttempt(), []store.Op{appendTo("k", "v", 0)}, "keeps 0 entries, want 1 to 64"},
		{"an append that keeps too many", "s", newAttempt(), []store.Op{appendTo("k", "v", 65)}, "keeps 65 entries, want 1 to 64"},
		{"a put that keeps entries", "s", newAttempt(), []store.Op{{Kind: store.Put, Key: "k", TTL: long, Keep: 1}}, "only Append"},
		{"a put that names entries", "s", newAttempt(), []store.Op{{Kind: store.Put, Key: "k", TTL: long, Same: 1}}, "only Append"},
		{"an entry whose name is longer than itself", "s", newAttempt(), []store.Op{named("k", "v", 1, 2)}, "name of 2 bytes, want 0 to 1"},
		{"an entry whose name is shorter than nothing", "s", newAttempt(), []store.Op{named("k", "v", 1, -1)}, "name of -1 bytes"},
		{"a contains that looks for nothing", "s", newAttempt(), []store.Op{contains("k", "")}, "looks for nothing"},
		{"an empty entry", "s", newAttempt(), []store.Op{appendTo("k", "", 1)}, "entry of 0 bytes, want 1 to 256"},
		{"an entry too long", "s", newAttempt(), []store.Op{appendTo("k", strings.Repeat("v", 257), 1)}, "entry of 257 bytes, want 1 to 256"},
		{"a fenced advance", "s", newAttempt(), []store.Op{fenced(advance("k", 0))}, "fenced"},
		{"an advance and a put of one key", "s", newAttempt(), []store.Op{advance("k", 0), fetch("k"), put("k", "v")}, "ops 0 and 2 write the same key"},
		{"two appends to one key", "s", newAttempt(), []store.Op{appendTo("k", "v", 1), appendTo("k", "v", 1)}, "ops 0 and 1 write the same key"},
		{"two writes to one key", "s", newAttempt(), []store.Op{put("k", "v"), alive("k"), remove("k")}, "ops 0 and 2 write the same key"},
		{"a forgotten attempt", "s", store.Attempt{}, []store.Op{put("k", "v")}, "attempt is all zero"},
	}
	s := u.open(t)
	for _, tt := range tests {
		t.Run(tt.name+" is refused", func(t *testing.T) {
			_, err := s.Apply(t.Context(), store.Shard(tt.shard), tt.attempt, false, tt.ops...)
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Apply: got error %v, want ErrInvalid saying %q", err, tt.says)
			}
		})
	}
	t.Run("a read beyond the limits is refused", func(t *testing.T) {
		for shard, key := range map[store.Shard]string{"": "k", "s": "", "t": strings.Repeat("k", 129)} {
			if _, err := s.Read(t.Context(), shard, key); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("Read %q %q: got error %v, want ErrInvalid", shard, key, err)
			}
			if _, err := s.ReadAll(t.Context(), shard, "fine", key); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("ReadAll %q %q: got error %v, want ErrInvalid", shard, key, err)
			}
		}
		for _, n := range []int{0, store.MaxOps + 1} {
			if _, err := s.ReadAll(t.Context(), "s", make([]string, n)...); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("ReadAll of %d: got error %v, want ErrInvalid", n, err)
			}
		}
	})
	t.Run("everything at its limit is accepted", func(t *testing.T) {
		shard := newShard()
		shard += store.Shard(strings.Repeat("s", store.MaxShard-len(shard)))
		value := strings.Repeat("v", store.MaxValue)
		var ops []store.Op
		for i := range store.MaxOps {
			key := strings.Repeat(string(rune('a'+i)), store.MaxKey)
			ops = append(ops, store.Op{Kind: store.Put, Key: key, Value: []byte(value), TTL: store.MaxTTL})
		}
		apply(t, s, shard, ops...)
		wantValue(t, s, shard, ops[store.MaxOps-1].Key, value)
		var takes []store.Op
		for _, op := range ops {
			takes = append(takes, take(op.Key, value))
		}
		attempt := newAttempt()
		first := applyAs(t, s, shard, attempt, takes...)
		if len(first.Taken) != store.MaxOps {
			t.Fatalf("got %d values taken, want %d", len(first.Taken), store.MaxOps)
		}
		wantOutcome(t, applyAs(t, s, shard, attempt, takes...), repeated(first))
	})
}
