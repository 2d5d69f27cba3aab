package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/config"
)

// checkedRooms is what check says of the rooms of a configuration at an hour of
// Seoul.
func (w *world) checkedRooms(text, at string) string {
	w.t.Helper()
	w.write(text)
	cfg, err := config.Load(w.path, w.env)
	if err != nil {
		w.t.Fatal(err)
	}
	now, err := time.ParseInLocation("2006-01-02 15:04", at, cfg.TimeZone.Location())
	if err != nil {
		w.t.Fatal(err)
	}
	var out strings.Builder
	roomLines(&out, func(name, format string, args ...any) {
		fmt.Fprintf(&out, "%s: %s\n", name, fmt.Sprintf(format, args...))
	}, cfg, now)
	return out.String()
}

const otherClients = `  - {id: school, name: {ko: 학교}, secret_sha256: "` + zeroHash + `", redirect_uris: ["https://school.example/cb"]}
  - {id: shop, name: {ko: 가게}, secret_sha256: "` + zeroHash + `", redirect_uris: ["https://shop.example/cb"]}
providers:`

const zeroHash = "0000000000000000000000000000000000000000000000000000000000000001"

func TestCheckSaysWhatTheRoomsComeTo(t *testing.T) {
	w := newWorld(t, "http")
	rooms := `rooms:
  - {id: vaccine, clients: [booking], mode: forced, min_rate: 20, max_rate: 300, opens: 2021-08-09 20:00, announced: 2021-08-02, round: "0809"}
  - {id: rest}
`
	got := w.checkedRooms(w.text(rooms, "providers:", otherClients, "capacity: 1", "capacity: 40, capacity_cap: 70"), "2021-08-06 15:30")
	want := `room: vaccine, of booking; forced, begins at 69.84 a second, at least 20, at most 300; opens 2021-08-09 20:00 KST, in 3 d 4 h; verifying ahead until 19:55; round 0809
room: rest, of all other clients: school, shop; auto, begins at 69.84 a second; open
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCheckWarnsOfRoomsThatAreHardlyMeant(t *testing.T) {
	for name, tc := range map[string]struct {
		room string // of booking alone
		at   string
		more []string // changes of the settings
		line string   // without the room's name and clients
		want []string // warnings without the room's name
	}{
		"nothing": {
			room: `mode: auto, min_rate: 3, opens: 2021-08-09 20:00, announced: 2021-08-06, early_until: 0s, round: a`, at: "2021-08-09 19:58",
			line: "auto, begins at 3.88 a second, at least 3; opens 2021-08-09 20:00 KST, in 2 min 0 s; nobody verifies ahead; round a",
		},
		"no provider has a capacity": {
			room: `mode: auto`, at: "2021-08-06 15:30", line: "auto, begins at 3.88 a second; open",
			want: []string{"begins at 3.88 people a second until the providers have been measured, for no provider has a capacity: set min_rate"},
		},
		"one of them has": {
			room: `mode: auto`, at: "2021-08-06 15:30", more: []string{"capacity: 1", "capacity: 50"}, line: "auto, begins at 98.94 a second; open",
		},
		"an opening that is over": {
			room: `min_rate: 20, opens: 2021-08-09 20:00, announced: 2021-08-02, round: a`, at: "2021-08-09 21:05",
			line: "auto, begins at 20 a second, at least 20; opened 2021-08-09 20:00 KST, 1 h 5 min ago; round a",
			want: []string{"has its opening behind it, so nobody is shuffled any more: for another one write another opening and another round; leave it as it is while anybody of this one waits"},
		},
		"an opening without a round, told on a day to come": {
			room: `min_rate: 20, opens: 2021-08-09 20:00, announced: 2021-08-07`, at: "2021-08-06 15:30",
			line: "auto, begins at 20 a second, at least 20; opens 2021-08-09 20:00 KST, in 3 d 4 h; verifying ahead until 19:55",
			want: []string{
				`has an opening and no round: if it was ever open before, it opens with the numbers of then and nobody is shuffled. Write one, such as round: "0809"`,
				"is announced on a day to come: a sealing key that begins until then changes the commitment that people have read. Write the day on which they are told",
			},
		},
		"off, with an opening": {
			room: `mode: off, opens: 2021-08-09 20:00, announced: 2021-08-02`, at: "2021-08-06 15:30", line: "off, so nobody waits",
			want: []string{"is off, so everybody gets in before its opening too: write mode: auto"},
		},
		"a rota that opens later": {
			room: `min_rate: 20, opens: 2021-08-09 20:00, announced: 2021-08-02, round: a`, at: "2021-08-06 15:30", more: byRota("from: 2021-08-09 20:01"),
			line: "auto, begins at 20 a second, at least 20; opens 2021-08-09 20:00 KST, in 3 d 4 h; verifying ahead until 19:55; round a",
			want: []string{"opens when it is nobody's turn by the rota turns of booking: people are called and turned away until 2021-08-09 20:01 KST"},
		},
		"a rota that is over by then": {
			room: `min_rate: 20, opens: 2021-08-09 20:00, announced: 2021-08-02, round: a`, at: "2021-08-06 15:30", more: byRota("from: 2021-08-01 20:00, to: 2021-08-09 20:00"),
			line: "auto, begins at 20 a second, at least 20; opens 2021-08-09 20:00 KST, in 3 d 4 h; verifying ahead until 19:55; round a",
			want: []string{"opens when the rota turns of booking is over: nobody will get in"},
		},
		"a rota that opens with it": {
			room: `min_rate: 20, opens: 2021-08-09 20:00, announced: 2021-08-02, round: a`, at: "2021-08-06 15:30", more: byRota("from: 2021-08-09 20:00"),
			line: "auto, begins at 20 a second, at least 20; opens 2021-08-09 20:00 KST, in 3 d 4 h; verifying ahead until 19:55; round a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "http")
			got := w.checkedRooms(w.text("rooms:\n  - {id: vaccine, clients: [booking], "+tc.room+"}\n", tc.more...), tc.at)
			want := "room: vaccine, of booking; " + tc.line + "\n"
			for _, warning := range tc.want {
				want += "warning: the room vaccine " + warning + "\n"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// byRota has the booking site go by a rota of one rule.
func byRota(rule string) []string {
	return []string{
		"sector: booking\n", "sector: booking\n    min_assurance: verified\n    rota: turns\n",
		"name: {ko: 나라, en: Nara}}", "name: {ko: 나라, en: Nara}, assurance: verified}",
		"providers:", "rotas: [{id: turns, rules: [{" + rule + "}]}]\nproviders:",
	}
}

func TestCheckWarnsOfARoomOfNobodyAndOfMoreThanContractsAllow(t *testing.T) {
	w := newWorld(t, "http")
	got := w.checkedRooms(w.text(`rooms:
  - {id: vaccine, clients: [booking], min_rate: 60}
  - {id: rest, min_rate: 60}
`, "capacity: 1}", "capacity_cap: 50}", "en: Nara}}", "en: Nara}, capacity_cap: 50}"), "2021-08-06 15:30")
	want := `room: vaccine, of booking; auto, begins at 60 a second, at least 60; open
room: rest, of nobody; auto, begins at 60 a second, at least 60; open
warning: the room rest is of nobody: there is no client that another room does not have
warning: the rooms call at least 120 people a second (min_rate), and the providers may get 100 (capacity_cap)
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCheckHasALineForEachRoom(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text("rooms: [{id: all, min_rate: 5, mode: forced}]\n"))
	out := newLines()
	if err := runCheck(w.path, w.env, out); err != nil {
		t.Fatal(err)
	}
	if want := "  room        all, of all clients; forced, begins at 5 a second, at least 5; open\n"; !strings.Contains(out.String(), want) {
		t.Errorf("the output lacks %q:\n%s", want, out)
	}
}
