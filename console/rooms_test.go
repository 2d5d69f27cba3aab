package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sinho/lobby"
	"sinho/lobby/hall"
	"sinho/operator"
)

// ordered are the halls with what is ordered laid over them, as a node does it.
func (r *room) ordered() []Room {
	var all []Room
	for _, h := range r.halls {
		h.Setting = h.File
		o := r.desk.Order(h.Name)
		if o.Mode != nil {
			h.Mode = hall.Mode(o.Mode.Mode)
		}
		if h.Closed = o.Closing != nil; h.Closed && h.Mode == hall.Off {
			h.Mode = hall.Auto
		}
		if o.Limits != nil {
			h.Min, h.Max = o.Limits.Min, o.Limits.Max
		}
		if o.Schedule != nil {
			h.Opens = o.Schedule.Opens
		}
		all = append(all, h)
	}
	return all
}

// vaccine is a room at work, with some people.
func vaccine() Room {
	return Room{
		Insight: hall.Insight{
			Queue: lobby.Queue{
				Drawn: true, Moved: time.Now().Unix(), Second: time.Now().Unix(),
				Main: lobby.Lane{Next: 1500, Serving: 300}, Late: lobby.Lane{Next: 12, Serving: 5},
			},
			Arrivals: 42, Admitted: 17.5, Waiting: 1200, Show: 0.7, Capacity: 20, Rate: 17.4, Watchers: 830, Estimate: hall.Score{Count: 100, Within: 90},
			Passes: hall.Counts{Given: 310, Extended: 12, Refused: map[string]uint64{"forged": 3, "used": 1}}, Spent: 280,
			Tickets: hall.Counts{Given: 1500, Refused: map[string]uint64{"expired": 2}},
		},
		File: hall.Setting{Name: "vaccine", Title: [2]string{"백신 예약", "Vaccine booking"}, Mode: hall.Auto, Clients: []string{"booking"}},
	}
}

// atWork is what the hall says of the only room.
func (r *room) atWork() hall.Insight {
	in := r.halls[0].Insight
	in.Setting = r.halls[0].File
	return in
}

func hosting(t *testing.T, rooms ...Room) (*room, *operatorBrowser) {
	t.Helper()
	r := newRoom(t, jimin())
	r.halls = rooms
	return r, r.browser().enter()
}

// order sends a form of the room's page.
func (b *operatorBrowser) order(form string, pairs ...string) answer {
	b.t.Helper()
	page := b.get("/rooms/vaccine")
	all := []string{"id", page.hidden(b.t, form, "id"), "seen", page.hidden(b.t, form, "seen"), "do", form}
	return b.post("/rooms/vaccine/order", append(all, pairs...)...)
}

func TestARoomIsShownInFigures(t *testing.T) {
	r, b := hosting(t, vaccine())
	b.get("/").says(t, http.StatusOK, `href="/rooms"`)
	b.get("/rooms").says(t, http.StatusOK, "백신 예약", "Vaccine booking", `data-standing="flowing"`, "<dd>1,200<", "<dd>42<")
	b.get("/rooms/vaccine").says(t, http.StatusOK,
		"줄이 움직임", "flowing", "차례대로 부르고 있습니다", "<code>booking</code>",
		`waiting</small></dt><dd>1,200<`, `admitted/s</small></dt><dd>18<`, `numbers given</small></dt><dd>1,500<`, `called</small></dt><dd>300<`,
		`late lane</small></dt><dd>7<small> / 12<`, `show rate</small></dt><dd>70<`, `watching</small></dt><dd>830<`, `within 20 %</small></dt><dd>90<small> % / 100<`,
		`people/s</small></dt><dd>17<`, `its part</small></dt><dd>20<`, `of all, /s</small></dt><dd>40<`, `backlog</small></dt><dd>14<`,
		`data-lane="naver"`, `data-lane="kakao"`, "용량 설정",
		`data-count="given"><b>310</b> 내줌`, `data-count="forged" class="bad"><b>3</b> 위조`, `data-count="used" class="bad"><b>1</b> 이미 사용`, `data-count="restarted"><b>0</b>`, `data-count="extended"><b>12</b>`, `data-count="expired" class="bad"><b>2</b>`,
		"아직 기록이 없습니다")
	now := time.Now()
	for i := range 20 {
		r.tape.note(now.Add(time.Duration(i-20)*time.Second), []hall.Insight{r.atWork()})
	}
	b.get("/rooms/vaccine").says(t, http.StatusOK, "arrivals, admitted", "이 노드가 시작한 뒤로", `<path class="area"`)
	b.get("/rooms/sauna").says(t, http.StatusNotFound, "없는 대기실입니다")
	b.get("/ws?page=room&id=sauna").says(t, http.StatusNotFound)
}

