package signal

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLightsAreWordsOnTheWire(t *testing.T) {
	for _, tt := range []struct {
		light             Light
		wire, word, shape string
	}{
		{Green, "green", "원활", "●"},
		{Yellow, "yellow", "지연", "▲"},
		{Red, "red", "혼잡", "■"},
		{Grey, "grey", "선택불가", "✕"},
	} {
		raw, err := json.Marshal(tt.light)
		if err != nil || string(raw) != `"`+tt.wire+`"` {
			t.Errorf("marshal %v: got %s, %v, want %q", tt.light, raw, err, tt.wire)
		}
		var back Light
		if err := json.Unmarshal(raw, &back); err != nil || back != tt.light {
			t.Errorf("unmarshal %s: got %v, %v, want %v", raw, back, err, tt.light)
		}
		if got := tt.light.Word().KO; got != tt.word {
			t.Errorf("word of %v: got %s, want %s", tt.light, got, tt.word)
		}
		if got := tt.light.Shape(); got != tt.shape {
			t.Errorf("shape of %v: got %s, want %s", tt.light, got, tt.shape)
		}
	}
	if _, err := json.Marshal(Light(0)); err == nil {
		t.Error("marshal of no light: got no error, want one")
	}
	var l Light
	if err := l.UnmarshalText([]byte("blue")); err == nil {
		t.Error("unmarshal of blue: got no error, want one")
	}
}

