package storetest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/store"
)

func fetch(key string) store.Op { return store.Op{Kind: store.Fetch, Key: key} }

func advance(key string, from uint64) store.Op {
	return store.Op{Kind: store.Advance, Key: key, From: from, TTL: long}
}

func appendTo(key, entry string, keep int) store.Op {
	return store.Op{Kind: store.Append, Key: key, Value: []byte(entry), Keep: keep, TTL: long}
}

// named appends an entry whose first same bytes are its name.
func named(key, entry string, keep, same int) store.Op {
	op := appendTo(key, entry, keep)
	op.Same = same
	return op
}

func contains(key, name string) store.Op {
	return store.Op{Kind: store.Contains, Key: key, Value: []byte(name)}
}

// generation is a value at one.
func generation(n uint64, rest string) string {
	return string(binary.BigEndian.AppendUint64(nil, n)) + rest
}

// family has a record of each sort an Advance or an Append may meet.
func family(t *testing.T, s store.Store) store.Shard {
	t.Helper()
	shard := newShard()
	apply(t, s, shard, put("gen", generation(5, "rest")), put("bare", generation(0, "")), put("taken", "spent"), put("empty", ""),
		put("short", "seven b"), put("list", "aabbcc"), put("twice", "aabbaa"), fenced(put("code", generation(5, "c"))))
	apply(t, s, shard, take("taken", "grave"))
	return shard
}

