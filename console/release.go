package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sinho/broker"
	"sinho/operator"
	"sinho/signal"
	"sinho/store"
)

// Devices are the locks by which sites hold each person to one device. Errors are
// those of broker.HeldBy and broker.Release.
type Devices struct {
	HeldBy  func(ctx context.Context, reference string) (broker.Held, error)
	Release func(ctx context.Context, reference string) (broker.Held, error)
}

// releaseView is the page on which an operator releases somebody's device.
type releaseView struct {
	frame

	Typed  string      // the reference
	Held   broker.Held // zero: none was found
	Found  bool        // Held can be released
	Reason string
	Wrong  *signal.Text
	Done   bool
	Wait   time.Duration // until the next try
}

func (c *Console) releaseView(r *http.Request, v visitor) releaseView {
	view := releaseView{frame: c.frame(r, v, "devices", "기기 이용 풀기", "Release a device")}
	view.At = "/devices"
	return view
}

// devices shows the form that asks for a reference.
func (c *Console) devices(w http.ResponseWriter, r *http.Request, v visitor) {
	view := c.releaseView(r, v)
	view.Done = r.URL.Query().Get("done") == "released"
	c.render(w, "devices", http.StatusOK, view)
}

// release takes the form of a reference: it shows what that stands for, and
// releases it once a reason is given. Both count as tries, for either would tell
// whether a guess is right.
func (c *Console) release(w http.ResponseWriter, r *http.Request, v visitor) {
	if !c.takes(w, r, v) {
		return
	}
	view := c.releaseView(r, v)
	view.Typed, view.Reason = r.PostForm.Get("reference"), r.PostForm.Get("reason")
	ref, readable := broker.ParseReference(view.Typed)
	if !readable {
		view.Wrong = &signal.Text{KO: "문의번호는 글자와 숫자 여덟 자입니다. 예: 8J10-74D7", EN: "A reference has eight letters and digits, such as 8J10-74D7."}
		c.render(w, "devices", http.StatusUnprocessableEntity, view)
		return
	}
	view.Typed = ref
	if view.Wait = c.references.take(v.By); view.Wait > 0 {
		c.render(w, "devices", http.StatusTooManyRequests, view)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 2*storeWait)
	defer cancel()
	var err error
	if r.PostForm.Get("do") == "release" {
		err = c.releaseNow(ctx, v.By, ref, view.Reason)
		if err == nil {
			seeOther(w, "/devices?done=released")
			return
		}
	}
	held, now := c.cfg.Devices.HeldBy(ctx, ref)
	view.Held, view.Found = held, now == nil
	if err == nil {
		err = now
	}
	c.answerRelease(w, r, view, err)
}

// releaseNow releases by a reference. The trail has it before anything is done, and
// afterwards what became of it.
func (c *Console) releaseNow(ctx context.Context, by, ref, reason string) error {
	if err := c.cfg.Desk.NoteRelease(ctx, by, ref, reason, ""); err != nil {
		return err
	}
	_, err := c.cfg.Devices.Release(ctx, ref)
	outcome := operator.ReleaseFailed
	switch {
	case err == nil:
		outcome = operator.ReleaseDone
	case errors.Is(err, broker.ErrReleased):
		outcome = operator.ReleaseOver
	case errors.Is(err, broker.ErrHeldAnew):
		outcome = operator.ReleaseMoved
	case errors.Is(err, broker.ErrReference):
		outcome = operator.ReleaseUnknown
	}
	c.cfg.Log.InfoContext(ctx, "operator releases a device", "by", by, "ref", ref, "outcome", outcome)
	if noted := c.cfg.Desk.NoteRelease(ctx, by, ref, "", outcome); noted != nil {
		c.cfg.Log.ErrorContext(ctx, "what became of a release is not in the trail", "by", by, "ref", ref, "outcome", outcome, "error", noted)
	}
	return err
}

// answerRelease shows what a reference stands for, or what is wrong.
func (c *Console) answerRelease(w http.ResponseWriter, r *http.Request, view releaseView, err error) {
	status := http.StatusOK
	for _, m := range []struct {
		err    error
		status int
		text   signal.Text
	}{
		{store.ErrUnavailable, http.StatusServiceUnavailable, signal.Text{}},
		{operator.ErrBusy, http.StatusServiceUnavailable, signal.Text{}},
		{broker.ErrReference, http.StatusNotFound, signal.Text{KO: "이 문의번호로 막힌 로그인이 없습니다. 잘못 들었거나, 한 시간이 지났거나, 이미 푼 번호일 수 있습니다. 본인 확인까지 마친 뒤에 나온 번호여야 하니, 다시 한 번 로그인해 보고 그 화면의 번호를 읽어 달라고 해 주세요.", EN: "No login was refused under this reference. It may be misheard, older than an hour, or used. It counts once the person has verified themselves: ask them to log in once more and read out the number shown then."}},
		{broker.ErrReleased, http.StatusConflict, signal.Text{KO: "이미 풀려 있습니다. 다시 로그인하면 됩니다.", EN: "It has ended already: they can log in again."}},
		{broker.ErrHeldAnew, http.StatusConflict, signal.Text{KO: "그사이 다른 기기에서 이용을 시작했습니다. 그 사람 자신의 새 기기일 수 있어 풀지 않았습니다. 아직 막혀 있다면 새 문의번호를 물어봐 주세요.", EN: "Another device is in by now, perhaps the very one they call from, so nothing was released. If they are still refused, ask for the new reference."}},
		{operator.ErrReasonKO, http.StatusUnprocessableEntity, signal.Text{KO: "사유를 적어 주세요.", EN: "Please give a reason."}},
		{operator.ErrReasonLong, http.StatusUnprocessableEntity, signal.Text{KO: "사유는 한 줄, 100자까지입니다.", EN: "A reason is one line of at most 100 characters."}},
	} {
		if err != nil && errors.Is(err, m.err) {
			status, view.Wrong = m.status, &m.text
			break
		}
	}
	switch {
	case err != nil && view.Wrong == nil:
		c.cfg.Log.ErrorContext(r.Context(), "release a device", "error", err)
		c.problem(w, r, http.StatusInternalServerError, problemInternal)
	case status == http.StatusServiceUnavailable:
		c.cfg.Log.ErrorContext(r.Context(), "release a device", "error", err)
		c.problem(w, r, status, problemStore)
	default:
		c.render(w, "devices", status, view)
	}
}
