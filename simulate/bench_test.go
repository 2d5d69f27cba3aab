package simulate

import "testing"

func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		if _, err := Run(Base(Ours, "outage")); err != nil {
			b.Fatal(err)
		}
	}
}