// grown checks Fetch, Advance and Append against everything they may meet.
func (u *suite) grown(t *testing.T) {
	const most = store.EndOfGenerations - 1
	tests := []struct {
		name  string
		ops   []store.Op
		want  store.Outcome
		after map[string]string
	}{
		{"fetch shows a live value and leaves it", []store.Op{fetch("list")}, done("aabbcc"), map[string]string{"list": "aabbcc"}},
		{"fetch shows an empty value", []store.Op{fetch("empty")}, done(""), map[string]string{"empty": ""}},
		{"fetch shows a fenced value", []store.Op{fetch("code")}, done(generation(5, "c")), nil},
		{"fetch refuses an absent record", []store.Op{fetch("none")}, conflict(0, store.Absent, ""), nil},
		{"fetch refuses a tombstone and shows it", []store.Op{fetch("taken")}, conflict(0, store.Tombstone, "grave"), nil},
		{"fetch shows what was there before a write", []store.Op{put("list", "new"), fetch("list")}, done("aabbcc"), map[string]string{"list": "new"}},

		{"advance moves on and shows the value before", []store.Op{advance("gen", 5)}, done(generation(5, "rest")), map[string]string{"gen": generation(6, "rest")}},
		{"advance needs nothing behind the generation", []store.Op{advance("bare", 0)}, done(generation(0, "")), map[string]string{"bare": generation(1, "")}},
		{"advance raises a store that has lost a write", []store.Op{advance("gen", 7)}, done(generation(5, "rest")), map[string]string{"gen": generation(8, "rest")}},
		{"advance raises a store to the last generation", []store.Op{advance("gen", most)}, done(generation(5, "rest")), map[string]string{"gen": generation(most+1, "rest")}},
		{"advance carries over the bytes", []store.Op{advance("gen", 255)}, done(generation(5, "rest")), map[string]string{"gen": generation(256, "rest")}},
		{"advance refuses an earlier generation and shows the value", []store.Op{advance("gen", 4)}, conflict(0, store.Differs, generation(5, "rest")), map[string]string{"gen": generation(5, "rest")}},
		{"advance refuses a value without a generation", []store.Op{advance("short", most)}, conflict(0, store.Differs, "seven b"), map[string]string{"short": "seven b"}},
		{"advance refuses an empty value", []store.Op{advance("empty", 0)}, conflict(0, store.Differs, ""), nil},
		{"advance refuses an absent record", []store.Op{advance("none", 0)}, conflict(0, store.Absent, ""), map[string]string{"none": absent}},
		{"advance refuses a tombstone and shows it", []store.Op{advance("taken", 0)}, conflict(0, store.Tombstone, "grave"), map[string]string{"taken": absent}},

		{"append begins a list", []store.Op{appendTo("new", "xx", 3)}, done(), map[string]string{"new": "xx"}},
		{"append adds to a list", []store.Op{appendTo("list", "xx", 4)}, done(), map[string]string{"list": "aabbccxx"}},
		{"append keeps the newest", []store.Op{appendTo("list", "xx", 2)}, done(), map[string]string{"list": "ccxx"}},
		{"append may keep itself alone", []store.Op{appendTo("list", "xx", 1)}, done(), map[string]string{"list": "xx"}},
		{"append fills an empty list", []store.Op{appendTo("empty", "xx", 2)}, done(), map[string]string{"empty": "xx"}},
		{"append adds the same entry twice", []store.Op{appendTo("list", "cc", 9)}, done(), map[string]string{"list": "aabbcccc"}},
		{"append replaces the entry of its name", []store.Op{named("list", "ax", 3, 1)}, done(), map[string]string{"list": "bbccax"}},
		{"append replaces every entry of its name", []store.Op{named("twice", "ax", 3, 1)}, done(), map[string]string{"twice": "bbax"}},
		{"append replaces before it counts", []store.Op{named("list", "bx", 2, 1)}, done(), map[string]string{"list": "ccbx"}},
		{"append knows a name where an entry begins", []store.Op{named("list", "abc", 3, 2)}, done(), map[string]string{"list": "aabbccabc"}},
		{"append replaces an entry named by all of it", []store.Op{named("list", "cc", 9, 2)}, done(), map[string]string{"list": "aabbcc"}},
		{"append with a name begins a list", []store.Op{named("new", "ax", 3, 1)}, done(), map[string]string{"new": "ax"}},
		{"append with a name refuses an entry of another length", []store.Op{named("list", "aaaa", 4, 1)}, conflict(0, store.Differs, "aabbcc"), nil},
		{"append refuses an entry of another length and shows the list", []store.Op{appendTo("list", "xxxx", 4)}, conflict(0, store.Differs, "aabbcc"), map[string]string{"list": "aabbcc"}},
		{"append refuses a tombstone and shows it", []store.Op{appendTo("taken", "x", 4)}, conflict(0, store.Tombstone, "grave"), map[string]string{"taken": absent}},

		{"contains finds what is there", []store.Op{contains("list", "bb")}, done(), map[string]string{"list": "aabbcc"}},
		{"contains finds it at either end", []store.Op{contains("list", "aab"), contains("list", "c")}, done(), nil},
		{"contains takes no pattern", []store.Op{contains("list", "a.")}, conflict(0, store.Differs, "aabbcc"), nil},
		{"contains finds any bytes", []store.Op{contains("gen", generation(5, "r"))}, done(), nil},
		{"contains refuses what is not there and shows the value", []store.Op{contains("list", "ac")}, conflict(0, store.Differs, "aabbcc"), nil},
		{"contains refuses an empty value", []store.Op{contains("empty", "a")}, conflict(0, store.Differs, ""), nil},
		{"contains refuses an absent record", []store.Op{contains("none", "a")}, conflict(0, store.Absent, ""), nil},
		{"contains refuses a tombstone", []store.Op{contains("taken", "grave")}, conflict(0, store.Tombstone, "grave"), nil},
		{"contains sees what was there before a write", []store.Op{put("list", "new"), contains("list", "bb")}, done(), map[string]string{"list": "new"}},
		{
			"takes, fetches and advances show their values in the order of the ops",
			[]store.Op{fetch("list"), put("new", "n"), advance("gen", 5), alive("bare"), take("short", "t"), appendTo("list", "dd", 4), fetch("gen")},
			done("aabbcc", generation(5, "rest"), "seven b", generation(5, "rest")),
			map[string]string{"new": "n", "gen": generation(6, "rest"), "short": absent, "list": "aabbccdd"},
		},
		{
			"a conflict behind them undoes all",
			[]store.Op{fetch("list"), advance("gen", 5), appendTo("list", "dd", 4), appendTo("new", "n", 1), alive("none")},
			conflict(4, store.Absent, ""),
			map[string]string{"new": absent, "gen": generation(5, "rest"), "list": "aabbcc"},
		},
		{
			"a conflict of theirs undoes what is before and behind",
			[]store.Op{put("new", "n"), appendTo("list", "dd", 4), advance("gen", 1), take("short", "t")},
			conflict(2, store.Differs, generation(5, "rest")),
			map[string]string{"new": absent, "list": "aabbcc", "short": "seven b"},
		},
	}
	s := u.open(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shard := family(t, s)
			wantOutcome(t, apply(t, s, shard, tt.ops...), tt.want)
			for key, want := range tt.after {
				wantValue(t, s, shard, key, want)
			}
		})
	}
	t.Run("many records are read as they were at one moment", func(t *testing.T) {
		shard := family(t, s)
		got, err := s.ReadAll(t.Context(), shard, "list", "none", "taken", "empty", "list")
		if err != nil {
			t.Fatal(err)
		}
		want := [][]byte{[]byte("aabbcc"), nil, nil, {}, []byte("aabbcc")}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("ReadAll (-want +got):\n%s", d)
		}
	})
	t.Run("generations differ in every byte", func(t *testing.T) { everyByte(t, s) })
	t.Run("a fenced record grows and stays fenced", func(t *testing.T) {
		shard := family(t, s)
		wantOutcome(t, apply(t, s, shard, advance("code", 5)), done(generation(5, "c")))
		wantOutcome(t, apply(t, s, shard, appendTo("code", "d", 64)), done())
		wantValue(t, s, shard, "code", generation(6, "cd"))
		wantOutcome(t, apply(t, s, shard, take("code", "t")), done(generation(6, "cd")))
	})
	t.Run("an entry that lasts less long does not shorten the list's time", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, appendTo("list", "a", 9))
		for _, op := range []store.Op{appendTo("list", "b", 9), appendTo("new", "n", 9)} {
			op.TTL = brief
			apply(t, s, shard, op)
		}
		eventually(t, "the short-lived list expires", func() bool { return read(t, s, shard, "new") == absent })
		wantValue(t, s, shard, "list", "ab")
	})
	t.Run("the longest list fits", func(t *testing.T) {
		shard := newShard()
		var all strings.Builder
		for i := range store.MaxKeep + 3 {
			entry := strings.Repeat(string(rune(' '+i)), store.MaxEntry)
			apply(t, s, shard, appendTo("list", entry, store.MaxKeep))
			all.WriteString(entry)
		}
		wantValue(t, s, shard, "list", all.String()[3*store.MaxEntry:])
	})
	t.Run("a shorter list keeps only its newest", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, put("list", strings.Repeat("0123456789abcdef", store.MaxValue/16)))
		apply(t, s, shard, appendTo("list", "x", store.MaxKeep))
		wantValue(t, s, shard, "list", strings.Repeat("0123456789abcdef", 4)[1:]+"x")
	})
}

