package room

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"sinho/store/redistest"
)

// kill -9 of one of three nodes, while it gives out numbers and again while passes
// are spent at it. (That of the only node of bbolt is in store/linear.)
func TestANodeKilledMidwayGivesNoNumberTwiceAndSpendsNoPassTwice(t *testing.T) {
	const each, more, workers = 3000, 1000, 16
	sv := redistest.Start(t)
	dir := t.TempDir()
	file := func(kind string, i int) string { return filepath.Join(dir, fmt.Sprint(kind, i)) }
	all := make([]*child, 3)
	start := func(i int) {
		all[i] = startNode(t, sv.Addr)
		if err := all[i].do(order{Call: 6000, Steps: file("steps", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range all {
		start(i)
	}
	// struck gives all an order; node 0 is killed once its journal is so long, and
	// its successor does as the second says.
	struck := func(kind string, long int, o, again func(i int) order) (before []line) {
		victim := all[0]
		var wait sync.WaitGroup
		for i, c := range all {
			wait.Go(func() {
				if err := c.do(o(i)); (err == nil) == (i == 0) {
					t.Errorf("%s, node %d: %v", kind, i, err)
				}
			})
		}
		redistest.Eventually(t, "node 0 is in the midst of it", func() bool {
			done, _ := lines(file(kind, 0)) // there may be none yet
			before = done
			return len(done) >= long
		})
		victim.kill()
		start(0)
		if err := all[0].do(again(0)); err != nil {
			t.Fatal(err)
		}
		wait.Wait()
		if t.Failed() {
			t.FailNow()
		}
		return before
	}

	struck("given", 500, func(i int) order {
		return order{Call: 6000, Issue: each, Rate: 2000, Journal: file("given", i)}
	}, func(i int) order {
		return order{Call: 6000, Issue: more, Rate: 2000, Journal: file("given", i)}
	})
	given := gathered(t, file, "given")
	if n, epochs := repeated(given); n != 0 || epochs != 1 {
		t.Errorf("got %d numbers twice, of %d epochs, want none of one", n, epochs)
	}
	if len(given) < 2*each+more+500 || outOfOrder(given) != 0 {
		t.Errorf("got %d numbers, %d out of order, want %d at least and none", len(given), outOfOrder(given), 2*each+more+500)
	}

	slices.SortFunc(given, func(a, b line) int { return int(a.Number) - int(b.Number) })
	everybody := filepath.Join(dir, "everybody")
	keep(t, everybody, given)
	admit := func(i int) order {
		return order{Call: 6000, Admit: everybody, Index: i, Spent: file("spent", i)}
	}
	struck("spent", 300, admit, admit) // the successor tries everybody again
	passes := gathered(t, file, "spent")
	f := fates(given, passes)
	if f.Twice != 0 || f.Late != 0 || f.Refused < 300 {
		t.Errorf("got %+v, want no pass spent twice, nobody late, and those who were in refused", f)
	}
	if lost := len(given) - f.Spent; lost < 0 || lost > workers { // spent, and the node killed before it could say so
		t.Errorf("got %d passes spent of %d, want all but %d", f.Spent, len(given), workers)
	}
	if n := wentBack(gathered(t, file, "steps")); n != 0 {
		t.Errorf("serving went back %d times", n)
	}
}
