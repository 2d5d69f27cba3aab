package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sinho/citizen"
	"sinho/operator"
	"sinho/signal"
)

const consolePassword = "correct horse battery"

// operated is a world whose nodes have a console.
func operated(t *testing.T, store string) *world {
	t.Helper()
	w := newWorld(t, "http")
	var err error
	if w.aside, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.aside.Close() })
	w.write(w.text(w.consoleText(t, "jimin")+"redis: {password_file: redis.txt}\n", "./data/sinho.db", store))
	if !strings.HasPrefix(store, "redis") {
		w.write(w.text(w.consoleText(t, "jimin")))
	}
	writeFile(t, filepath.Join(w.dir, "redis.txt"), "hush\n")
	return w
}

func (w *world) consoleText(t *testing.T, name string) string {
	t.Helper()
	h, err := operator.NewHash(consolePassword)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("console: {listen: %q, operators: [{name: %s, password_hash: %q}]}\n", w.aside.Addr(), name, h)
}

// shareKeys makes w a node of the same broker as other.
func (w *world) shareKeys(other *world) {
	w.t.Helper()
	for _, name := range []string{signingFile, sealingFile, pepperFile} {
		body, err := os.ReadFile(filepath.Join(other.dir, "keys", name))
		if err != nil {
			w.t.Fatal(err)
		}
		writeFile(w.t, filepath.Join(w.dir, "keys", name), string(body))
	}
}

// officer is an operator's browser at one node's console.
type officer struct {
	t    *testing.T
	base string
	http *http.Client
}

func (w *world) officer() *officer {
	jar, _ := cookiejar.New(nil)
	o := &officer{t: w.t, base: "http://" + w.aside.Addr().String(), http: &http.Client{Jar: jar}}
	if body := o.post("/sign-in", "name", "jimin", "password", consolePassword); !strings.Contains(body, "네이버") {
		w.t.Fatalf("sign in: got\n%s", body)
	}
	return o
}

func (o *officer) post(path string, pairs ...string) string {
	o.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	resp, err := o.http.PostForm(o.base+path, form)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.read(resp)
}

func (o *officer) get(path string) string {
	o.t.Helper()
	resp, err := o.http.Get(o.base + path)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.read(resp)
}

func (o *officer) read(resp *http.Response) string {
	o.t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(body)
}

// word sets or takes back; form is "word" or "back".
func (o *officer) word(provider, form string, pairs ...string) string {
	o.t.Helper()
	_, page, _ := strings.Cut(o.get("/providers/"+provider), `id="`+form+`"`)
	field := func(name string) string {
		m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
		if m == nil {
			o.t.Fatalf("no %s in the form %s", name, form)
		}
		return m[1]
	}
	return o.post("/providers/"+provider+"/word", append([]string{"id", field("id"), "seen", field("seen"), "reason_ko", "점검 중", "reason_en", "Maintenance", "for", "60"}, pairs...)...)
}

// until waits for the light of a provider on this node to be there by a reason.
func (w *world) until(provider, code string) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		_, doc := w.getJSON("/signal")
		for _, p := range doc["providers"].([]any) {
			p := p.(map[string]any)
			if p["id"] == provider && (p["reason"].(map[string]any)["code"] == code) {
				return
			}
		}
		if w.t.Context().Err() != nil {
			return
		}
	}
}

