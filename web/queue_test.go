package web

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"sinho/broker"
	"sinho/lobby"
	"sinho/lobby/hall"
)

// waitingRoom is one browser's seat, as a test wants it.
type waitingRoom struct {
	seat hall.Seat
	err  error
	asks []broker.Entrance
}

func (s *waitingRoom) take(w http.ResponseWriter, _ *http.Request, e broker.Entrance) (hall.Seat, error) {
	s.asks = append(s.asks, e)
	http.SetCookie(w, &http.Cookie{Name: "ticket", Value: "sealed"})
	return s.seat, s.err
}

// openingOf is how the shuffle of a test's room was drawn.
func openingOf() (o lobby.Opening, proof string) {
	o = lobby.Opening{At: noon.Add(-time.Hour), Seed: [32]byte{7, 7, 7}}
	c := lobby.Commitment(o.Seed)
	return o, hex.EncodeToString(c[:])
}

// seatOf is a seat with its frame and view, after changes to each.
func seatOf(t *testing.T, number, late uint64, change func(*hall.Seat, *lobby.Frame)) hall.Seat {
	t.Helper()
	o, proof := openingOf()
	f := lobby.Frame{
		Version: 1, Room: "vaccine", Second: noon.Unix(), Serving: 3900, Step: 20, Fresh: 3000, Next: 9000, Late: 4,
		Show: 1000, Rate: 6000, Slow: 4500, Moved: noon.Unix() - 3, Proof: proof, Crowd: 8000, Seed: hex.EncodeToString(o.Seed[:]),
	}
	s := hall.Seat{
		Room: hall.Setting{Name: "vaccine", Title: [2]string{"백신 예약 대기실", "Vaccine booking"}, Mode: hall.Auto}, Number: number, Late: late,
		Now: noon, Proof: proof, Reload: 20 * time.Second, Spread: 1234 * time.Millisecond,
	}
	if change != nil {
		change(&s, &f)
	}
	wire, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if s.View, err = f.View(number, late, 0); err != nil {
		t.Fatal(err)
	}
	s.View.Called = s.Called
	s.Frame = jws(string(wire))
	return s
}

// beforeOpening is a room that opens in an hour, two minutes and three seconds.
func beforeOpening(s *hall.Seat, f *lobby.Frame) {
	at := noon.Add(time.Hour + 2*time.Minute + 3*time.Second)
	s.Opens, s.MayBe = at, true
	*f = lobby.Frame{Version: 1, Room: "vaccine", Second: noon.Unix(), Next: 5000, Show: 1000, Proof: s.Proof, Opens: at.Unix()}
}

func someQueueing() broker.Queueing {
	return broker.Queueing{Login: someLogin(), Entrance: broker.Entrance{Client: "booking"}, MayVerify: true}
}

func queueWeb(t *testing.T, f *fake, room *waitingRoom, change func(*Config)) http.Handler {
	t.Helper()
	return newWeb(t, f, func(c *Config) {
		c.Seat = room.take
		if change != nil {
			change(c)
		}
	})
}

