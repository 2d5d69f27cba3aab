package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/citizen"
)

// show is the stage with a fake broker and fake simulators around it.
type show struct {
	world world
	stage *Stage

	mu      sync.Mutex // guards all below
	board   string
	honesty string
	control map[string]map[string]any
}

func newShow(t *testing.T, crowd *Crowd) *show {
	t.Helper()
	s := &show{control: map[string]map[string]any{}}
	s.light("green", true, 0.5)
	s.honesty = `{"overall":{"begun":1000,"failed":2,"slow":1,"vanished":1,"honesty":0.996}}`
	var sims []Sim
	s.world = world{}
	for _, id := range []string{"naver", "kakao"} {
		s.control[id] = map[string]any{"latency_ms": 120.0, "error_rate": 0.0, "capacity_per_s": 250.0, "hang": false, "page_hang": false, "down": false, "approve": "auto"}
		s.world[id+".test"] = s.sim(id)
		sims = append(sims, Sim{ID: id, KO: map[string]string{"naver": "네이버", "kakao": "카카오"}[id], EN: id, URL: "http://" + id + ".test"})
	}
	var err error
	s.stage, err = NewStage(StageConfig{
		Broker: "http://broker.test", Booking: "http://booking.test", School: "http://school.test",
		Sims: sims, Crowd: crowd, Client: &http.Client{Transport: s.world},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signal", func(w http.ResponseWriter, _ *http.Request) { s.say(w, &s.board) })
	mux.HandleFunc("GET /signal/honesty", func(w http.ResponseWriter, _ *http.Request) { s.say(w, &s.honesty) })
	mux.Handle("/", s.stage.Handler())
	s.world["broker.test"] = mux
	return s
}

func (s *show) say(w http.ResponseWriter, doc *string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprint(w, *doc)
}

// light sets Kakao's light and share; Naver has the rest.
func (s *show) light(kakao string, measured bool, share float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.board = fmt.Sprintf(`{"seq":1,"providers":[
		{"id":"kakao","name":{"ko":"카카오","en":"Kakao"},"light":%q,"measured":%v,"reason":{"code":"x","ko":"답이 늦어요","en":"late answers"},"share":%g},
		{"id":"naver","name":{"ko":"네이버","en":"Naver"},"light":"green","measured":true,"reason":{"code":"ok","ko":"<잘 돼요>","en":"fine"},"share":%g}]}`,
		kakao, measured, share, 1-share)
}

func (s *show) sim(id string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Method == http.MethodPut {
			var change map[string]any
			if err := json.NewDecoder(r.Body).Decode(&change); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			maps.Copy(s.control[id], change)
		}
		reply(w, s.control[id])
	})
}

func (s *show) of(id, field string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.control[id][field]
}

func (s *show) open(t *testing.T, b *citizen.Browser) *citizen.Page {
	t.Helper()
	p, err := b.Open(t.Context(), "http://broker.test/")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheStageIsReadableWithoutScript(t *testing.T) {
	s := newShow(t, nil)
	b := citizen.New(citizen.Config{Transport: s.world})
	if p := s.open(t, b); p.Status != http.StatusOK || !strings.Contains(p.Text(), "아직 읽지 못했습니다") {
		t.Errorf("before the first look: %d %s", p.Status, p.Text())
	}
	s.stage.look(t.Context())
	p := s.open(t, b)
	for _, want := range []string{"카카오", "● 원활 Smooth", "답이 늦어요", "<잘 돼요>", "99.60", "거짓 초록불 4 건", "폭주 20:00", "모두 복구"} {
		if !strings.Contains(strings.ReplaceAll(p.Text(), "4건", "4 건"), want) {
			t.Errorf("the page lacks %q:\n%s", want, p.Text())
		}
	}
	for _, link := range []string{"#to-booking", "#to-school", "http://kakao.test/"} {
		if _, err := p.Link(link); err != nil {
			t.Error(err)
		}
	}
	for _, inline := range []string{" style=", "<style", " onclick", "<잘"} {
		if strings.Contains(string(p.Body), inline) {
			t.Errorf("the page has %q in it", inline)
		}
	}
	if csp := p.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self' ws://broker.test") || !strings.Contains(csp, "script-src 'self'") {
		t.Errorf("policy: %s", csp)
	}
}

func TestButtonsBreakKakaoAndRecoverPutsBackWhatWas(t *testing.T) {
	for _, c := range []struct {
		what, field string
		want        any
		fault       string
	}{
		{"server", "hang", true, "서버 멈춤"},
		{"page", "page_hang", true, "화면 멈춤"},
		{"slow", "latency_ms", 3000.0, "느려짐"},
		{"down", "down", true, "꺼짐"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := newShow(t, nil)
			b := citizen.New(citizen.Config{Transport: s.world})
			before := s.of("kakao", c.field)
			form, err := s.open(t, b).Form("/stage/break")
			if err != nil {
				t.Fatal(err)
			}
			p, err := b.Submit(t.Context(), form, "what="+c.what)
			if err != nil || p.URL.Path != "/" {
				t.Fatalf("got %v (%v), want the stage again", p, err)
			}
			if got := s.of("kakao", c.field); got != c.want {
				t.Errorf("%s is %v, want %v", c.field, got, c.want)
			}
			if got := s.of("naver", c.field); got != before {
				t.Errorf("naver's %s is %v, want %v", c.field, got, before)
			}
			if !strings.Contains(p.Text(), c.fault) || !strings.Contains(p.Text(), "고장: 카카오") {
				t.Errorf("the page does not tell of %q:\n%s", c.fault, p.Text())
			}
			p, err = b.Click(t.Context(), p, "모두 복구 Recover everything")
			if err != nil {
				t.Fatal(err)
			}
			if got := s.of("kakao", c.field); got != before {
				t.Errorf("after recovery %s is %v, want %v as before", c.field, got, before)
			}
			if !strings.Contains(p.Text(), "복구:") {
				t.Errorf("the page does not tell of the recovery:\n%s", p.Text())
			}
		})
	}
}

