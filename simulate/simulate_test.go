package simulate

import "testing"

func small(p Policy, scenario string) Config {
	c := Base(p, scenario)
	c.Capacity = 60
	return c
}

func TestEverybodyWhoCameIsSomewhere(t *testing.T) {
	for _, scenario := range Scenarios() {
		for _, p := range Policies() {
			r, err := Run(small(p, scenario))
			if err != nil {
				t.Fatal(err)
			}
			if r.Came == 0 || r.In+r.GaveUp+r.Left+r.UnderWay != r.Came {
				t.Errorf("%s, %s: %d in, %d gave up, %d left, %d under way of %d", scenario, p, r.In, r.GaveUp, r.Left, r.UnderWay, r.Came)
			}
			t.Log(scenario, p, r.Came, r.Figures)
		}
	}
}
