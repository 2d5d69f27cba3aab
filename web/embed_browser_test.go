package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"sinho/signal"
)

// exampleHost is the broker in docs/embed.md.
const exampleHost = "https://id.example.kr"

// examples are the fenced blocks of one kind in docs/embed.md, for a broker.
func examples(t *testing.T, kind, broker string) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/embed.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile("(?s)```"+kind+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		all = append(all, strings.NewReplacer(
			strings.Replace(exampleHost, "https", "wss", 1), strings.Replace(broker, "http", "ws", 1), exampleHost, broker,
		).Replace(m[1]))
	}
	if len(all) == 0 {
		t.Fatalf("docs/embed.md has no %s", kind)
	}
	return all
}

// embedding is a site at another origin whose page is the examples of
// docs/embed.md, under the policy that stands there.
func embedding(t *testing.T, broker string) string {
	t.Helper()
	body := strings.Join(examples(t, "html", broker), "\n")
	policy := strings.TrimSpace(examples(t, "csp", broker)[0])
	css := strings.Join(examples(t, "css", broker), "\n")
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/site.css":
			w.Header().Set("Content-Type", "text/css")
			fmt.Fprint(w, css)
		case "/noscript":
			w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src "+broker)
			fmt.Fprint(w, `<!doctype html><meta charset=utf-8><link rel=icon href="data:,">`+body)
		default:
			w.Header().Set("Content-Security-Policy", policy)
			fmt.Fprint(w, `<!doctype html><html lang=ko><meta charset=utf-8><link rel=stylesheet href=/site.css>`+body)
		}
	}))
	t.Cleanup(site.Close)
	return site.URL
}

func (s *stage) watching() []*websocket.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sockets
}

const (
	// element i on the page, and what it shows of one provider.
	element  = `document.querySelectorAll("sinho-lights")[%d]`
	rowShows = `((r) => r && r.querySelector(".word").textContent + r.querySelector(".shape").textContent + r.dataset.light)(` + element + `.shadowRoot?.querySelector("[data-id=%s]"))`
	rowsOf   = `[...` + element + `.shadowRoot.querySelectorAll(".row")].map(r => r.dataset.id).join(" ")`
)