// everyByte compares generations that differ in one byte, on either side of
// every sign and every number a server may not count to.
func everyByte(t *testing.T, s store.Store) {
	for at := range 7 {
		for _, has := range []uint64{0, 1, 0x7f, 0x80, 0xfe} {
			if at == 6 && has > 0x1e { // the last From has 53 bits
				continue
			}
			shard, shift := newShard(), 8*at
			value, next := has<<shift, (has+1)<<shift
			apply(t, s, shard, put("gen", generation(next, "")))
			wantOutcome(t, apply(t, s, shard, advance("gen", value)), conflict(0, store.Differs, generation(next, "")))
			apply(t, s, shard, put("gen", generation(value, "")))
			wantOutcome(t, apply(t, s, shard, advance("gen", next)), done(generation(value, "")))
			wantValue(t, s, shard, "gen", generation(next+1, ""))
		}
	}
	shard := newShard()
	beyond := generation(1<<63+1, "") // nothing of ours, and still no reason to answer wrongly
	apply(t, s, shard, put("gen", beyond))
	wantOutcome(t, apply(t, s, shard, advance("gen", store.EndOfGenerations-1)), conflict(0, store.Differs, beyond))
}

// grownAttempts checks that the same attempt gets the same answer and grows
// nothing twice.
func (u *suite) grownAttempts(t *testing.T) {
	s := u.open(t)
	tests := []struct {
		name    string
		op      store.Op
		between store.Op
		want    store.Outcome
		key     string
		after   string
	}{
		{"a fetch", fetch("list"), put("list", "other"), done("aabbcc"), "list", "other"},
		{"an advance", advance("gen", 5), advance("gen", 6), done(generation(5, "rest")), "gen", generation(7, "rest")},
		{"an advance that raised", advance("gen", 9), advance("gen", 10), done(generation(5, "rest")), "gen", generation(11, "rest")},
		{"an append", appendTo("list", "dd", 64), appendTo("list", "ee", 64), done(), "list", "aabbccddee"},
		{"a refused advance", advance("gen", 4), put("gen", generation(4, "")), conflict(0, store.Differs, generation(5, "rest")), "gen", generation(4, "")},
		{"a refused append", appendTo("list", "x789", 9), put("list", "four"), conflict(0, store.Differs, "aabbcc"), "list", "four"},
	}
	for _, tt := range tests {
		for _, durable := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, " is done once, durable ", durable), func(t *testing.T) {
				shard, attempt := family(t, s), newAttempt()
				send := func() store.Outcome {
					o, err := s.Apply(t.Context(), shard, attempt, durable, tt.op)
					if err != nil {
						t.Fatalf("Apply: %v", err)
					}
					return o
				}
				wantOutcome(t, send(), tt.want)
				wantOutcome(t, send(), repeated(tt.want))
				apply(t, s, shard, tt.between)
				wantOutcome(t, send(), repeated(tt.want))
				wantValue(t, s, shard, tt.key, tt.after)
			})
		}
	}
}

