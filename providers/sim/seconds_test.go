package sim

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSecondsAreToldInTheirOrder(t *testing.T) {
	var s seconds
	begin := time.Unix(1_800_000_000, 0)
	for i := range secondsKept + 10 {
		for range 1 + i%3 {
			s.add(begin.Add(time.Duration(i)*time.Second), func(one *Second) { one.Asked++ })
		}
	}
	s.add(begin.Add((secondsKept+20)*time.Second), func(one *Second) { one.Logins++ })
	got := s.since(begin.Unix() + secondsKept + 8)
	want := []Second{
		{At: begin.Unix() + secondsKept + 8, Asked: 1 + (secondsKept+8)%3},
		{At: begin.Unix() + secondsKept + 9, Asked: 1 + (secondsKept+9)%3},
		{At: begin.Unix() + secondsKept + 20, Logins: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := (&seconds{}).since(0); len(got) != 0 {
		t.Errorf("got %v of a simulator that nobody asked", got)
	}
}

func TestASecondSaysWhatWasAskedOfTheQueue(t *testing.T) {
	s := build(t, config("naver"))
	postForm(s, "/oauth2/token", nil)
	res := get(s, "/control/seconds")
	var got struct{ Seconds []Second }
	if err := json.Unmarshal([]byte(res.body), &got); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, one := range got.Seconds {
		asked += one.Asked
	}
	if asked != 1 {
		t.Errorf("got %+v, want the one leg", got.Seconds)
	}
}
