package live

import (
	"testing"
	"time"

	"sinho/signal"
)

func TestLoadIsOfThoseThatCanBeChosen(t *testing.T) {
	l, err := New(Config{Providers: []Provider{{ID: "naver", Capacity: 10}, {ID: "kakao", Capacity: 5, CapacityCap: 8}, {ID: "pass"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := func(capacity float64) {
		t.Helper()
		if got, waits := l.Load(); got != capacity || waits != 0 {
			t.Errorf("got %v and %v waiting, want %v and none", got, waits, capacity)
		}
	}
	want(20 + 8 + 2)
	until := time.Now().Add(time.Hour)
	if err := l.Override("naver", &signal.Override{Until: until}); err != nil {
		t.Fatal(err)
	}
	want(8 + 2)
	if err := l.Override("pass", &signal.Override{Disabled: true, Until: until}); err != nil {
		t.Fatal(err)
	}
	want(8)
}
