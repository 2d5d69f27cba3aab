package alert

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/signal"
)

// boardOf is lights as "naver green, kakao yellow?": ? is one not known yet.
func boardOf(text string) signal.Board {
	var b signal.Board
	for one := range strings.SplitSeq(text, ", ") {
		id, word, _ := strings.Cut(one, " ")
		s := signal.Status{ID: id, Measured: !strings.HasSuffix(word, "?")}
		if err := s.Light.UnmarshalText([]byte(strings.TrimSuffix(word, "?"))); err != nil {
			panic(err)
		}
		b.Providers = append(b.Providers, s)
	}
	return b
}

// said is what a message says, shortly.
func (m message) said() string {
	var all []string
	for _, c := range m.Changes {
		all = append(all, fmt.Sprintf("%s %s-%s", c.Provider, c.From, c.To))
	}
	if !m.Quiet.IsZero() {
		return "summary: " + strings.Join(all, ", ")
	}
	return strings.Join(all, ", ")
}

func night() []signal.Maintenance {
	return []signal.Maintenance{{Days: [7]bool{true, true, true, true, true, true, true}, Begin: 22 * time.Hour, End: 31 * time.Hour}}
}

func TestWhatIsNews(t *testing.T) {
	evening := time.Date(2026, 7, 1, 20, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		target Target
		boards []string // an hour apart, from 20:00
		want   []string
	}{
		{
			"every change of every provider",
			Target{},
			[]string{"naver green, kakao green", "naver red, kakao green", "naver red, kakao grey", "naver green, kakao yellow"},
			[]string{"naver green-red", "kakao green-grey", "naver red-green, kakao grey-yellow"},
		},
		{"no news", Target{}, []string{"naver green", "naver green"}, nil},
		{"lights that are not known yet, at a start", Target{}, []string{"naver yellow?", "naver green", "naver yellow?", "naver green"}, nil},
		{"a light that is not known after green, and then bad", Target{}, []string{"naver green", "naver yellow?", "naver red"}, []string{"naver green-red"}},
		{"a light that is not known after red", Target{}, []string{"naver red", "naver yellow?", "naver green"}, []string{"naver red-yellow", "naver yellow-green"}},
		{"some providers", Target{Providers: []string{"kakao"}}, []string{"naver green, kakao green", "naver red, kakao red"}, []string{"kakao green-red"}},
		{
			"some lights: when one begins and when it ends",
			Target{Lights: []signal.Light{signal.Red, signal.Grey}},
			[]string{"naver green", "naver yellow", "naver red", "naver grey", "naver yellow", "naver green"},
			[]string{"naver yellow-red", "naver red-grey", "naver grey-yellow"},
		},
		{"a provider that is new", Target{}, []string{"naver green", "naver green, kakao red", "naver green, kakao green"}, []string{"kakao red-green"}},
		{"a provider that is gone and comes again", Target{}, []string{"naver green, kakao green", "naver green", "naver green, kakao red"}, nil},
		{
			"quiet hours, and still so",
			Target{Quiet: night()},
			append([]string{"naver green, kakao green", "naver red, kakao green", "naver grey, kakao green"}, repeat(9, "naver grey, kakao red")...),
			[]string{"naver green-red", "summary: naver red-grey, kakao green-red"},
		},
		{"quiet hours, and over by their end", Target{Quiet: night()}, append([]string{"naver green", "naver green", "naver grey", "naver red"}, repeat(8, "naver green")...), nil},
		{
			"after quiet hours that changed nothing",
			Target{Quiet: night()},
			append(append([]string{"naver green", "naver green", "naver red"}, repeat(8, "naver green")...), "naver green", "naver red"),
			[]string{"naver green-red"},
		},
		{
			"more at once than a message holds",
			Target{Providers: strings.Split("a b c d e f g h i j", " ")},
			[]string{many(10, "green"), many(10, "red"), many(10, "red")},
			[]string{changes(0, 8), changes(8, 10)},
		},
		{
			"more at the end of a night than a message holds",
			Target{Quiet: night()},
			append([]string{many(10, "green"), many(10, "green")}, repeat(11, many(10, "red"))...),
			[]string{"summary: " + changes(0, 8), "summary: " + changes(8, 10)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := first(tt.target, boardOf(tt.boards[0]))
			for i, text := range tt.boards[1:] {
				at := evening.Add(time.Duration(i+1) * time.Hour)
				next, changed := l.after(tt.target, boardOf(text), at)
				again, more := next.after(tt.target, boardOf(text), at)
				if same := cmp.Equal(l, next); changed == same {
					t.Errorf("%s: got changed %v of the ledger %+v, then %+v", text, changed, l, next)
				}
				if more && len(boardOf(text).Providers) < maxChanges {
					t.Errorf("%s: compared twice it changes twice, to %+v", text, again)
				}
				l = next
			}
			var got []string
			for _, m := range l.Waiting {
				got = append(got, m.said())
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("messages (-want +got):\n%s", d)
			}
		})
	}
}