// grownExpiry checks the time that an Advance and an Append give.
func (u *suite) grownExpiry(t *testing.T) {
	s := u.open(t)
	for name, op := range map[string]store.Op{"fetch": fetch("k"), "advance": advance("k", 0)} {
		t.Run("an expired record is nothing to "+name, func(t *testing.T) {
			shard := newShard()
			apply(t, s, shard, store.Op{Kind: store.Put, Key: "k", Value: []byte(generation(0, "")), TTL: brief})
			eventually(t, "the record expires", func() bool { return read(t, s, shard, "k") == absent })
			wantOutcome(t, apply(t, s, shard, op), conflict(0, store.Absent, ""))
		})
	}
	for name, op := range map[string]store.Op{"advance": advance("k", 0), "append": appendTo("k", "xxxxxxxx", 4)} {
		t.Run("an "+name+" may lengthen a life", func(t *testing.T) {
			shard := newShard()
			short := store.Op{Kind: store.Put, Key: "k", Value: []byte(generation(0, "")), TTL: brief}
			marker := store.Op{Kind: store.Put, Key: "marker", Value: []byte("m"), TTL: brief}
			apply(t, s, shard, short, marker)
			if apply(t, s, shard, alive("k"), op).Conflict != nil { // a slow machine: it had expired
				apply(t, s, shard, put("k", generation(0, "")))
				apply(t, s, shard, op)
			}
			eventually(t, "the marker expires", func() bool { return read(t, s, shard, "marker") == absent })
			if read(t, s, shard, "k") == absent {
				t.Error("the record expired with its old TTL")
			}
		})
	}
	t.Run("an advance may shorten a life", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, put("k", generation(0, "")))
		briefly := advance("k", 0)
		briefly.TTL = brief
		apply(t, s, shard, briefly)
		eventually(t, "the record expires", func() bool { return read(t, s, shard, "k") == absent })
	})
	t.Run("a fetch leaves the life as it is", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, store.Op{Kind: store.Put, Key: "k", Value: []byte("v"), TTL: brief})
		apply(t, s, shard, fetch("k"))
		eventually(t, "the record expires", func() bool { return read(t, s, shard, "k") == absent })
	})
}

