package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sinho/signal"
	"sinho/signal/live"
)

// TestThePagesSayWhoseFiguresTheyShow: capacity as set, seen or measured; in
// flight of one node, all of them, or this one alone.
func TestThePagesSayWhoseFiguresTheyShow(t *testing.T) {
	for _, tt := range []struct {
		name     string
		in       live.Insight
		board    []string
		provider []string
		not      []string
	}{
		{
			"one node, nothing measured",
			live.Insight{Nodes: 1, InFlight: 4, Oldest: 2 * time.Second, Bounds: signal.Bounds{Prior: 300}},
			[]string{`용량 설정 <small lang="en">capacity, set</small></dt><dd>300<`, `진행 중 <small lang="en">in flight</small></dt><dd>4 <small>2.00 s</small>`},
			[]string{"재지 못했습니다", "no capacity is measured", "노드가 하나입니다", "one node"},
			[]string{"≈", "as set</small></dt>", "이 노드만", "밀리고", "계약 상한"},
		},
		{
			"more than was set was seen",
			live.Insight{Nodes: 3, InFlight: 90, Bounds: signal.Bounds{Prior: 1}, Capacity: signal.Capacity{Most: 23.4, Estimate: 23.4}},
			[]string{`용량 최소 <small lang="en">capacity/s</small></dt><dd>≥ 23<`},
			[]string{`용량 설정 <small lang="en">as set</small></dt><dd>1<`, "노드 3대를 합친", "of all 3 nodes", "no capacity is measured"},
			[]string{"≈", "이 노드만"},
		},
		{
			"measured, and congested now",
			live.Insight{
				Nodes: 2, Bounds: signal.Bounds{Prior: 300, Cap: 150}, Seconds: 10, Recent: signal.Bucket{Completed: 42},
				Capacity: signal.Capacity{Measured: true, Congested: true, Estimate: 4.25, Most: 40},
			},
			[]string{`용량 추정 <small lang="en">capacity/s</small></dt><dd>≈ 4.2<`},
			[]string{`as set</small></dt><dd>300<`, `계약 상한 <small lang="en">cap/s</small></dt><dd>150<`, "지금 로그인이 밀리고 있습니다", "congested now", "shares go by it", `completed/s</small></dt><dd>4.2<`},
			[]string{"재지 못했습니다"},
		},
		{
			"the store is away",
			live.Insight{Nodes: 1, Alone: true, InFlight: 7, Bounds: signal.Bounds{Prior: 3}, Recent: signal.Bucket{Uncounted: 1}, Seconds: 10},
			[]string{`진행 중, 이 노드만 <small lang="en">in flight, this node</small></dt><dd>7<`},
			[]string{"이 노드만의 것입니다", "of this node alone", `completed/s</small></dt><dd>–<`},
			[]string{"노드가 하나입니다"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoom(t, jimin())
			tt.in.ID, tt.in.Name = "naver", signal.Text{KO: "네이버", EN: "Naver"}
			r.cfg.Lights.Insights = func() []live.Insight { return []live.Insight{tt.in} }
			b := r.browser().enter()
			board := b.get("/")
			board.says(t, http.StatusOK, tt.board...)
			page := b.get("/providers/naver")
			page.says(t, http.StatusOK, append(tt.provider, tt.board...)...)
			_, live, _ := strings.Cut(page.body, `id="live"`)
			for _, not := range tt.not {
				if strings.Contains(live, not) {
					t.Errorf("the provider's page says %q, want it not to", not)
				}
			}
		})
	}
}