func TestTheStageRefusesWhatIsNotAButtonOfItsOwn(t *testing.T) {
	s := newShow(t, nil)
	h := s.stage.Handler()
	for _, c := range []struct {
		name, path string
		form       url.Values
		site       string
		accept     string
		want       int
	}{
		{"a fault nobody knows", "/stage/break", url.Values{"what": {"fire"}}, "same-origin", "", http.StatusBadRequest},
		{"a provider nobody knows", "/stage/break", url.Values{"what": {"page"}, "provider": {"nobody"}}, "same-origin", "", http.StatusBadRequest},
		{"another site's form", "/stage/break", url.Values{"what": {"page"}}, "cross-site", "", http.StatusForbidden},
		{"a storm without a crowd", "/stage/storm", nil, "same-origin", "", http.StatusBadGateway},
		{"a script's press", "/stage/break", url.Values{"what": {"page"}}, "same-origin", "application/json", http.StatusNoContent},
		{"a form's press", "/stage/recover", nil, "same-origin", "", http.StatusSeeOther},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://broker.test"+c.path, strings.NewReader(c.form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", c.site)
			r.Header.Set("Accept", c.accept)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, c.want)
			}
		})
	}
}

func TestTheLogTellsWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShow(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		s.light("yellow", false, 0.5)
		go func() { done <- s.stage.Run(ctx) }()
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		wait(1500 * time.Millisecond)
		s.light("green", true, 0.5)
		wait(5 * time.Second)
		s.light("grey", true, 0.5)
		wait(5 * time.Second)
		s.light("grey", true, 0.02)
		wait(time.Second)
		s.light("grey", true, 0.45) // within the rest: one line later
		wait(5 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		var got []string
		for _, e := range s.stage.events {
			got = append(got, e.Time+" "+e.KO)
		}
		want := []string{
			"09:00:02 카카오 아직 모름 → ● 원활: 답이 늦어요",
			"09:00:07 카카오 원활 → ✕ 선택불가: 답이 늦어요",
			"09:00:12 카카오 추천이 비켜 갑니다: 50\u00a0% → 2\u00a0%",
			"09:00:12 네이버 추천이 늘어납니다: 50\u00a0% → 98\u00a0%",
			"09:00:16 카카오 추천이 늘어납니다: 2\u00a0% → 45\u00a0%",
			"09:00:16 네이버 추천이 비켜 갑니다: 98\u00a0% → 55\u00a0%",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestTheLogIsBounded(t *testing.T) {
	s := newShow(t, nil)
	for i := range 3 * maxEvents {
		s.stage.say(Event{Kind: "act", KO: fmt.Sprint(i)})
	}
	if n := len(s.stage.events); n != maxEvents || s.stage.events[n-1].KO != fmt.Sprint(3*maxEvents-1) {
		t.Errorf("%d events, the last %v; want %d with the newest kept", n, s.stage.events[n-1], maxEvents)
	}
}

func TestTheStateHasWhatAScriptNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd, err := NewCrowd(CrowdConfig{Start: "http://site.test/", Transport: tiny{routes: []string{"kakao", "naver"}}.world(), Rate: 10, Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		s := newShow(t, crowd)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 2)
		go func() { done <- crowd.Run(ctx) }()
		go func() { done <- s.stage.Run(ctx) }()
		time.Sleep(30 * time.Second)
		b := citizen.New(citizen.Config{Transport: s.world})
		if _, err := b.Click(t.Context(), s.open(t, b), "폭주 20:00 Storm: 40 a second, for two minutes"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		p, err := b.Open(t.Context(), "http://broker.test/stage/state")
		if err != nil {
			t.Fatal(err)
		}
		var got stageState
		if err := p.JSON(&got); err != nil {
			t.Fatal(err)
		}
		if !got.Storm || !got.Known || got.Honesty != "99.60" || got.Crowd == nil || got.Crowd.Rate < 30 || got.Crowd.In == 0 {
			t.Errorf("got %+v with crowd %+v", got, got.Crowd)
		}
		if len(got.Lanes) != 2 || got.Lanes[0].ID != "kakao" || got.Lanes[0].Flow.StartsPerS <= got.Lanes[1].Flow.StartsPerS {
			t.Errorf("lanes: %+v; want Kakao first, with most choices", got.Lanes)
		}
		if sum := got.Lanes[0].Choice + got.Lanes[1].Choice; sum < 0.999 || sum > 1.001 {
			t.Errorf("choices sum to %v, want 1", sum)
		}
		if _, err := b.Click(t.Context(), s.open(t, b), "모두 복구 Recover everything"); err != nil {
			t.Fatal(err)
		}
		if crowd.Counts().Storm {
			t.Error("the storm goes on after recovery")
		}
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
		}
	})
}

func TestHonestyIsRoundedDown(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{`{"overall":{"honesty":1}}`, "100.00"},
		{`{"overall":{"honesty":0.99999}}`, "99.99"},
		{`{"overall":{"honesty":0.9958}}`, "99.58"},
		{`{"overall":{"honesty":null}}`, ""},
		{`{}`, ""},
	} {
		var h honesty
		if err := json.Unmarshal([]byte(c.doc), &h); err != nil {
			t.Fatal(err)
		}
		if got := h.Percent(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.doc, got, c.want)
		}
	}
}
