package room

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sinho/evidence"
	"sinho/store/redistest"
)

// TestAMillionTicketsFromThreeProcesses is `make evidence-tickets`: a million
// numbers given out in a minute and then called, each with a pass that is spent,
// by three processes on one Redis. As a miniature: eighteen thousand.
func TestAMillionTicketsFromThreeProcesses(t *testing.T) {
	numbers, issued, called := 1_000_000, 16_700.0, 4_000.0
	if !evidence.Collecting() {
		numbers, issued, called = 18_000, 9_000, 6_000
	}
	e := evidence.New("tickets", 1)
	defer e.Close(t)
	sv := redistest.Start(t)
	dir := t.TempDir()
	file := func(kind string, i int) string { return filepath.Join(dir, fmt.Sprint(kind, i)) }
	all := make([]*child, 3)
	for i := range all {
		all[i] = startNode(t, sv.Addr)
	}
	everyNode(t, all, func(i int) order { return order{Steps: file("steps", i)} })
	bare := used(t, sv)
	sv.Do(t, "config", "resetstat")

	everyNode(t, all, func(i int) order {
		return order{Issue: numbers/3 + min(1, max(0, numbers%3-i)), Rate: issued / 3, Journal: file("given", i)}
	})
	issuing := operations(t, sv)
	memory, keys := stored(t, sv, "*")
	resident := used(t, sv) - bare
	given := gathered(t, file, "given")
	slices.SortFunc(given, func(a, b line) int { return int(a.Number) - int(b.Number) })
	everybody := filepath.Join(dir, "everybody")
	keep(t, everybody, given)
	twiceGiven, epochs := repeated(given)
	disorder := outOfOrder(given)

	sv.Do(t, "config", "resetstat")
	everyNode(t, all, func(i int) order {
		return order{Call: called, Admit: everybody, Window: uint64(10 * called), Index: i, Spent: file("spent", i)}
	})
	spending := operations(t, sv)
	pages, pageKeys := stored(t, sv, "*spent*")
	counters, _ := stored(t, sv, "*queue*")
	fate := fates(given, gathered(t, file, "spent"))
	steps := gathered(t, file, "steps")
	back := wentBack(steps)

	e.Figures = map[string]any{
		"nodes": 3, "numbers": len(given), "numbers_given_twice": twiceGiven, "epochs": epochs, "numbers_out_of_order_by_more_than_2_s": disorder,
		"issued_per_s": issued, "called_per_s": called, "steps_seen": len(steps), "times_serving_went_back": back,
		"issuing":  map[string]any{"operations": issuing.asked, "commands": issuing.calls, "stored_bytes": memory, "records": keys, "redis_used_memory_more_bytes": resident},
		"spending": map[string]any{"operations": spending.asked, "page_bytes": pages, "page_records": pageKeys, "counter_bytes": counters},
		"passes":   fate,
	}
	t.Logf("%+v", e.Figures)
	e.Must(t, len(given) == numbers && epochs == 1, fmt.Sprintf("%d numbers of %d epochs, want %d of one", len(given), epochs, numbers))
	e.Must(t, twiceGiven == 0, fmt.Sprintf("%d numbers given twice", twiceGiven))
	e.Must(t, disorder == 0, fmt.Sprintf("%d who came later are ahead", disorder))
	e.Must(t, back == 0 && len(steps) > 0, fmt.Sprintf("serving went back %d times in %d steps", back, len(steps)))
	e.Must(t, fate.Twice == 0, fmt.Sprintf("%d passes spent twice", fate.Twice))
	e.Must(t, fate.Spent == numbers && fate.Late == 0, fmt.Sprintf("%d passes spent and %d late, want %d and none", fate.Spent, fate.Late, numbers))
	e.Must(t, fate.Refused == (numbers+49)/50, fmt.Sprintf("%d refused, want %d", fate.Refused, (numbers+49)/50))
	e.Demand(issuing.asked <= 20_000, fmt.Sprintf("%d operations to give out numbers, want 20,000 at most", issuing.asked))
	e.Demand(memory <= 1<<20 && pages <= 1<<20, fmt.Sprintf("%d bytes after issuing and %d of pages, want a megabyte at most", memory, pages))
}

// asked is what nodes have asked a server for.
type asked struct {
	asked int64
	calls map[string]int64
}

// operations are a server's since its figures were reset: scripts, reads and looks
// at the clock. What a script does within is not counted again.
func operations(t *testing.T, sv *redistest.Server) asked {
	t.Helper()
	a := asked{calls: map[string]int64{}}
	for l := range strings.Lines(sv.Do(t, "info", "commandstats").(string)) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(l, "cmdstat_"), ":")
		var n int64
		if _, err := fmt.Sscanf(rest, "calls=%d", &n); err != nil {
			continue
		}
		a.calls[name] = n
		if name == "evalsha" || name == "eval" || name == "mget" || name == "time" {
			a.asked += n
		}
	}
	return a
}

