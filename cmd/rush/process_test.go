package main

import (
	"testing"
	"time"
)

func TestTheProcessTableIsReadAsItIsWritten(t *testing.T) {
	const line = "4242 (a (b) c) S 1 4242 4242 0 -1 4194304 100 0 0 0 150 50 7 8 20 0 9 0 12345 1000000 256 18446744073709551615 1 1 0 0"
	got, name, err := parseStat([]byte(line), 4096)
	if err != nil {
		t.Fatal(err)
	}
	if want := (reading{cpu: 2 * time.Second, rss: 1 << 20}); got != want || name != "a (b) c" {
		t.Errorf("got %+v of %q, want %+v of %q", got, name, want, "a (b) c")
	}
	for _, bad := range []string{"", "1 (x) S 1 2", "1 x S", ")(", "1 (x) S 1 1 1 0 1 1 1 0 0 0 x 50 7 8 20 0 9 0 12345 1000000 256"} {
		if _, _, err := parseStat([]byte(bad), 4096); err == nil {
			t.Errorf("%q was understood", bad)
		}
	}
}