// grownRaces lets many callers advance and append at once.
func (u *suite) grownRaces(t *testing.T) {
	s := u.open(t)
	t.Run("of many who advance from one generation one does", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, put("gen", generation(0, "x")))
		for from := range uint64(3) {
			outcomes := race(t, s, shard, fresh, func(i int) []store.Op {
				return []store.Op{advance("gen", from), put("by", fmt.Sprint(i))}
			})
			winner := theWinner(t, outcomes)
			wantValue(t, s, shard, "by", fmt.Sprint(winner))
			for i, o := range outcomes {
				want := conflict(0, store.Differs, generation(from+1, "x"))
				if i == winner {
					want = done(generation(from, "x"))
				}
				wantOutcome(t, o, want)
			}
		}
	})
	t.Run("after a lost write the newest of many tokens wins, and none wins twice", func(t *testing.T) {
		shard := newShard()
		apply(t, s, shard, put("gen", generation(0, "")))
		outcomes := race(t, s, shard, fresh, func(i int) []store.Op { return []store.Op{advance("gen", uint64(i/2))} }) //nolint:gosec // a small number
		wantValue(t, s, shard, "gen", generation(racers/2, ""))
		won := map[int]int{}
		seen := map[string]bool{}
		for i, o := range outcomes {
			if o.Conflict != nil {
				continue
			}
			won[i/2]++
			if seen[string(o.Taken[0])] {
				t.Errorf("racer %d was given %x, as another", i, o.Taken[0])
			}
			seen[string(o.Taken[0])] = true
		}
		for from, n := range won {
			if n > 1 {
				t.Errorf("%d racers moved on from generation %d, want one at most", n, from)
			}
		}
		if won[racers/2-1] != 1 {
			t.Error("nobody moved on from the newest generation")
		}
	})
	t.Run("many who append leave the newest, each once", func(t *testing.T) {
		const keep = 40
		shard := newShard()
		twice := func(i int) store.Attempt { return store.Attempt{1, byte(i / 2)} } //nolint:gosec // a small number
		race(t, s, shard, twice, func(i int) []store.Op {
			return []store.Op{appendTo("all", fmt.Sprintf("%02d", i/2), 64), appendTo("some", fmt.Sprintf("%02d", i/2), keep)}
		})
		all, some := read(t, s, shard, "all"), read(t, s, shard, "some")
		if !strings.HasSuffix(all, some) || len(some) != 2*keep {
			t.Errorf("got the newest %q of %q, want its last %d", some, all, keep)
		}
		var entries []string
		for i := 0; i < len(all); i += 2 {
			entries = append(entries, all[i:i+2])
		}
		slices.Sort(entries)
		if n := len(slices.Compact(entries)); n != racers/2 || len(all) != racers {
			t.Errorf("got %q with %d entries, %d of them different, want %d", all, len(all)/2, n, racers/2)
		}
	})
}

// grownInAnotherRun checks that generations and lists outlive a run, with the
// fence of the run that minted them.
func (u *suite) grownInAnotherRun(t *testing.T) {
	s := u.open(t)
	shard, attempt := family(t, s), newAttempt()
	if _, err := s.Apply(t.Context(), shard, attempt, true, advance("gen", 5), appendTo("list", "dd", 3), fetch("bare")); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	s = u.reopen(t, s)
	want := done(generation(5, "rest"), generation(0, ""))
	wantOutcome(t, applyAs(t, s, shard, attempt, advance("gen", 5)), repeated(want))
	wantValue(t, s, shard, "gen", generation(6, "rest"))
	wantValue(t, s, shard, "list", "bbccdd")
	wantOutcome(t, apply(t, s, shard, advance("code", 5), appendTo("code2", "x", 1)), done(generation(5, "c")))
	wantOutcome(t, apply(t, s, shard, appendTo("code", "d", 64)), done())
	wantOutcome(t, apply(t, s, shard, fetch("code")), done(generation(6, "cd")))
	wantOutcome(t, apply(t, s, shard, take("code", "t")), conflict(0, store.Fence, ""))
}