func TestWhatARoomDoesIsSaidInWords(t *testing.T) {
	now := time.Now()
	at := func(in time.Duration) int64 { return now.Add(in).Unix() }
	for _, tt := range []struct {
		name string
		in   Room
		want string
	}{
		{"closed", Room{Setting: hall.Setting{Closed: true, Mode: hall.Auto, Opens: now.Add(time.Hour)}, Insight: hall.Insight{}}, "closed"},
		{"off", Room{Setting: hall.Setting{Mode: hall.Off}, Insight: hall.Insight{Waiting: 3}}, "off"},
		{"before its opening", Room{Setting: hall.Setting{Mode: hall.Auto, Opens: now.Add(time.Hour)}, Insight: hall.Insight{Waiting: 3}}, "before"},
		{"drawn by another node, whose clock is ahead", Room{Setting: hall.Setting{Mode: hall.Auto, Opens: now.Add(time.Second)}, Insight: hall.Insight{Queue: lobby.Queue{Drawn: true}}}, "before"},
		{"before an opening without a round of its own", Room{Setting: hall.Setting{Mode: hall.Auto, Opens: now.Add(time.Hour)}, Insight: hall.Insight{Setting: hall.Setting{Opens: now.Add(time.Hour)}, Queue: lobby.Queue{Drawn: true}}}, "unshuffled"},
		{"before an opening that is not at work yet", Room{Setting: hall.Setting{Mode: hall.Auto, Opens: now.Add(time.Hour), Round: "new"}, Insight: hall.Insight{Setting: hall.Setting{Opens: now.Add(-time.Hour)}, Queue: lobby.Queue{Drawn: true}}}, "before"},
		{"nothing read of it", Room{Setting: hall.Setting{Mode: hall.Auto}, Insight: hall.Insight{Away: true}}, "away"},
		{"at its opening", Room{Setting: hall.Setting{Mode: hall.Auto, Opens: now.Add(-time.Second)}, Insight: hall.Insight{Waiting: 3}}, "drawing"},
		{"drawn a moment ago", Room{Setting: hall.Setting{Mode: hall.Auto, Opens: now.Add(-time.Second)}, Insight: hall.Insight{Waiting: 3, Queue: lobby.Queue{Drawn: true, From: at(2 * time.Second)}}}, "drawing"},
		{"nobody is called", Room{Setting: hall.Setting{Mode: hall.Auto}, Insight: hall.Insight{Waiting: 3, Queue: lobby.Queue{Drawn: true, Moved: at(-20 * time.Second)}}}, "standing"},
		{"people are called", Room{Setting: hall.Setting{Mode: hall.Forced}, Insight: hall.Insight{Waiting: 3, Queue: lobby.Queue{Drawn: true, Moved: at(-time.Second)}}}, "flowing"},
		{"nobody waits", Room{Setting: hall.Setting{Mode: hall.Auto}, Insight: hall.Insight{Queue: lobby.Queue{Drawn: true}}}, "clear"},
	} {
		if got := standingOf(tt.in, now); got.Key != tt.want || got.Word.KO == "" || got.Why.EN == "" {
			t.Errorf("%s: got %+v, want %s", tt.name, got, tt.want)
		}
	}
}

func TestARoomIsClosedFromTheFormAndEveryPageSaysSo(t *testing.T) {
	r, b := hosting(t, vaccine())
	b.order("close", "reason_ko", "기관 장애", "reason_en", "An outage").
		says(t, http.StatusOK, "닫았습니다", "아무도 부르지 않습니다", "“기관 장애”", "“An outage”", "jimin", "다시 열기", `data-standing="closed"`)
	if o := r.desk.Order("vaccine"); o.Closing == nil || o.Closing.By != "jimin" || o.Closing.Reason.KO != "기관 장애" {
		t.Errorf("got %+v, want jimin's closing", o)
	}
	for _, path := range []string{"/", "/providers/kakao", "/rooms", "/audit", "/sites", "/history"} {
		b.get(path).says(t, http.StatusOK, `data-shut="vaccine"`, "스스로 열리지 않습니다", "it does not open by itself")
	}
	b.order("open", "reason_ko", "복구 확인").says(t, http.StatusOK, "다시 열었습니다", `data-standing="flowing"`)
	if got := b.get("/"); strings.Contains(got.body, "data-shut") {
		t.Error("the room is open and the board says it is closed")
	}
	b.get("/audit").says(t, http.StatusOK, `data-room="vaccine"`, "백신 예약 대기실 닫음", "Vaccine booking (room): closed", "백신 예약 대기실 다시 엶", "복구 확인", "앞선 조치: 닫음, jimin")
}