func TestBoardHasTheDocumentedForm(t *testing.T) {
	until := time.Date(2026, 7, 1, 20, 5, 0, 0, time.UTC)
	b := Board{Seq: 7, At: until.Add(-time.Minute), Providers: []Status{{
		ID: "kakao", Name: Text{KO: "카카오", EN: "Kakao"}, Light: Grey, Since: until.Add(-time.Hour), Until: &until,
		Reason: Reason{Code: CodeOperator, Text: Text{KO: "점검", EN: "Maintenance"}}, Share: 1,
	}}}
	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"seq":7,"at":"2026-07-01T20:04:00Z","local":false,"providers":[{"id":"kakao","name":{"ko":"카카오","en":"Kakao"},` +
		`"light":"grey","measured":false,"since":"2026-07-01T19:05:00Z","until":"2026-07-01T20:05:00Z",` +
		`"reason":{"code":"operator","ko":"점검","en":"Maintenance"},"share":1}]}`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("board (-want +got):\n%s", diff)
	}
}

func TestHistogramBoundsAreQuarterPowersOfTwo(t *testing.T) {
	for i, want := range map[int]time.Duration{31: time.Second, 35: 2 * time.Second, 39: 4 * time.Second, 27: 500 * time.Millisecond} {
		if got := Bound(i); got != want {
			t.Errorf("bound %d: got %v, want %v", i, got, want)
		}
	}
	for i := range HistogramBuckets {
		if got := Index(Bound(i)); got != i {
			t.Errorf("a duration at the bound of bucket %d: got bucket %d", i, got)
		}
		if i+1 < HistogramBuckets {
			if got := Index(Bound(i) + 1); got != i+1 {
				t.Errorf("a duration just over bound %d: got bucket %d, want %d", i, got, i+1)
			}
			if got := boundBelow(Bound(i)); got != i {
				t.Errorf("the bound below bound %d: got %d", i, got)
			}
		}
	}
	var h Histogram
	for _, d := range []time.Duration{-1, 0, time.Second, time.Second + 1, time.Hour} {
		h.Observe(d)
	}
	if got := h.Above(oneSecond); got != 2 {
		t.Errorf("above 1 s: got %d, want 2", got)
	}
	if got := h.Total(); got != 5 {
		t.Errorf("total: got %d, want 5", got)
	}
}

func TestLowerBoundIsWilsons(t *testing.T) {
	for _, tt := range []struct {
		k, n int
		want float64
	}{
		{0, 0, 0},
		{0, 50, 0},
		{1, 1, 0.2699},
		{4, 4, 0.5965},
		{5, 10, 0.2693},
		{40, 40, 0.9367},
		{84, 120, 0.6272},
		{200, 100, 0.9737},
	} {
		if got := LowerBound(tt.k, tt.n); math.Abs(got-tt.want) > 5e-4 {
			t.Errorf("lower bound of %d in %d: got %.4f, want %.4f", tt.k, tt.n, got, tt.want)
		}
	}
}

func TestThresholdsFollowTheBaselineWithinTheirClamps(t *testing.T) {
	r := DefaultRules()
	for _, tt := range []struct {
		name                    string
		p90                     time.Duration
		slow, verySlow, overdue time.Duration
	}{
		{"unknown: the objective", 0, Bound(37), Bound(41), Bound(45)},
		{"fast: the floors", 100 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second},
		{"usual: twice and four times", Bound(29), Bound(33), Bound(37), Bound(41)},
		{"drifted away: the objective", 20 * time.Second, Bound(37), Bound(41), Bound(45)},
	} {
		th := r.limits(tt.p90)
		got := []time.Duration{Bound(th.slow), Bound(th.verySlow), Bound(th.overdue)}
		if diff := cmp.Diff([]time.Duration{tt.slow, tt.verySlow, tt.overdue}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// randomBucket of one second.
func randomBucket(r *rand.Rand) Bucket {
	b := Bucket{Second: 1_700_000_000, Started: r.Uint32N(9), StartedGreen: r.Uint32N(9), Cancelled: r.Uint32N(9)}
	for range r.IntN(20) {
		b.Legs[r.IntN(HistogramBuckets)]++
		b.Left[r.IntN(HistogramBuckets)]++
	}
	for i := range b.Errors {
		b.Errors[i] = r.Uint32N(5)
	}
	for range r.IntN(6) {
		b.Came(b.Second-r.Int64N(8), r.Uint32N(4), r.Uint32N(3))
	}
	b.ProbesOK, b.ProbesFailed, b.PagesOK, b.PagesFailed = r.Uint32N(3), r.Uint32N(3), r.Uint32N(3), r.Uint32N(3)
	b.GreenEnded, b.GreenFailed, b.GreenSlow = r.Uint32N(9), r.Uint32N(9), r.Uint32N(9)
	return b
}

func TestBucketsOfNodesAddInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		a, b, c := randomBucket(r), randomBucket(r), randomBucket(r)
		if diff := cmp.Diff(a.Add(b), b.Add(a)); diff != "" {
			t.Fatalf("add is not commutative:\n%s", diff)
		}
		if diff := cmp.Diff(a.Add(b).Add(c), a.Add(b.Add(c))); diff != "" {
			t.Fatalf("add is not associative:\n%s", diff)
		}
		if diff := cmp.Diff(a, a.Add(Bucket{Second: a.Second})); diff != "" {
			t.Fatalf("an empty bucket is not neutral:\n%s", diff)
		}
	}
}

func TestBlobsOfNodesMergeHoweverOftenTheyAreRead(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	blobs := func() Nodes {
		n := Nodes{}
		for _, id := range []string{"a", "b", "c"} {
			if r.IntN(3) > 0 {
				n[id] = randomBucket(r)
			}
		}
		return n
	}
	for range 300 {
		a, b, c := blobs(), blobs(), blobs()
		if diff := cmp.Diff(a.Merge(b), b.Merge(a)); diff != "" {
			t.Fatalf("merge is not commutative:\n%s", diff)
		}
		if diff := cmp.Diff(a.Merge(b).Merge(c), a.Merge(b.Merge(c))); diff != "" {
			t.Fatalf("merge is not associative:\n%s", diff)
		}
		if diff := cmp.Diff(a.Merge(b), a.Merge(b).Merge(a).Merge(b)); diff != "" {
			t.Fatalf("merge is not idempotent:\n%s", diff)
		}
		want := Bucket{Second: 1_700_000_000}
		for _, id := range []string{"a", "b", "c"} {
			want = want.Add(a[id])
		}
		if got := a.Sum(); len(a) > 0 && !cmp.Equal(want, got) {
			t.Fatalf("sum of nodes:\n%s", cmp.Diff(want, got))
		}
	}
}

// numbered are the numbers that each reason has to say, the usual one last where
// there is one.
var numbered = map[string][]string{
	CodeOK:         {"2"},
	CodeLittleData: {"311"},
	CodeSlow:       {"311", "282", "2", "0.4"},
	CodeVerySlow:   {"311", "282", "2", "0.4"},
	CodeErrors:     {"311", "282", "1000", "4"},
	CodeBreaker:    {"282", "70", "0.4"},
	CodeMissing:    {"282", "311"},
	CodePage:       {"282"},
	CodeProbes:     {"282"},
	CodeRecovering: {"311", "282", "2"},
	CodeTrickle:    {"282"},
}

func TestReasonsSpeakBothLanguagesWithNumbers(t *testing.T) {
	f := finding{light: Red, code: CodeSlow, n: 120, k: 84, limit: 2100 * time.Millisecond}
	if got, want := f.reason().KO, "최근 120건 중 84건이 2.1초를 넘었습니다."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	f.usual = 900 * time.Millisecond
	if got, want := f.reason().Text, (Text{KO: "최근 120건 중 84건이 2.1초를 넘었습니다. 평소 0.9초.", EN: "84 of the last 120 answers took over 2.1 s. Usually 0.9 s."}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, code := range []string{
		CodeOK, CodeLittleData, CodeSlow, CodeVerySlow, CodeErrors, CodeBreaker, CodeMissing,
		CodePage, CodeProbes, CodeRecovering, CodeTrickle,
	} {
		// Numbers that are told apart in a sentence.
		r := finding{
			code: code, n: 311, k: 282, limit: 2 * time.Second, span: 70 * time.Second,
			seen: 311, well: 282, within: 2 * time.Second, usual: 400 * time.Millisecond, perMille: 4, perMilleKnown: true,
		}.reason()
		if r.KO == "" || r.EN == "" || r.Code != code || strings.Contains(r.KO+r.EN, "%!") {
			t.Errorf("reason %s: got %+v, want words in both languages", code, r)
		}
		for _, number := range numbered[code] {
			if !strings.Contains(r.KO, number) || !strings.Contains(r.EN, number) {
				t.Errorf("reason %s: got %+v, want it to say %s in both", code, r, number)
			}
		}
		if len(numbered[code]) == 0 {
			t.Errorf("reason %s: no number is asked of it", code)
		}
	}
}
