package demo

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"sinho/citizen"
)

// pair is twins whose state a test writes and whose buttons it reads.
type pair struct {
	state   TwinState
	pressed []string
}

func (p *pair) twins() *Twins {
	return &Twins{
		Press: func(provider, what string) { p.pressed = append(p.pressed, provider+" "+what) },
		Look:  func() TwinState { return p.state },
	}
}

func newPair() *pair {
	doors := func(light string, first float64) []TwinDoor {
		return []TwinDoor{{ID: "naver", Light: "green", Advised: 1 - first, There: 4}, {ID: "kakao", Light: light, Advised: first, There: 250}}
	}
	return &pair{state: TwinState{
		Play: 3, On: true, Seconds: 12.2, Pace: 4, People: 1000, Fault: map[string]string{"kakao": "server"},
		Left:  TwinLane{Doors: doors("red", 1), Came: 1000, In: 901, GaveUp: 60, Left: 31, Outside: 8, Again: 412, Half: 21.4, Most: 88.6},
		Right: TwinLane{Doors: doors("grey", 0), Came: 1000, In: 969, Left: 31, Again: 17, Half: 11.5, Most: 24.3},
	}}
}

func TestTheTwinLanesAreReadableWithoutScript(t *testing.T) {
	two := newPair()
	s := newShow(t, nil)
	s.stage.cfg.Twins = two.twins()
	b := citizen.New(citizen.Config{Transport: s.world})
	under := s.open(t, b).Text()
	for _, want := range []string{"모두에게 가장 빠른 곳", "문과 사람은 모형", "4 times as fast as life", "3회째, 12초 지남", "서버 멈춤", "■ 혼잡", "✕ 선택불가", "250 명 추천 100 %", "250 명 추천 0 %", "901", "969", "412"} {
		if !strings.Contains(under, want) {
			t.Errorf("the page lacks %q:\n%s", want, under)
		}
	}
	const sentence = "같은 천 명 가운데, 모두에게 가장 빠른 곳을 알렸을 때는 901명(절반이 21초, 95 %가 89초 안에, 다시 해야 했던 사람 412명), 신호로는 969명(절반이 12초, 95 %가 24초 안에, 다시 해야 했던 사람 17명)이 들어갔습니다."
	if strings.Contains(under, "같은 천 명 가운데") {
		t.Error("the sentence stands there before the end")
	}
	two.state.On = false
	if over := s.open(t, b); !strings.Contains(over.Text(), sentence) || !strings.Contains(over.Text(), "Of the same 1,000 people, 901 got in where everyone was told the fastest") {
		t.Errorf("the page lacks the sentence:\n%s", over.Text())
	} else if strings.Contains(string(over.Body), " style=") {
		t.Error("the page has a style in it")
	}
}

func TestTheButtonsReachTheTwinsAndTheEndIsLoggedOnce(t *testing.T) {
	two := newPair()
	crowd, err := NewCrowd(CrowdConfig{Start: "http://site.test/"})
	if err != nil {
		t.Fatal(err)
	}
	s := newShow(t, crowd)
	s.stage.cfg.Twins = two.twins()
	b := citizen.New(citizen.Config{Transport: s.world})
	for _, press := range []struct{ form, button string }{{"/stage/storm", ""}, {"/stage/break", "what=server"}, {"/stage/recover", ""}} {
		form, err := s.open(t, b).Form(press.form)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Submit(t.Context(), form, press.button); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{" storm", "kakao server", " recover"}; !slices.Equal(two.pressed, want) {
		t.Errorf("the twins were told %q, want %q", two.pressed, want)
	}
	logged := func() (n int) {
		for _, e := range s.stage.events {
			if e.Kind == "twins" {
				n++
			}
		}
		return n
	}
	s.stage.judge()
	if n := logged(); n != 0 {
		t.Errorf("%d sentences in the log before the end", n)
	}
	two.state.On = false
	s.open(t, b)
	s.stage.judge()
	if n := logged(); n != 1 {
		t.Errorf("%d sentences in the log, want one", n)
	}
	if p, err := b.Open(t.Context(), "http://broker.test/stage/state?"+url.Values{}.Encode()); err != nil || !strings.Contains(string(p.Body), `"told":{"ko":"같은 천 명`) {
		t.Errorf("the state lacks the sentence: %v", err)
	}
}

func TestWhenNobodyGotInTheSentenceSaysSo(t *testing.T) {
	two := newPair()
	two.state.On, two.state.Left = false, TwinLane{Came: 1000, GaveUp: 1000}
	v := two.state.Verdict()
	if !strings.Contains(v.KO, "0명(아무도 못 들어감)") || !strings.Contains(v.EN, "0 got in where everyone was told the fastest (nobody)") {
		t.Errorf("got %+v", v)
	}
}