// What people are told is another thing than why: it is on the room's page, can be
// changed while the room is closed, and is in the trail.
func TestAClosedRoomsNoticeIsWrittenAndChanged(t *testing.T) {
	r, b := hosting(t, vaccine())
	b.get("/rooms/vaccine").says(t, http.StatusOK, "기다리는 시민이 그대로 읽습니다", `name="notice_ko" lang="ko" maxlength="100" value=""`)
	b.order("close", "reason_ko", "기관 장애", "reason_en", "An outage", "notice_ko", "<b>21시</b>에 다시 열어요.", "notice_en", "Back at 21:00.").
		says(t, http.StatusOK, "시민이 읽는 안내", "“&lt;b&gt;21시&lt;/b&gt;에 다시 열어요.”", "“Back at 21:00.”", "닫은 안내 바꾸기", `value="Back at 21:00."`)
	b.order("close", "reason_ko", "길어짐", "reason_en", "It takes longer", "notice_ko", "22시에 다시 열어요.", "notice_en", "Back at 22:00.").
		says(t, http.StatusOK, "“22시에 다시 열어요.”", `data-standing="closed"`)
	if o := r.desk.Order("vaccine"); o.Closing == nil || o.Closing.Notice.EN != "Back at 22:00." || o.Closing.Reason.EN != "It takes longer" {
		t.Errorf("got %+v", o.Closing)
	}
	b.get("/audit").says(t, http.StatusOK, "닫음, 안내 “22시에 다시 열어요.”", "closed, notice “Back at 21:00.”", "“기관 장애”")
	b.order("open").says(t, http.StatusOK, "다시 열었습니다", `name="notice_ko" lang="ko" maxlength="100" value=""`)
}

func TestModeLimitsAndOpeningFromTheFormAndBack(t *testing.T) {
	r, b := hosting(t, vaccine())
	b.order("limits", "min", "2.5", "max", "40", "reason_ko", "천천히").says(t, http.StatusOK, "상한과 하한을 바꿨습니다", "1초에 2.5~40명", "2.5 to 40 people/s")
	b.order("mode", "mode", "forced", "reason_ko", "연습").says(t, http.StatusOK, "방식을 바꿨습니다", "항상", "설정 파일로는", "자동")
	opens := time.Now().UTC().Add(2 * time.Hour).Truncate(time.Minute)
	b.order("schedule", "opens", opens.Format("2006-01-02T15:04"), "reason_ko", "20시 공지", "sure", "yes").
		says(t, http.StatusOK, "여는 시각을 정했습니다", `data-standing="before"`, opens.Format("2006-01-02 15:04:05"), "남음")
	o := r.desk.Order("vaccine")
	if o.Schedule == nil || !o.Schedule.Opens.Equal(opens) || o.Schedule.Round == "" || o.Limits.Max != 40 || o.Mode.Mode != "forced" {
		t.Fatalf("got %+v, want all three", o)
	}

	// Taking back an opening that began another round wants the same word.
	page := b.get("/rooms/vaccine")
	back := func(part string, pairs ...string) answer {
		t.Helper()
		all := []string{"do", "as-in-file", "of", part, "id", page.hidden(t, "back-"+part, "id"), "seen", page.hidden(t, "back-"+part, "seen")}
		return b.post("/rooms/vaccine/order", append(all, pairs...)...)
	}
	back("schedule").says(t, http.StatusUnprocessableEntity, "확인 칸을", "tick the box")
	back("schedule", "sure", "yes").says(t, http.StatusOK, "설정 파일대로 되돌렸습니다", `data-standing="flowing"`)
	page = b.get("/rooms/vaccine")
	back("limits").says(t, http.StatusOK, "설정 파일대로", "제한 없음")
	back("limits").says(t, http.StatusOK, "제한 없음") // twice is once
	page = b.get("/rooms/vaccine")
	back("mode")
	if o := r.desk.Order("vaccine"); !o.Empty() {
		t.Errorf("got %+v, want all as in the file", o)
	}
	b.get("/audit").says(t, http.StatusOK, "1초에 2.5~40명", "방식을 항상(으)로", "여는 시각을 "+opens.Format("2006-01-02 15:04:05"), "(새 줄)", "another round", "설정 파일대로", "앞선 조치")
	if got := strings.Count(b.get("/audit").body, `data-what="as-in-file"`); got != 3 {
		t.Errorf("got %d lines of taking back, want 3", got)
	}
}