func TestAnOperatorsWordHoldsOnEveryNode(t *testing.T) {
	address, _ := redis(t)
	a := operated(t, "redis://"+address)
	b := operated(t, "redis://"+address)
	b.shareKeys(a)
	a.serve()
	nodeB := b.serve()
	desk := a.officer()

	watcher, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(b.public, "http")+"/signal/ws", nil)
	if err != nil {
		t.Fatal(err, resp)
	}
	defer watcher.Close()
	if out := b.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Fatalf("before: got %s (%v), want it in", out.Why, out.Err)
	}
	// Somebody is at the chooser of the other node, and somebody at the provider.
	late, away := citizen.New(citizen.Config{}), citizen.New(citizen.Config{})
	chooser := openChooser(t, late, b)
	page, err := away.Click(t.Context(), openChooser(t, away, b), "#login-naver")
	if err != nil || !strings.HasPrefix(page.URL.String(), b.sims["naver"]) {
		t.Fatalf("got %v (%v), want Naver's page", page, err)
	}

	if body := desk.word("naver", "word", "do", "grey"); !strings.Contains(body, "선택불가로 바꿨습니다") {
		t.Fatalf("set: got\n%s", body)
	}
	b.until("naver", signal.CodeOperator)
	for {
		_ = watcher.SetReadDeadline(time.Now().Add(time.Minute))
		_, board, err := watcher.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(board), "점검 중") {
			break
		}
	}
	refused, err := late.Click(t.Context(), chooser, "#login-naver")
	if err != nil || !strings.Contains(refused.URL.String(), "/login") || !strings.HasPrefix(refused.URL.String(), b.public) {
		t.Errorf("begin at a grey provider: got %v (%v), want the chooser again", refused, err)
	}
	if out := b.login(t.Context(), citizen.Named("naver")); out.In || out.Why != citizen.WhyNothing {
		t.Errorf("a new login: got in %t, %s, want nothing to choose", out.In, out.Why)
	}

	// Disabled refuses whoever is on the way back, too.
	if body := desk.word("naver", "word", "do", "disable"); !strings.Contains(body, "사용 중지했습니다") {
		t.Fatalf("disable: got\n%s", body)
	}
	b.until("naver", signal.CodeDisabled)
	back, err := away.Click(t.Context(), page, "#approve")
	if err != nil || !strings.HasPrefix(back.URL.String(), b.public+"/login") {
		t.Errorf("back from a disabled provider: got %v (%v), want the chooser", back, err)
	}

	// A node that starts meanwhile knows it before it serves.
	nodeB.end()
	if b.door, err = net.Listen("tcp", b.door.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b.aside, err = net.Listen("tcp", b.aside.Addr().String()); err != nil {
		t.Fatal(err)
	}
	b.serve()
	b.until("naver", signal.CodeDisabled)

	if body := desk.word("naver", "back", "do", "back"); !strings.Contains(body, "되돌렸습니다") {
		t.Fatalf("back: got\n%s", body)
	}
	b.until("naver", signal.CodeLittleData)
	if out := b.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Errorf("after: got %s (%v), want it in", out.Why, out.Err)
	}
	trail := b.officer().get("/audit")
	for _, want := range []string{"선택불가로", "사용 중지", "되돌림", "jimin", "점검 중"} {
		if !strings.Contains(trail, want) {
			t.Errorf("the trail at the other node lacks %q", want)
		}
	}
}

func openChooser(t *testing.T, b *citizen.Browser, w *world) *citizen.Page {
	t.Helper()
	page, err := b.Open(t.Context(), w.site.URL+"/")
	if err == nil {
		var f *citizen.Form
		if f, err = page.Form(""); err == nil {
			page, err = b.Submit(t.Context(), f, "")
		}
	}
	if err != nil || !strings.HasPrefix(page.URL.String(), w.public+"/login") {
		t.Fatalf("got %v (%v), want the chooser", page, err)
	}
	return page
}

func TestTheConsoleFollowsItsFile(t *testing.T) {
	w := operated(t, "")
	r := w.serve()
	desk := w.officer()
	desk.word("naver", "word", "do", "grey")
	w.until("naver", signal.CodeOperator)

	// New lights are told every word; who left the file is out.
	r.reload(w.text(w.consoleText(t, "minsu"), "capacity: 1", "capacity: 2"), "configuration taken")
	if status, doc := w.getJSON("/signal"); status != http.StatusOK || fmt.Sprint(doc) == "" {
		t.Errorf("got %d %v", status, doc)
	}
	w.until("naver", signal.CodeOperator)
	if body := desk.get("/"); !strings.Contains(body, "로그인 시간이 끝났습니다") {
		t.Errorf("somebody who left: got\n%s", body)
	}
	r.reload(w.text(""), `"setting":"console.listen"`)
	if out := w.login(t.Context(), citizen.Named("oidc")); !out.In {
		t.Errorf("got %s (%v), want logins to go on", out.Why, out.Err)
	}
}

func TestTheConsoleHasItsOwnListener(t *testing.T) {
	w := operated(t, "")
	w.serve()
	for _, path := range []string{"/sign-in", "/audit", "/providers/naver"} {
		if status, _ := w.get(path); status != http.StatusNotFound {
			t.Errorf("%s where citizens are: got %d, want 404", path, status)
		}
	}
	resp, err := http.Get("http://" + w.aside.Addr().String() + "/authorize")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("/authorize where operators are: got %d, want 404", resp.StatusCode)
	}
}