// stored is what the records of a pattern take.
func stored(t *testing.T, sv *redistest.Server, pattern string) (bytes int64, keys int) {
	t.Helper()
	for _, k := range sv.Do(t, "keys", pattern).([]any) {
		if n, err := sv.Client.MemoryUsage(t.Context(), k.(string)).Result(); err == nil { // it may just have expired
			bytes, keys = bytes+n, keys+1
		}
	}
	return bytes, keys
}

func used(t *testing.T, sv *redistest.Server) (bytes int64) {
	t.Helper()
	if _, err := fmt.Sscan(sv.Info(t, "memory", "used_memory"), &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes
}

// gathered are the journals of three nodes.
func gathered(t *testing.T, file func(string, int) string, kind string) (all []line) {
	t.Helper()
	for i := range 3 {
		some, err := lines(file(kind, i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	return all
}

func keep(t *testing.T, name string, all []line) {
	t.Helper()
	var raw []byte
	for _, l := range all {
		raw = l.append(raw)
	}
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// repeated counts numbers of one epoch that were given more than once.
func repeated(given []line) (n, epochs int) {
	type name struct{ epoch, number uint64 }
	seen, of := make(map[name]bool, len(given)), map[uint64]bool{}
	for _, l := range given {
		of[l.Epoch] = true
		if seen[name{l.Epoch, l.Number}] {
			n++
		}
		seen[name{l.Epoch, l.Number}] = true
	}
	return n, len(of)
}

// outOfOrder counts who asked more than a block's life after somebody else had been
// answered, and has a lower number than they.
func outOfOrder(given []line) (n int) {
	return sweep(given, uint64(stale), func(earlier, own uint64) bool { return own < earlier })
}

// wentBack counts steps that were asked for after another had been answered, and
// show less.
func wentBack(steps []line) int {
	return sweep(steps, 0, func(earlier, own uint64) bool { return own < earlier })
}

// sweep counts lines for which bad says so, given the highest number that was
// answered so many nanoseconds before they were asked for.
func sweep(all []line, before uint64, bad func(earlier, own uint64) bool) (n int) {
	asked, answered := slices.Clone(all), slices.Clone(all)
	slices.SortFunc(asked, func(a, b line) int { return int(int64(a.Asked) - int64(b.Asked)) })
	slices.SortFunc(answered, func(a, b line) int { return int(int64(a.Answered) - int64(b.Answered)) })
	highest := uint64(0)
	for _, l := range asked {
		for len(answered) > 0 && answered[0].Answered+before < l.Asked {
			highest, answered = max(highest, answered[0].Number), answered[1:]
		}
		if bad(highest, l.Number) {
			n++
		}
	}
	return n
}

// fate is what became of passes.
type fate struct {
	Spent   int `json:"spent"`
	Twice   int `json:"spent_twice"`
	Refused int `json:"second_uses_refused"`
	Late    int `json:"late"`
}

func fates(given, passes []line) (f fate) {
	spent := make(map[uint64]int, len(given))
	for _, l := range passes {
		switch l.Epoch {
		case entered:
			if spent[l.Number]++; spent[l.Number] == 1 {
				f.Spent++
			} else {
				f.Twice++
			}
		case refused:
			f.Refused++
		case late:
			f.Late++
		}
	}
	return f
}

// What judges journals must be able to refuse one.
func TestJournalsAreJudged(t *testing.T) {
	second := uint64(1e9)
	given := []line{{1, 2, 7, 0}, {3 * second, 3*second + 1, 7, 5}, {3 * second, 4 * second, 7, 6}}
	if n := outOfOrder(given); n != 0 {
		t.Errorf("got %d out of order, want none", n)
	}
	if n := outOfOrder(append(given, line{9 * second, 9 * second, 7, 3})); n != 1 {
		t.Errorf("got %d out of order, want one", n)
	}
	if n := outOfOrder(append(given, line{5 * second, 9 * second, 7, 3})); n != 0 {
		t.Errorf("got %d out of order within a block's life, want none", n)
	}
	if n, epochs := repeated(append(given, line{1, 1, 8, 5}, line{1, 1, 7, 5})); n != 1 || epochs != 2 {
		t.Errorf("got %d repeated of %d epochs, want one of two", n, epochs)
	}
	if n := wentBack([]line{{1, 2, 7, 10}, {1, 9, 7, 20}, {3, 4, 7, 9}, {8, 9, 7, 10}}); n != 1 {
		t.Errorf("got %d times back, want one", n)
	}
	f := fates(given, []line{{0, 0, entered, 5}, {0, 0, refused, 5}, {0, 0, entered, 5}, {0, 0, late, 6}, {0, 0, entered, 0}})
	if f != (fate{Spent: 2, Twice: 1, Refused: 1, Late: 1}) {
		t.Errorf("got %+v", f)
	}
}