func TestAnOpeningBeforeTheDrawKeepsItsRound(t *testing.T) {
	room := vaccine()
	room.Queue.Drawn, room.File.Opens, room.File.Round = false, time.Now().Add(time.Hour).UTC().Truncate(time.Second), "first"
	r, b := hosting(t, room)
	page := b.get("/rooms/vaccine")
	page.says(t, http.StatusOK, `data-standing="before"`, "이미 받은 번호는 그대로입니다", "1,500 numbers so far")
	b.order("schedule", "opens", time.Now().UTC().Add(50*time.Minute).Format("2006-01-02T15:04:05"), "reason_ko", "미룸").says(t, http.StatusOK, "여는 시각을 정했습니다")
	if o := r.desk.Order("vaccine"); o.Schedule == nil || o.Schedule.Round != "" || o.Schedule.File.Round != "first" {
		t.Errorf("got %+v, want the round of the file", o.Schedule)
	}
	// A form of before the opening that comes after it is asked again.
	r.now.Add(int64(50*time.Minute - 10*time.Second))
	b.order("schedule", "opens", time.Now().UTC().Add(5*time.Hour).Format("2006-01-02T15:04:05"), "reason_ko", "미룸").
		says(t, http.StatusUnprocessableEntity, "확인 칸을", "새 줄로 시작합니다", "1,200명은 번호를 새로 받고")
	r.now.Store(0)
	// The file was changed since: it wins, and the page says so.
	r.halls[0].File.Round = "second"
	b.get("/rooms/vaccine").says(t, http.StatusOK, "파일이 우선합니다", "The file was changed since then and wins")
}

func TestEachMistakeOfAnOrderIsToldAndChangesNothing(t *testing.T) {
	r, b := hosting(t, vaccine())
	soon := time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04")
	for _, tt := range []struct {
		name, form string
		pairs      []string
		status     int
		says       []string
	}{
		{"closing without a reason", "close", nil, 422, []string{"한국어 사유를", "영어 사유도"}},
		{"a reason too long", "close", []string{"reason_ko", strings.Repeat("가", 101), "reason_en", "x"}, 422, []string{"100자까지", "at most 100"}},
		{"a notice in one language", "close", []string{"reason_ko", "a", "reason_en", "b", "notice_ko", "<i>곧"}, 422, []string{"모두 적거나 모두 비워", "in both languages or in none", `value="&lt;i&gt;곧" aria-invalid="true"`}},
		{"an invented order", "close", []string{"do", "flood"}, 422, []string{"할 수 없는 조치", "no such order"}},
		{"a form without id", "close", []string{"id", "", "reason_ko", "a", "reason_en", "b"}, 422, []string{"온전하지 않습니다"}},
		{"a stale form", "close", []string{"seen", "other", "reason_ko", "a", "reason_en", "b"}, 409, []string{"그사이 다른 운영자가", "meanwhile"}},
		{"no number", "limits", []string{"max", "many", "reason_ko", "a"}, 422, []string{"숫자로", "as a number", `value="many" aria-invalid="true"`}},
		{"not a number", "limits", []string{"max", "NaN", "reason_ko", "a"}, 422, []string{"0.001에서 100000까지"}},
		{"the least above the most", "limits", []string{"min", "5", "max", "4", "reason_ko", "a"}, 422, []string{"최소는 최대보다", "not above the most"}},
		{"limits without a reason", "limits", []string{"max", "4"}, 422, []string{"한국어 사유를"}},
		{"an invented mode", "mode", []string{"mode", "on", "reason_ko", "a"}, 422, []string{"끔, 자동, 항상 중에서", "off, auto or forced"}},
		{"off while people wait", "mode", []string{"mode", "off", "reason_ko", "a"}, 422, []string{"확인 칸을", "1,200명이 한꺼번에"}},
		{"no moment", "schedule", []string{"opens", "tomorrow", "reason_ko", "a", "sure", "yes"}, 422, []string{"날짜와 시각을", "date and time"}},
		{"an opening that was", "schedule", []string{"opens", "2020-01-01T20:00", "reason_ko", "a", "sure", "yes"}, 422, []string{"30초 뒤부터"}},
		{"another round without a word", "schedule", []string{"opens", soon, "reason_ko", "a"}, 422, []string{"확인 칸을", "새 줄로 시작합니다"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.order(tt.form, tt.pairs...).says(t, tt.status, append(tt.says, "반영하지 않았습니다", "Nothing was changed")...)
		})
	}
	b.post("/rooms/sauna/order", "do", "close").says(t, http.StatusNotFound, "없는 대기실입니다")
	if all, _, err := r.desk.Trail(t.Context(), operator.Changes, 0); len(all) != 0 || len(r.desk.Orders()) != 0 || err != nil {
		t.Errorf("got %v, %v, %v, want nothing changed", all, r.desk.Orders(), err)
	}
	b.order("mode", "mode", "off", "reason_ko", `<b>연습</b>`, "sure", "yes").says(t, http.StatusOK, "대기 없이", "&lt;b&gt;연습")
}

