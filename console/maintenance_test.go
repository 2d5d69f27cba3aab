package console

import (
	"strings"
	"testing"
	"time"

	"sinho/signal"
)

func TestOperatorsSeeMaintenanceAndWhatIsMeasuredMeanwhile(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser().enter()
	now := time.Now()
	plan := func(from, to time.Duration) {
		r.lights.Plan(t.Context(), map[string][]signal.Maintenance{
			"naver": {{From: now.Add(from), To: now.Add(to), Reason: signal.Text{KO: "서버 이전", EN: "Moving"}}},
		})
	}
	plan(time.Hour, 2*time.Hour)
	for _, path := range []string{"/", "/providers/naver"} {
		if got := b.get(path); !strings.Contains(got.body, "점검 예정") || strings.Contains(got.body, "<strong>점검 중<") {
			t.Errorf("%s before: want it planned:\n%s", path, got.body)
		}
	}
	plan(-time.Hour, time.Hour)
	for _, path := range []string{"/", "/providers/naver"} {
		got := b.get(path)
		for _, want := range []string{"<strong>점검 중<", "서버 이전", "측정으로는", `data-light="grey"`, `data-light="yellow"`} {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s during: no %q in\n%s", path, want, got.body)
			}
		}
	}
	if strings.Contains(b.get("/providers/kakao").body, "<strong>점검 중<") {
		t.Error("kakao has a maintenance, want none")
	}
}
