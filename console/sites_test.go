package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sinho/signal"
)

// TestOperatorsSeeWhatSitesAreTold looks at the page before anything is told,
// after trouble, and without the store.
func TestOperatorsSeeWhatSitesAreTold(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser().enter()
	b.get("/sites").says(t, http.StatusOK, "기다리는 알림이 없습니다", "로그아웃을 알려 달라는 사이트가 없습니다")

	at := time.Date(2026, 11, 27, 3, 4, 5, 0, time.UTC)
	r.told = Sites{Waiting: 12, Oldest: at, Told: []SiteTold{{
		ID: "booking", Name: signal.Text{KO: "백신 예약", EN: "Vaccination"},
		Results: []SiteResult{{Result: "told", Count: 4012, Last: at}, {Result: "retry", Count: 7, Last: at}, {Result: "given_up"}},
	}}}
	b.get("/sites").says(t, http.StatusOK, "12건이 기다립니다", "2026-11-27T03:04:05Z", "백신 예약", "Vaccination",
		`data-result="told">알림 <b>4012</b>`, `data-result="retry">⚠ 다시 시도 <b>7</b>`, `data-result="given_up">포기 <b>0</b>`)

	if a := b.get("/sites"); strings.Contains(a.body, "신호 알림") {
		t.Errorf("alerts are shown where there are none:\n%s", a.body)
	}
	r.told.Alerts = &Alerts{Told: []SiteTold{{ID: "ops", Results: []SiteResult{{Result: "told", Count: 3, Last: at}}}}}
	b.get("/sites").says(t, http.StatusOK, "신호 알림", "기다리는 신호 알림이 없습니다", `data-alert="ops"`, `data-result="told">알림 <b>3</b>`)
	r.told.Alerts.Waiting, r.told.Alerts.Oldest = 1, at
	b.get("/sites").says(t, http.StatusOK, "1곳이 알림을 기다립니다")

	r.store.gone.Store(true)
	b.get("/sites").says(t, http.StatusServiceUnavailable, "저장소에 닿지 않습니다")
}