// Attack: orders by others. A page of another site, a browser that is not signed
// in or was, and whoever has a token to read with can order nothing.
func TestAttackOrdersByWhoMayNot(t *testing.T) {
	r, b := hosting(t, vaccine())
	_, hash := operator.NewToken()
	r.cfg.Readers = []operator.TokenHash{hash}
	send := func(who *operatorBrowser, headers ...string) answer {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+"/rooms/vaccine/order", strings.NewReader("do=close&id=evil&seen=&reason_ko=a&reason_en=b"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		return who.do(req)
	}
	send(b, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site").says(t, http.StatusForbidden, "다른 사이트")
	send(b, "Origin", "https://evil.example").says(t, http.StatusForbidden, "다른 사이트")
	send(r.browser(), "Sec-Fetch-Site", "same-origin").says(t, http.StatusOK, `name="next" value="/rooms/vaccine"`)
	token, hash := operator.NewToken()
	r.cfg.Readers = []operator.TokenHash{hash}
	send(r.browser(), "Authorization", "Bearer "+token).says(t, http.StatusOK, `name="password"`)
	out := r.browser().enter()
	out.post("/sign-out")
	send(out, "Sec-Fetch-Site", "same-origin").says(t, http.StatusOK, `name="password"`)
	r.browser().get("/rooms/vaccine").says(t, http.StatusOK, `name="password"`)
	b.get("/rooms/vaccine/order").says(t, http.StatusNotFound)
	if o := r.desk.Orders(); len(o) != 0 {
		t.Errorf("got %+v, want nothing ordered", o)
	}
	for _, path := range []string{"/rooms", "/rooms/vaccine"} {
		if p := b.get(path).header.Get("Content-Security-Policy"); !strings.Contains(p, "frame-ancestors 'none'") {
			t.Errorf("%s: got policy %q", path, p)
		}
	}
}

func TestWithoutTheStoreARoomCanBeSeenAndNotOrdered(t *testing.T) {
	r, b := hosting(t, vaccine())
	page := b.get("/rooms/vaccine")
	b.order("close", "reason_ko", "a", "reason_en", "b")
	r.store.gone.Store(true)
	_ = r.desk.Look(t.Context())
	b.get("/rooms/vaccine").says(t, http.StatusOK, "저장소에 닿지 않습니다", `data-standing="closed"`, `<button class="main" type="submit" disabled>`)
	b.post("/rooms/vaccine/order", "do", "open", "id", page.hidden(t, "close", "id")).says(t, http.StatusServiceUnavailable, "저장소에 닿지 않습니다")
}

func TestALivePageOfARoomIsToldOfAnOrderAtOnce(t *testing.T) {
	r, b := hosting(t, vaccine())
	header := http.Header{"Origin": {r.server.URL}}
	for _, c := range b.http.Jar.Cookies(mustParse(r.server.URL)) {
		header.Add("Cookie", c.String())
	}
	for _, page := range []string{"page=room&id=vaccine", "page=rooms"} {
		conn, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(r.server.URL, "http")+"/ws?"+page, header)
		if err != nil {
			t.Fatal(err, resp)
		}
		defer conn.Close()
		until := func(want string) {
			t.Helper()
			for {
				_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
				_, body, err := conn.ReadMessage()
				if err != nil {
					t.Fatalf("%s: waiting for %q: %v", page, want, err)
				}
				if strings.Contains(string(body), want) {
					return
				}
			}
		}
		until(`data-standing="flowing"`)
		b.order("close", "reason_ko", "장애", "reason_en", "Outage")
		until(`data-standing="closed"`)
		b.order("open")
	}
}

func TestAConsoleWithoutRoomsHasNoPageOfThem(t *testing.T) {
	r := newRoom(t, jimin())
	cfg := r.cfg
	cfg.Rooms = nil
	bare, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.server.Config.Handler = bare.Handler()
	b := r.browser().enter()
	if got := b.get("/"); strings.Contains(got.body, "대기실") {
		t.Error("the menu has rooms, want none")
	}
	b.get("/rooms").says(t, http.StatusNotFound)
	b.get("/ws?page=rooms").says(t, http.StatusNotFound)
	cfg.Rooms = &Rooms{}
	if _, err := New(cfg); err == nil {
		t.Error("got a console over rooms that nobody tells of")
	}
}

func TestATapeKeepsTenMinutesOfTheRoomsThereAre(t *testing.T) {
	tape := NewTape()
	now := time.Unix(1_800_000_000, 0)
	in := func(name string, came float64, waiting uint64) hall.Insight {
		return hall.Insight{Setting: hall.Setting{Name: name}, Arrivals: came, Waiting: waiting}
	}
	for i := range 2000 {
		tape.note(now.Add(time.Duration(i)*time.Second), []hall.Insight{in("a", float64(i%2), uint64(i)), in("b", 1, 1)})
	}
	now = now.Add(1999 * time.Second)
	all := tape.columns("a", now)
	if len(all) != tapeSteps || all[0].Seen != tapeStep || all[tapeSteps-1].Waiting != 1999 || all[0].At != all[1].At-tapeStep {
		t.Errorf("got %d columns from %+v to %+v", len(all), all[0], all[tapeSteps-1])
	}
	if v, ok := mean(func(m moment) float64 { return m.Arrivals })(all[3]); !ok || v < 0.3 || v > 0.7 {
		t.Errorf("got %v, %t, want about half a person a second", v, ok)
	}
	if c := passing(tape.columns("nobody", now)); c.Known {
		t.Error("got a drawing of a room that was never seen")
	}
	tape.note(now, []hall.Insight{in("a", 1, 1)})
	if len(tape.rooms) != 1 {
		t.Errorf("got %d rooms, want the one that is left", len(tape.rooms))
	}
	if c := queueing(tape.columns("a", now.Add(time.Hour))); c.Known {
		t.Error("got a drawing of an hour ago")
	}
}

func TestNobodyLetsAllInAtOnceByMistake(t *testing.T) {
	room := vaccine()
	room.File.Mode = hall.Off
	r, b := hosting(t, room)
	b.order("close", "reason_ko", "장애", "reason_en", "Outage")
	b.get("/rooms/vaccine").says(t, http.StatusOK, "꺼진 대기실이 됩니다", "All 1,200 who wait go on at once")
	b.order("open").says(t, http.StatusUnprocessableEntity, "확인 칸을")
	b.order("mode", "mode", "auto", "reason_ko", "비 오는 날").says(t, http.StatusOK, "방식을 바꿨습니다")
	b.order("open").says(t, http.StatusOK, "다시 열었습니다") // it stays auto
	page := b.get("/rooms/vaccine")
	back := []string{"do", "as-in-file", "of", "mode", "id", page.hidden(t, "back-mode", "id"), "seen", page.hidden(t, "back-mode", "seen")}
	b.post("/rooms/vaccine/order", back...).says(t, http.StatusUnprocessableEntity, "tick the box", "꺼진 대기실이 됩니다")
	r.halls[0].Waiting = 0
	b.post("/rooms/vaccine/order", back...).says(t, http.StatusOK, "설정 파일대로 되돌렸습니다")
}