// shown is the text of what is not hidden.
func shown(t *testing.T, body string) string {
	t.Helper()
	var b strings.Builder
	for _, n := range nodes(t, body, func(n *html.Node) bool { return n.Data == "main" }) {
		var walk func(*html.Node)
		walk = func(n *html.Node) {
			if n.Type == html.ElementNode && has(n, "hidden") {
				return
			}
			if n.Type == html.TextNode {
				b.WriteString(n.Data + " ")
			}
			for c := range n.ChildNodes() {
				walk(c)
			}
		}
		walk(n)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestTheWaitingRoomShows(t *testing.T) {
	tests := map[string]struct {
		number, late uint64
		seat         func(*hall.Seat, *lobby.Frame)
		queueing     func(*broker.Queueing)
		want         []string // Korean; then English after a "|"
		not          []string
	}{
		"before the opening a countdown and no place": {
			number: 4999, seat: beforeOpening,
			want: []string{
				"백신 예약 대기실|Vaccine booking", "곧 열려요|Opening soon", "1:02:03", "3월 2일(월) 13:02에 열려요|Opens Mon 2 Mar 13:02, Korean time", "번호표 5,000번|Ticket no. 5,000",
				"일찍 와도 유리하지 않아요|Coming early gains nothing", "지금 미리 본인확인|Verify yourself now", "열린 뒤 이 자리에|After the opening",
				"자리는 그대로예요|your place is kept", "20초마다|every 20 s",
			},
			not: []string{"앞에 기다리는", "본인확인을 마쳤어요"},
		},
		"no early login where a session would be of no use": {
			number: 4999, seat: beforeOpening, queueing: func(q *broker.Queueing) { q.MayVerify = false },
			want: []string{"곧 열려요|Opening soon"}, not: []string{"지금 미리 본인확인"},
		},
		"that an early login is done": {
			number: 4999, seat: beforeOpening, queueing: func(q *broker.Queueing) { q.Verified = true },
			want: []string{"본인확인을 마쳤어요. 열리면 바로 들어갑니다.|You are verified. When it opens you go right in."},
			not:  []string{"지금 미리 본인확인", "한빛 예약으로 계속하기"},
		},
		"that the order is being drawn": {
			number: 4999, seat: func(s *hall.Seat, f *lobby.Frame) { f.Seed, s.Reload = "", 3*time.Second },
			want: []string{"순서를 정하고 있어요|Drawing the order", "번호표 5,000번|Ticket no. 5,000"}, not: []string{"내 순서"},
		},
		"the place, who is ahead and for how long": {
			number: 8500,
			want: []string{
				"차례를 기다리고 있어요|Waiting for your turn", "8,501번째|8,501", "앞에 기다리는 사람 4,620명|4,620 waiting ahead", "약 13–18분|about 13–18 min",
				"지금 3,880번째까지 불렀어요|3,880 called so far", "방금|just now", "sinho lobby verify --commitment", "--number 8500",
			},
			not: []string{"열리기까지", "늦은 줄", "잠시 멈췄어요", "일찍 와도"},
		},
		"no command that checks a shuffle of nobody": {
			number: 8500, seat: func(_ *hall.Seat, f *lobby.Frame) { f.Crowd = 0 },
			want: []string{"8,501번째|8,501"}, not: []string{"--count"},
		},
		"that it stands, without an estimate": {
			number: 8500, seat: func(_ *hall.Seat, f *lobby.Frame) { f.Rate, f.Slow, f.Moved = 0, 0, noon.Unix()-75 },
			want: []string{"잠시 멈췄어요|Standing still", "1분 전|1 min ago", "8,501번째|8,501"}, not: []string{"약 1"},
		},
		"that nothing is lost by coming late": {
			number: 8500, late: 11, seat: func(_ *hall.Seat, f *lobby.Frame) { f.Serving, f.Fresh = 8700, 8600 },
			want: []string{"잃은 것은 없어요|Nothing is lost", "늦은 줄에서 내 순서|Your place in the late line", "11번째|11", "앞에 기다리는 사람 6명|6 waiting ahead"},
			not:  []string{"차례를 기다리고"},
		},
		"that the operators have paused it": {
			number: 8500, seat: func(s *hall.Seat, f *lobby.Frame) { s.Room.Closed, f.Closed, f.Rate = true, true, 0 },
			want: []string{"운영자가 잠시 멈춰 두었어요|The operators have paused it", "8,501번째|8,501"}, not: []string{"잠시 멈췄어요", "약 1"},
		},
		"what the operators who paused it say": {
			number: 8500, seat: func(s *hall.Seat, f *lobby.Frame) {
				s.Room.Closed, f.Closed, s.Room.Notice = true, true, [2]string{"21시에 다시 열어요.", "Back at 21:00."}
			},
			want: []string{"21시에 다시 열어요.", "Back at 21:00."},
		},
		"no word of a pause that is over": {
			number: 8500, seat: func(s *hall.Seat, f *lobby.Frame) { s.Room.Notice = [2]string{"21시에", "At 21:00"} },
			want: []string{"차례를 기다리고 있어요|Waiting"}, not: []string{"21시에", "At 21:00"},
		},
		"Continue, to whoever has logged in already": {
			number: 8500, queueing: func(q *broker.Queueing) { q.Verified = true },
			want: []string{"열렸어요|It is open", "한빛 예약으로 계속하기|Continue to Hanbit Booking"}, not: []string{"내 순서", "앞에 기다리는", "본인확인을 마쳤어요"},
		},
		"what the site will receive, before it goes on": {
			number: 8500, queueing: func(q *broker.Queueing) { q.Verified, q.Agreement = true, &broker.Agreement{Claims: []string{"name"}} },
			want: []string{"한빛 예약에 전달되는 정보|What Hanbit Booking will receive", "동의하고|Agree and continue"},
		},
		"no Continue while it is closed": {
			number: 8500, seat: func(s *hall.Seat, f *lobby.Frame) { s.Room.Closed, f.Closed = true, true },
			queueing: func(q *broker.Queueing) { q.Verified = true },
			want:     []string{"운영자가 잠시|The operators"}, not: []string{"계속하기"},
		},
		"the site's name where the room has none, and whose turn it is": {
			number: 8500, seat: func(s *hall.Seat, _ *lobby.Frame) { s.Room.Title = [2]string{} },
			queueing: func(q *broker.Queueing) {
				q.Today = &broker.Today{Zone: korea, Open: true, Turns: []broker.Turn{{Digit: 2, From: noon.In(korea), To: noon.Add(time.Hour).In(korea)}}}
			},
			want: []string{"한빛 예약 대기실|Waiting room of Hanbit Booking", "지금 차례: 생일 2·12·22일|Now: born on a 2nd, 12th or 22nd"},
		},
		"what to have ready, the lights and the certificates": {
			number: 8500,
			want:   []string{"기다리는 동안 준비해 주세요|Meanwhile, get ready", "네이버|Naver", "원활|Smooth", "✓ 내 인증서|✓ Mine", "내가 가진 인증서|Certificates I have", "REF12345|REF12345"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{queueing: someQueueing()}
			if tc.queueing != nil {
				tc.queueing(&f.queueing)
			}
			room := &waitingRoom{seat: seatOf(t, tc.number, tc.late, tc.seat)}
			h := queueWeb(t, f, room, nil)
			for i, lang := range []string{"ko", "en"} {
				w := get(h, "/queue?r=old&lang="+lang, "Cookie", heldCookie+"=kakao")
				body := w.Body.String()
				wellFormed(t, body)
				said := shown(t, body)
				if w.Code != http.StatusOK || !strings.Contains(body, `<html lang="`+lang+`">`) {
					t.Errorf("got %d in another language than %s", w.Code, lang)
				}
				for _, want := range tc.want {
					if both := strings.Split(want, "|"); !strings.Contains(said, both[min(i, len(both)-1)]) {
						t.Errorf("%s: got %.600q, want %q", lang, said, both[min(i, len(both)-1)])
					}
				}
				for _, not := range tc.not {
					if strings.Contains(said, not) {
						t.Errorf("%s: got %.600q, want no %q", lang, said, not)
					}
				}
				if begins := nodes(t, body, func(n *html.Node) bool {
					return n.Data == "form" && strings.HasPrefix(attr(n, "action"), "/login/") && !f.queueing.Verified
				}); len(begins) > 0 {
					t.Error("a login can begin from the waiting room")
				}
			}
			if got := room.asks[0]; got.Client != "booking" || f.calls[0] != "queue old" {
				t.Errorf("got %+v after %v, want the entrance that broker gave", got, f.calls)
			}
		})
	}
}

func TestTheWaitingRoomWithoutJavaScriptComesAgainByItself(t *testing.T) {
	room := &waitingRoom{seat: seatOf(t, 8500, 0, nil)}
	body := get(queueWeb(t, &fake{queueing: someQueueing()}, room, nil), "/queue?r=old").Body.String()
	meta := nodes(t, body, func(n *html.Node) bool { return attr(n, "http-equiv") == "refresh" })
	if len(meta) != 1 || attr(meta[0], "content") != "20; url=/queue?r=sealed-r_1" || meta[0].Parent.Data != "noscript" {
		t.Error("got no refresh at the seat's rate, by the renewed request, for browsers without scripts alone")
	}
	if got := attr(byID(t, body, "bar"), "value"); got != "45" {
		t.Errorf("got bar %q, want 45 of 100: 3,880 of 8,500", got)
	}
	if got := attr(byID(t, body, "again"), "href"); got != "/queue?r=sealed-r_1" {
		t.Errorf("got link %q", got)
	}
	for _, id := range []string{"calls", "lost"} {
		if !has(byID(t, body, id), "hidden") {
			t.Errorf("%s is shown without a script", id)
		}
	}
}