func TestTheExamplesOfTheEmbedInARealBrowser(t *testing.T) {
	s, base := newStage(t)
	s.set(status("naver", signal.Green), status("kakao", signal.Green), status("toss", signal.Yellow))
	site := embedding(t, base)
	p, complaints := newPhone(t)
	p.do("open the site", chromedp.Navigate(site))
	shows := func(i int, id, want string) {
		t.Helper()
		p.until(fmt.Sprintf(rowShows, i, id) + ` === "` + want + `"`)
	}
	shows(0, "kakao", "원활●green")
	shows(1, "kakao", "Smooth●green")

	t.Run("a light changes in place, in every element, over one socket", func(t *testing.T) {
		p := phone{t, p.ctx}
		s.set(status("naver", signal.Red), status("kakao", signal.Grey), status("toss", signal.Yellow))
		p.until(fmt.Sprintf(rowShows, 0, "kakao") + ` === "선택불가✕grey"`)
		p.until(fmt.Sprintf(rowShows, 1, "kakao") + ` === "Closed✕grey"`)
		p.until(fmt.Sprintf(rowShows, 0, "naver") + ` === "혼잡■red"`)
		p.until(fmt.Sprintf(element, 0) + `.shadowRoot.querySelector("[data-id=kakao] .reason").textContent === "kakao 이유"`)
		if n := len(s.watching()); n != 1 {
			t.Errorf("got %d sockets for two elements, want 1", n)
		}
		p.until(fmt.Sprintf(element, 0) + `.shadowRoot.querySelector("[role=status]").textContent === "naver: 혼잡, kakao: 선택불가"`)
	})

	t.Run("rows are the board's, a filter's and stay where a pointer is", func(t *testing.T) {
		p := phone{t, p.ctx}
		if got := js[string](p, fmt.Sprintf(rowsOf, 0)); got != "naver kakao toss" {
			t.Errorf("got rows %q, want the board's order", got)
		}
		if got := js[string](p, fmt.Sprintf(rowsOf, 1)); got != "naver kakao" {
			t.Errorf("got rows %q of the filtered element, want naver kakao", got)
		}
		hover := fmt.Sprintf(element, 0) + `.shadowRoot.querySelector(".box").dispatchEvent(new PointerEvent("pointer%s")), true`
		js[bool](p, fmt.Sprintf(hover, "enter"))
		s.set(status("toss", signal.Green), status("naver", signal.Green))
		p.until(fmt.Sprintf(rowShows, 0, "toss") + ` === "원활●green"`)
		if got := js[string](p, fmt.Sprintf(rowsOf, 0)); got != "naver kakao toss" {
			t.Errorf("got rows %q under a pointer, want them unmoved", got)
		}
		js[bool](p, fmt.Sprintf(hover, "leave"))
		p.until(fmt.Sprintf(rowsOf, 0) + ` === "toss naver"`)
	})

	t.Run("lights measured by one node alone are told as such", func(t *testing.T) {
		p := phone{t, p.ctx}
		foot := fmt.Sprintf(element, 0) + `.shadowRoot.querySelector(".foot")`
		small := fmt.Sprintf(element, 1) + `.shadowRoot.querySelector(".foot")`
		p.until(foot + `.textContent === "방금 실제로 로그인한 사람들의 결과입니다." && getComputedStyle(` + small + `).display === "none"`)
		s.mu.Lock()
		s.board.Local = true
		s.mu.Unlock()
		s.set(status("naver", signal.Green), status("kakao", signal.Green), status("toss", signal.Green))
		p.until(foot + `.textContent === "지금은 이 서버가 혼자 잰 신호입니다." && getComputedStyle(` + small + `).display !== "none"`)
	})

	t.Run("a maintenance is told of before it begins", func(t *testing.T) {
		p := phone{t, p.ctx}
		away := status("naver", signal.Green)
		away.Planned = &signal.Period{From: noon.Add(30 * time.Minute), To: noon.Add(2 * time.Hour)}
		s.set(away, status("kakao", signal.Green), status("toss", signal.Green))
		text := fmt.Sprintf(element, 0) + `.shadowRoot.querySelector("[data-id=naver] .until").textContent`
		p.until(`/12:30부터 .*14:00까지 점검으로 닫힙니다$/.test(` + text + `)`)
		s.set(status("naver", signal.Green), status("kakao", signal.Green), status("toss", signal.Green))
		p.until(text + ` === ""`)
	})

	t.Run("attributes work while it lives, and its end closes the socket", func(t *testing.T) {
		p := phone{t, p.ctx}
		js[bool](p, fmt.Sprintf(element, 0)+`.setAttribute("lang", "en"), true`)
		p.until(fmt.Sprintf(rowShows, 0, "naver") + ` === "Smooth●green"`)
		js[bool](p, fmt.Sprintf(element, 1)+`.setAttribute("providers", "toss"), true`)
		p.until(fmt.Sprintf(rowsOf, 1) + ` === "toss"`)
		if got := js[string](p, `getComputedStyle(`+fmt.Sprintf(element, 0)+`.shadowRoot.querySelector("ul")).borderRadius`); got != "4px" {
			t.Errorf("got a border radius of %s, want the site's 4px", got)
		}
		js[bool](p, `document.querySelectorAll("sinho-lights").forEach(e => e.remove()), true`)
		if _, _, err := s.watching()[0].ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseNoStatusReceived) {
			t.Errorf("got %v, want the socket closed by the page", err)
		}
	})

	for _, c := range complaints() {
		t.Errorf("the browser complains: %s", c)
	}

	t.Run("without scripts the picture stays", func(t *testing.T) {
		p := phone{t, p.ctx}
		p.do("open", chromedp.Navigate(site+"/noscript"))
		p.until(fmt.Sprintf(element, 0) + `.querySelector("img").naturalWidth > 100`)
		if js[bool](p, fmt.Sprintf(element, 0)+`.shadowRoot !== null`) {
			t.Error("the script ran")
		}
	})
}
