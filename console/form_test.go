package console

import (
	"net/http"
	"testing"
	"time"

	"sinho/lobby"
)

// A form that is sent again with another wish, from the page of before (Back, or an
// answer that was long in coming), was told to be done, and nothing was.
func TestAFormSentAgainWithAnotherWishIsNotSaidToBeDone(t *testing.T) {
	t.Run("a room", func(t *testing.T) {
		r, b := hosting(t, vaccine())
		page := b.get("/rooms/vaccine")
		send := func(do string, pairs ...string) answer {
			all := []string{"id", page.hidden(t, do, "id"), "seen", page.hidden(t, do, "seen"), "do", do, "reason_ko", "천천히", "reason_en", "Slower"}
			return b.post("/rooms/vaccine/order", append(all, pairs...)...)
		}
		for range 2 {
			send("limits", "max", "50").says(t, http.StatusOK, "상한과 하한을 바꿨습니다")
		}
		send("limits", "max", "5").says(t, http.StatusConflict, "방금 보낸 조치", "sent just before")
		send("close").says(t, http.StatusConflict, "반영하지 않았습니다")
		if o := r.desk.Order("vaccine"); o.Closing != nil || o.Limits == nil || o.Limits.Max != 50 {
			t.Errorf("got %+v, want what was sent first", o)
		}
	})
	t.Run("a light", func(t *testing.T) {
		r := newRoom(t, jimin())
		b := r.browser().enter()
		page := b.get("/providers/kakao")
		send := func(pairs ...string) answer {
			all := []string{"id", page.hidden(t, "word", "id"), "seen", page.hidden(t, "word", "seen"), "do", "grey", "reason_ko", "장애", "reason_en", "Outage", "for", "30"}
			return b.post("/providers/kakao/word", append(all, pairs...)...)
		}
		for range 2 {
			send().says(t, http.StatusOK, "선택불가로 바꿨습니다")
		}
		send("do", "disable").says(t, http.StatusConflict, "방금 보낸 조치", "sent just before")
		if w := r.desk.Word("kakao"); w.Disabled {
			t.Errorf("got %+v, want what was sent first", w)
		}
	})
}

// Taking back an opening that has been, while the file's is yet to come, stops a queue
// that moves.
func TestTakingBackAnOpeningThatHasBeenIsConfirmed(t *testing.T) {
	file := vaccine()
	file.Queue = lobby.Queue{Second: time.Now().Unix(), Main: lobby.Lane{Next: 1500}}
	file.File.Opens = time.Now().Add(time.Hour).Truncate(time.Second)
	r, b := hosting(t, file)
	b.order("schedule", "opens", time.Now().UTC().Add(2*time.Minute).Format("2006-01-02T15:04:05"), "reason_ko", "당김").says(t, http.StatusOK, "여는 시각을 정했습니다")
	back := func(pairs ...string) answer {
		t.Helper()
		page := b.get("/rooms/vaccine")
		all := []string{"do", "as-in-file", "of", "schedule", "id", page.hidden(t, "back-schedule", "id"), "seen", page.hidden(t, "back-schedule", "seen")}
		return b.post("/rooms/vaccine/order", append(all, pairs...)...)
	}
	r.halls[0].Queue = vaccine().Queue // it was drawn
	b.get("/rooms/vaccine").says(t, http.StatusOK, "다시 여는 시각을 기다립니다", "waits for its opening again")
	back().says(t, http.StatusUnprocessableEntity, "확인 칸을")
	back("sure", "yes").says(t, http.StatusOK, "설정 파일대로 되돌렸습니다")
}
