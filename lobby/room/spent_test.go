package room

import (
	"testing"
	"time"
)

func TestEveryNodeSeesWhatIsSpent(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		all := nodes(t, p, 2, time.Time{})
		epoch, n := number(t, all[0], at(0))
		see := func(n uint64, want bool) {
			t.Helper()
			for i, r := range all {
				if got, err := r.Spent(t.Context(), passOf(epoch, n)); err != nil || got != want {
					t.Errorf("node %d, number %d: got %v, %v, want %v", i, n, got, err, want)
				}
			}
		}
		see(n, false) // no page yet
		for i, r := range all {
			if err := r.Spend(t.Context(), passOf(epoch, n+uint64(i)), fresh()); err != nil {
				t.Fatal(err)
			}
		}
		see(n, true)
		see(n+1, true)
		see(n+2, false)
		see(n+perPage, false)
	})
}
