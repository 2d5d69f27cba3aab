package console

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"sinho/broker"
	"sinho/operator"
	"sinho/providers"
	"sinho/store"
)

// locks is what a broker says of a reference.
type locks struct {
	err             error
	asked, released []string
}

func (l *locks) held(ref string) broker.Held {
	at := time.Date(2026, 11, 27, 3, 4, 5, 0, time.UTC)
	return broker.Held{Ref: ref, At: at, Until: at.Add(10 * time.Minute), Sites: []broker.Site{{ID: "booking", Name: providers.Text{KO: "백신 예약", EN: "Vaccination"}}}}
}

func (l *locks) heldBy(_ context.Context, ref string) (broker.Held, error) {
	l.asked = append(l.asked, ref)
	return l.held(ref), l.err
}

func (l *locks) release(_ context.Context, ref string) (broker.Held, error) {
	if l.err == nil {
		l.released = append(l.released, ref)
	}
	return l.held(ref), l.err
}

func (r *room) changes() []operator.Entry {
	r.t.Helper()
	all, _, err := r.desk.Trail(r.t.Context(), operator.Changes, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func TestADeviceIsReleasedFromTheReferenceToTheTrail(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser().enter()
	b.get("/devices").says(t, http.StatusOK, "문의번호", "Reference", `aria-current="page">기기`)
	page := b.post("/devices", "reference", " 8jlo 74d7")
	page.says(t, http.StatusOK, "8J10-74D7", "백신 예약", "Vaccination", "2026-11-27T03:14:05Z", "사유")
	if len(r.locks.released) != 0 || len(r.changes()) != 0 {
		t.Error("looking has released or noted something")
	}
	b.post("/devices", "reference", "8J10-74D7", "do", "release", "reason", " ").says(t, http.StatusUnprocessableEntity, "사유를 적어 주세요")
	b.post("/devices", "reference", "8J10-74D7", "do", "release", "reason", strings.Repeat("가", 101)).says(t, http.StatusUnprocessableEntity, "100자까지")
	if len(r.locks.released) != 0 || len(r.changes()) != 0 {
		t.Error("without a good reason something was released or noted")
	}
	b.post("/devices", "reference", "8J10-74D7", "do", "release", "reason", "<휴대전화 분실>").says(t, http.StatusOK, "풀었습니다", "logged out")
	if got := strings.Join(r.locks.released, " "); got != "8J10-74D7" {
		t.Errorf("released %q, want it once", got)
	}
	b.get("/audit").says(t, http.StatusOK, "기기 이용 풀기 요청", "기기 이용 풀림", "8J10-74D7", "&lt;휴대전화 분실&gt;", "jimin")
}

func TestAReleaseThatCannotBeDoneSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		name    string
		err     error
		status  int
		says    string
		outcome string
	}{
		{"nobody's", broker.ErrReference, 404, "막힌 로그인이 없습니다", operator.ReleaseUnknown},
		{"over", broker.ErrReleased, 409, "이미 풀려 있습니다", operator.ReleaseOver},
		{"another device's by now", broker.ErrHeldAnew, 409, "풀지 않았습니다", operator.ReleaseMoved},
		{"the store is away", store.ErrUnavailable, 503, "저장소에 닿지 않습니다", operator.ReleaseFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoom(t, jimin())
			r.locks.err = tt.err
			b := r.browser().enter()
			b.post("/devices", "reference", "8J10-74D7").says(t, tt.status, tt.says)
			b.post("/devices", "reference", "8J10-74D7", "do", "release", "reason", "분실").says(t, tt.status, tt.says)
			all := r.changes()
			if len(all) != 2 || all[0].Outcome != tt.outcome || all[1].Outcome != "" || all[1].Reason.KO != "분실" {
				t.Errorf("got %+v, want the wish and %q", all, tt.outcome)
			}
		})
	}
	r := newRoom(t, jimin())
	b := r.browser().enter()
	b.post("/devices", "reference", "<b>8J10").says(t, http.StatusUnprocessableEntity, "여덟 자입니다", "&lt;b&gt;8J10")
	r.store.gone.Store(true)
	b.post("/devices", "reference", "8J10-74D7", "do", "release", "reason", "분실").says(t, http.StatusServiceUnavailable, "저장소에 닿지 않습니다")
	if len(r.locks.asked)+len(r.locks.released) != 0 {
		t.Error("without the store, or a reference, the broker was asked")
	}
}

// Attack: guessing references in the console, by whoever is in and by whoever is
// not, and a button on another site.
func TestAttackGuessingReferencesInTheConsole(t *testing.T) {
	r := newRoom(t, jimin())
	r.locks.err = broker.ErrReference
	out := r.browser()
	if got := out.post("/devices", "reference", "8J10-74D7"); len(r.locks.asked) != 0 || !strings.HasPrefix(got.at, "/sign-in") {
		t.Errorf("nobody: got %s, asked %v", got.at, r.locks.asked)
	}
	b := r.browser().enter()
	refused := 0
	for range 2 * ownBurst {
		if b.post("/devices", "reference", broker.NewReference()).status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != ownBurst || len(r.locks.asked) != ownBurst {
		t.Errorf("got %d refused and %d asked, want %d each", refused, len(r.locks.asked), ownBurst)
	}
	b.post("/devices", "reference", "8J10-74D7", "do", "release", "reason", "분실").says(t, http.StatusTooManyRequests, "너무 자주")
	if len(r.changes()) != 0 {
		t.Error("a try too many was noted as a release")
	}
	r.now.Add(int64(ownEvery))
	b.post("/devices", "reference", "8J10-74D7").says(t, http.StatusNotFound, "막힌 로그인이 없습니다")

	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+"/devices", strings.NewReader("reference=8J10-74D7&do=release&reason=x"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	b.do(req).says(t, http.StatusForbidden, "다른 사이트")
	if len(r.locks.released) != 0 {
		t.Error("another site's button has released somebody")
	}
}
