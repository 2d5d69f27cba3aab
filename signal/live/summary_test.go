package live

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/signal"
)

func TestTheSummaryIsAStatuspages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		began := time.Now()
		if err := s.Override("kakao", &signal.Override{Until: began.Add(time.Hour), Reason: signal.Text{KO: "점검", EN: "Being looked at"}}); err != nil {
			t.Fatal(err)
		}
		w := get(t, s.Handler(), "/signal/summary.json", "")
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		at := began.UTC().Format(time.RFC3339)
		want := map[string]any{
			"page": map[string]any{"id": "sinho", "name": "Sinho", "time_zone": "Asia/Seoul", "updated_at": at},
			"components": []any{map[string]any{
				"id": "kakao", "name": "Kakao", "status": "major_outage", "updated_at": at, "position": 1.0,
				"description": "Being looked at", "group": false, "measured": false,
			}},
			"status": map[string]any{"indicator": "critical", "description": "Major System Outage"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("summary (-want +got):\n%s", diff)
		}
		if h := w.Header(); h.Get("Access-Control-Allow-Origin") != "*" || h.Get("ETag") == "" || h.Get("Set-Cookie") != "" {
			t.Errorf("got headers %v", h)
		}
		if again := get(t, s.Handler(), "/signal/summary.json", w.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("unchanged: got %d and %d bytes, want 304 and none", again.Code, again.Body.Len())
		}
		s.stop(t)
	})
}
