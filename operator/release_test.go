package operator

import (
	"errors"
	"strings"
	"testing"
)

func TestAReleaseIsInTheTrailBeforeAndAfterIt(t *testing.T) {
	d := NewDesk(Config{Store: fresh(t)})
	for reason, want := range map[string]error{" ": ErrReasonKO, strings.Repeat("가", 101): ErrReasonLong, "a\nb": ErrReasonLong} {
		if err := d.NoteRelease(t.Context(), "jimin", "8J10-74D7", reason, ""); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", reason, err, want)
		}
	}
	if err := d.NoteRelease(t.Context(), "jimin", "8J10-74D7", " 기기 분실 ", ""); err != nil {
		t.Fatal(err)
	}
	if err := d.NoteRelease(t.Context(), "jimin", "8J10-74D7", "", ReleaseDone); err != nil {
		t.Fatal(err)
	}
	all, _, err := d.Trail(t.Context(), Changes, 0)
	if err != nil || len(all) != 2 {
		t.Fatalf("got %d entries (%v), want 2", len(all), err)
	}
	for _, e := range all {
		if e.By != "jimin" || e.What != Release || e.Reference != "8J10-74D7" || e.At.IsZero() {
			t.Errorf("got %+v", e)
		}
	}
	if all[0].Outcome != ReleaseDone || all[1].Outcome != "" || all[1].Reason.KO != "기기 분실" {
		t.Errorf("got %+v, want what became of it behind why", all)
	}
}
