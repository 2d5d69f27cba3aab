package main

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sinho/citizen"
)

// hosted is a world whose nodes have a console and a room for everybody, over a
// file for "".
func hosted(t *testing.T, store, room string) *world {
	t.Helper()
	w := operated(t, store)
	more := w.consoleText(t, "jimin") + "rooms: [" + room + "]\n"
	if store != "" {
		more += "redis: {password_file: redis.txt}\n"
		w.write(w.text(more, "./data/sinho.db", store))
		return w
	}
	w.write(w.text(more))
	return w
}

// frame is the room's latest at this node.
func (w *world) frame() map[string]any {
	w.t.Helper()
	for {
		// There is none in a node's first second.
		if status, body := w.get("/rooms/hall"); status == 200 && body != "" {
			_, doc := w.getJSON("/rooms/hall")
			return doc["frame"].(map[string]any)
		}
		select {
		case <-w.t.Context().Done():
			w.t.Fatal("no frame")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// untilFrame waits for a frame of this node.
func (w *world) untilFrame(what string, is func(f map[string]any) bool) map[string]any {
	w.t.Helper()
	for w.t.Context().Err() == nil {
		if f := w.frame(); is(f) {
			return f
		}
		select {
		case <-w.t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	w.t.Fatalf("never came: %s", what)
	return nil
}

// order sends a form of the room's page at this operator's node.
func (o *officer) order(form string, pairs ...string) string {
	o.t.Helper()
	_, page, found := strings.Cut(o.get("/rooms/hall"), `id="`+form+`"`)
	field := func(name string) string {
		m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
		if !found || m == nil {
			o.t.Fatalf("no %s in the form %s", name, form)
		}
		return m[1]
	}
	do, of, back := strings.Cut(form, "-")
	all := []string{"id", field("id"), "seen", field("seen"), "do", do, "reason_ko", "연습", "reason_en", "A drill"}
	if back {
		all = append(all, "do", "as-in-file", "of", of)
	}
	return o.post("/rooms/hall/order", append(all, pairs...)...)
}

// until waits for a page to say all of it.
func (o *officer) until(path string, parts ...string) {
	o.t.Helper()
	for o.t.Context().Err() == nil {
		body := o.get(path)
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(body, p) }) {
			return
		}
		select {
		case <-o.t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	o.t.Fatalf("%s never said %q", path, parts)
}

// knock is one browser that begins at the site; at is where it ends up.
func (w *world) knock(b *citizen.Browser) (page *citizen.Page, at string) {
	w.t.Helper()
	page, err := b.Open(w.t.Context(), w.site.URL+"/")
	if err == nil {
		var f *citizen.Form
		if f, err = page.Form(""); err == nil {
			page, err = b.Submit(w.t.Context(), f, "")
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return page, page.URL.Path
}

func isTrue(f map[string]any, key string) bool { v, _ := f[key].(bool); return v }

func TestAnOperatorsOrdersForARoomHoldOnEveryNode(t *testing.T) {
	address, _ := redis(t)
	room := "{id: hall, name: {ko: 백신 예약, en: Vaccination}, min_rate: 50}"
	a := hosted(t, "redis://"+address, room)
	b := hosted(t, "redis://"+address, room)
	b.shareKeys(a)
	a.serve()
	nodeB := b.serve()
	desk := a.officer()
	if out := b.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Fatalf("before: got %s (%v), want it in", out.Why, out.Err)
	}

	// Closed at one node: nobody is called at the other.
	began := time.Now()
	if body := desk.order("close", "notice_ko", "21시에 다시 열어요.", "notice_en", "Back at 21:00."); !strings.Contains(body, "닫았습니다") {
		t.Fatalf("close: got\n%s", body)
	}
	closed := b.untilFrame("closed", func(f map[string]any) bool { return isTrue(f, "x") })
	t.Logf("closed at the other node %v after the form was sent", time.Since(began))
	waits := citizen.New(citizen.Config{})
	page, at := b.knock(waits)
	if at != "/queue" {
		t.Fatalf("who comes to a closed room: got %s, want the waiting room", page.URL)
	}
	if text := page.Text(); !strings.Contains(text, "21시에 다시 열어요.") || !strings.Contains(text, "Back at 21:00.") || strings.Contains(text, "연습") {
		t.Errorf("the page of a closed room lacks the notice, or has the reason:\n%s", text)
	}
	if _, doc := b.getJSON("/rooms/hall"); fmt.Sprint(doc["notice"]) != "map[en:Back at 21:00. ko:21시에 다시 열어요.]" {
		t.Errorf("got notice %v of the room", doc["notice"])
	}
	later := b.untilFrame("three seconds later", func(f map[string]any) bool { return f["t"].(float64) >= closed["t"].(float64)+3 })
	if later["s"] != closed["s"] || !isTrue(later, "x") {
		t.Errorf("got %v, then %v, want nobody called meanwhile", closed, later)
	}
	b.officer().until("/", `data-shut="hall"`)

	// A node that starts meanwhile knows it before it serves.
	nodeB.end()
	var err error
	if b.door, err = net.Listen("tcp", b.door.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b.aside, err = net.Listen("tcp", b.aside.Addr().String()); err != nil {
		t.Fatal(err)
	}
	b.serve()
	if _, at := b.knock(citizen.New(citizen.Config{})); at != "/queue" {
		t.Errorf("after a restart: got %s, want the waiting room", at)
	}

	// Open again: whoever waited is called, on the place they had.
	if body := desk.order("open"); !strings.Contains(body, "다시 열었습니다") {
		t.Fatalf("open: got\n%s", body)
	}
	for at != "/login" && t.Context().Err() == nil {
		if page, err = waits.Open(t.Context(), page.URL.String()); err != nil {
			t.Fatal(err)
		}
		at = page.URL.Path
	}
	if out := b.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Errorf("open again: got %s (%v), want it in", out.Why, out.Err)
	}

	// A limit and its end.
	desk.order("limits", "min", "0", "max", "2.5")
	watch := b.officer()
	watch.until("/rooms/hall", "1초에 2.5명까지", "1초에 적어도 50명")
	desk.order("back-limits")

	// Another opening is another round, the same on both nodes; and back.
	opens := time.Now().Add(2 * time.Hour).Truncate(time.Minute)
	zone, err := time.LoadLocation("Asia/Seoul") // as time_zone is unless set
	if err != nil {
		t.Fatal(err)
	}
	form := opens.In(zone).Format("2006-01-02T15:04")
	if body := desk.order("schedule", "opens", form); !strings.Contains(body, "확인 칸을") {
		t.Fatalf("another round without a word: got\n%s", body)
	}
	if body := desk.order("schedule", "opens", form, "sure", "yes"); !strings.Contains(body, "여는 시각을 정했습니다") {
		t.Fatalf("schedule: got\n%s", body)
	}
	scheduled := func(f map[string]any) bool { at, _ := f["o"].(float64); return int64(at) == opens.Unix() }
	one, other := a.untilFrame("the opening", scheduled), b.untilFrame("the opening", scheduled)
	if one["k"] == nil || one["k"] != other["k"] || one["n"] != nil || one["room"] == closed["room"] {
		t.Errorf("got %v and %v, want one commitment, and numbers from 0", one, other)
	}
	if _, at := b.knock(citizen.New(citizen.Config{})); at != "/queue" {
		t.Errorf("before the opening: got %s, want the waiting room", at)
	}
	desk.order("back-schedule", "sure", "yes")
	a.untilFrame("the round of before", func(f map[string]any) bool { return f["o"] == nil && f["n"].(float64) > 0 })
	b.untilFrame("the round of before", func(f map[string]any) bool { return f["o"] == nil && f["n"].(float64) > 0 })

	trail := watch.get("/audit")
	for _, want := range []string{"백신 예약 대기실 닫음", "다시 엶", "1초에 2.5명까지", "여는 시각을", "(새 줄)", "설정 파일대로", "jimin", "“연습”"} {
		if !strings.Contains(trail, want) {
			t.Errorf("the trail at the other node lacks %q", want)
		}
	}
	if got := strings.Count(trail, `data-room="hall"`); got != 6 {
		t.Errorf("got %d lines, want 6", got)
	}
}

// TestAFileThatChangesIsUnderItsOrders reloads while a room is closed.
func TestAFileThatChangesIsUnderItsOrders(t *testing.T) {
	w := hosted(t, "", "{id: hall, min_rate: 50}")
	r := w.serve()
	desk := w.officer()
	desk.order("close")
	w.untilFrame("closed", func(f map[string]any) bool { return isTrue(f, "x") })
	r.reload(w.text(w.consoleText(t, "jimin")+"rooms: [{id: hall, min_rate: 60}, {id: other, clients: [booking], mode: off}]\n"), "configuration taken")
	if body := desk.get("/rooms/hall"); !strings.Contains(body, `data-standing="closed"`) || !strings.Contains(body, "1초에 적어도 60명") {
		t.Errorf("after a reload: got\n%s", body)
	}
	if body := desk.get("/rooms"); !strings.Contains(body, `data-standing="off"`) {
		t.Errorf("got no room that is off in\n%s", body)
	}
	desk.order("open")
	w.untilFrame("open", func(f map[string]any) bool { return !isTrue(f, "x") })
	if text := fmt.Sprint(r.log); strings.Contains(text, "are not taken") {
		t.Error(text)
	}
}