// Whoever applies every message in turn knows what the ledger says, and no
// message ever contradicts the ones before; in quiet hours there are none.
func TestWhoeverFollowsTheMessagesKnowsTheLights(t *testing.T) {
	lights := []string{"green", "yellow", "yellow?", "red", "grey"}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		target, at := Target{}, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
		if seed%2 == 1 {
			target.Quiet = night()
		}
		show := func() signal.Board {
			var all []string
			for i := range 10 {
				all = append(all, fmt.Sprintf("p%d %s", i, lights[rng.IntN(len(lights))]))
			}
			return boardOf(strings.Join(all, ", "))
		}
		l := first(target, show())
		follower := maps.Clone(l.Lights)
		for range 100 {
			at = at.Add(time.Duration(rng.IntN(120)) * time.Minute)
			before := len(l.Waiting)
			l, _ = l.after(target, show(), at)
			if target.quiet(at) && len(l.Waiting) > before {
				t.Fatalf("seed %d: a message at %v, within quiet hours", seed, at)
			}
			for _, m := range l.Waiting[before:] {
				for _, c := range m.Changes {
					if follower[c.Provider] != c.From || c.From == c.To {
						t.Fatalf("seed %d: told %s %s-%s after %s", seed, c.Provider, c.From, c.To, follower[c.Provider])
					}
					follower[c.Provider] = c.To
				}
			}
			if d := cmp.Diff(l.Lights, follower); d != "" {
				t.Fatalf("seed %d: ledger and follower (-want +got):\n%s", seed, d)
			}
		}
	}
}

func repeat(n int, text string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = text
	}
	return all
}

func many(n int, light string) string {
	var all []string
	for i := range n {
		all = append(all, string(rune('a'+i))+" "+light)
	}
	return strings.Join(all, ", ")
}

func changes(from, to int) string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, string(rune('a'+i))+" green-red")
	}
	return strings.Join(all, ", ")
}

func TestALedgerThatIsTooLargeDropsTheOldest(t *testing.T) {
	l := ledger{Lights: map[string]signal.Light{"naver": signal.Green}}
	reason := signal.Text{KO: strings.Repeat("가", 100), EN: strings.Repeat("a", 100)}
	for i := range 100 {
		l.Waiting = append(l.Waiting, message{ID: fmt.Sprint(i), Changes: []change{{Provider: "naver", Name: reason, From: signal.Green, To: signal.Red, Reason: signal.Reason{Text: reason}}}})
	}
	raw, dropped, err := l.encode()
	if err != nil || len(raw) > maxLedger {
		t.Fatalf("got %d bytes, %v", len(raw), err)
	}
	back, ok, err := readLedger(raw)
	if err != nil || !ok || len(back.Waiting)+len(dropped) != 100 || len(back.Waiting) < 5 || dropped[0].ID != "0" || back.Waiting[0].ID != fmt.Sprint(len(dropped)) {
		t.Errorf("got %d kept and %d dropped, %v", len(back.Waiting), len(dropped), err)
	}
}

// The format that nodes of two versions share.
func TestALedgerIsWrittenAsEver(t *testing.T) {
	at := time.Date(2026, 7, 1, 20, 0, 0, 0, time.UTC)
	l := ledger{
		Version: ledgerV1, Lights: map[string]signal.Light{"naver": signal.Red}, Held: at,
		Waiting: []message{{ID: "x", At: at, Quiet: at, Changes: []change{{
			"naver", signal.Text{KO: "네이버", EN: "Naver"}, signal.Green, signal.Red, at, &at, signal.Reason{Code: "slow", Text: signal.Text{KO: "느림", EN: "slow"}},
		}}}},
	}
	const golden = `{"v":1,"l":{"naver":"red"},"h":"2026-07-01T20:00:00Z","w":[{"i":"x","t":"2026-07-01T20:00:00Z","q":"2026-07-01T20:00:00Z","c":[` +
		`{"p":"naver","n":{"ko":"네이버","en":"Naver"},"f":"green","l":"red","s":"2026-07-01T20:00:00Z","u":"2026-07-01T20:00:00Z","r":{"code":"slow","ko":"느림","en":"slow"}}]}]}`
	raw, _, err := l.encode()
	if err != nil || string(raw) != golden {
		t.Errorf("got %s %v, want %s", raw, err, golden)
	}
	back, ok, err := readLedger([]byte(golden))
	if err != nil || !ok {
		t.Fatal(err)
	}
	if d := cmp.Diff(l, back); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
	if _, _, err := readLedger([]byte(`{"v":2,"l":[]}`)); !errors.Is(err, errFormat) {
		t.Errorf("another version: got %v, want errFormat", err)
	}
	if _, _, err := readLedger([]byte(`nonsense`)); err == nil {
		t.Error("nonsense was read")
	}
}
