package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/lobby/hall"
	"sinho/operator"
	"sinho/signal"
)

func TestOrdersAreLaidOverTheFile(t *testing.T) {
	eight := time.Date(2021, 8, 9, 11, 0, 0, 0, time.UTC)
	week := eight.AddDate(0, 0, -7)
	file := hall.Setting{
		Name: "vaccine", Clients: []string{"booking"}, Mode: hall.Auto, Min: 1, Max: 40, Opens: eight, Announce: week, Round: "0809", Early: 5 * time.Minute,
	}
	off := file
	off.Mode = hall.Off
	ordered := func(round string, file operator.Opening) *operator.RoomOpening {
		return &operator.RoomOpening{Opens: eight.Add(time.Hour), Announce: eight.Add(-time.Minute), Round: round, File: file}
	}
	// The same moment in another zone is the same.
	says := operator.Opening{Opens: eight.In(time.FixedZone("KST", 9*3600)), Round: "0809"}
	for _, tt := range []struct {
		name  string
		file  hall.Setting
		order operator.RoomOrder
		want  func(*hall.Setting)
	}{
		{"nothing", file, operator.RoomOrder{}, func(*hall.Setting) {}},
		{"closed", file, operator.RoomOrder{Closing: &operator.RoomClosing{}}, func(s *hall.Setting) { s.Closed = true }},
		{"closed with words for people", file, operator.RoomOrder{Closing: &operator.RoomClosing{Notice: signal.Text{KO: "곧", EN: "Soon"}}}, func(s *hall.Setting) { s.Closed, s.Notice = true, [2]string{"곧", "Soon"} }},
		{"closed while it is off", off, operator.RoomOrder{Closing: &operator.RoomClosing{}}, func(s *hall.Setting) { s.Closed, s.Mode = true, hall.Auto }},
		{"closed and ordered off", file, operator.RoomOrder{Closing: &operator.RoomClosing{}, Mode: &operator.RoomModeOrder{Mode: "off"}}, func(s *hall.Setting) { s.Closed = true }},
		{"another mode", file, operator.RoomOrder{Mode: &operator.RoomModeOrder{Mode: "forced"}}, func(s *hall.Setting) { s.Mode = hall.Forced }},
		{"limits, none among them", file, operator.RoomOrder{Limits: &operator.RoomLimitsOrder{Min: 2}}, func(s *hall.Setting) { s.Min, s.Max = 2, 0 }},
		{"another opening of the round", file, operator.RoomOrder{Schedule: ordered("", says)}, func(s *hall.Setting) {
			s.Opens, s.Announce = eight.Add(time.Hour), eight.Add(-time.Minute)
		}},
		{"another opening and round", file, operator.RoomOrder{Schedule: ordered("anew", says)}, func(s *hall.Setting) {
			s.Opens, s.Announce, s.Round = eight.Add(time.Hour), eight.Add(-time.Minute), "anew"
		}},
		{"an opening over a file that said another round", file, operator.RoomOrder{Schedule: ordered("anew", operator.Opening{Opens: eight, Round: "0802"})}, func(*hall.Setting) {}},
		{"an opening over a file that said none", file, operator.RoomOrder{Schedule: ordered("anew", operator.Opening{})}, func(*hall.Setting) {}},
	} {
		want := tt.file
		tt.want(&want)
		if diff := cmp.Diff(want, laid(tt.file, tt.order)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
