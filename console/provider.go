package console

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sinho/operator"
	"sinho/signal"
	"sinho/store"
)

// choice is one time an override may last.
type choice struct {
	Minutes int
	Name    signal.Text
}

func choices() []choice {
	return []choice{
		{10, signal.Text{KO: "10분", EN: "10 min"}},
		{30, signal.Text{KO: "30분", EN: "30 min"}},
		{60, signal.Text{KO: "1시간", EN: "1 h"}},
		{120, signal.Text{KO: "2시간", EN: "2 h"}},
		{240, signal.Text{KO: "4시간", EN: "4 h"}},
		{480, signal.Text{KO: "8시간", EN: "8 h"}},
		{1440, signal.Text{KO: "24시간", EN: "24 h"}},
	}
}

// wordForm is what somebody filled in, and what is wrong with it by field.
type wordForm struct {
	ID, Seen string
	Do       string
	KO, EN   string
	For      string
	Wrong    map[string]signal.Text
	// Order of what is wrong, as the fields stand.
	Fields []string
}

// Bad reports whether a field has to be corrected.
func (f wordForm) Bad(field string) bool { _, bad := f.Wrong[field]; return bad }

type providerView struct {
	frame

	door
	Now      time.Time
	Span     span
	Traffic  chart
	Times    chart
	Failures chart
	Rows     []row
	Judged   []judged
	Form     wordForm
	Choices  []choice
	Done     *signal.Text
}

// judged is one thing the light is judged by.
type judged struct {
	Name signal.Text
	Now  string // what is so
	How  signal.Text
	Hit  signal.Light // the light it asks for by itself, 0 for none
}

func (c *Console) providerView(f frame, id, spanKey string) (providerView, bool) {
	s := c.span(spanKey)
	doors := c.doors(s)
	i := slices.IndexFunc(doors, func(d door) bool { return d.ID() == id })
	if i < 0 {
		return providerView{}, false
	}
	f.Live = "/ws?page=provider&id=" + id
	if spanKey == s.Key {
		f.Live += "&span=" + s.Key
	}
	v := providerView{frame: f, door: doors[i], Now: c.cfg.Now(), Span: s, Choices: choices()}
	bins := binsOf(s, v.Now, func(first, last int64) []signal.Minute { return c.cfg.Lights.Minutes(id, first, last) })
	v.Traffic, v.Times, v.Failures, v.Rows = traffic(bins), times(bins, v.Slow), failures(bins), rowsOf(s, bins)
	v.Judged = judgedBy(v.door)
	v.Title = v.door.Name()
	v.Form = wordForm{ID: rand.Text(), Seen: v.Word.ID}
	return v, true
}

// Name would be ambiguous: page and door both have fields of that kind.
func (v providerView) Name() signal.Text { return v.door.Name() }

// judgedBy lists the evidence beside the rules' numbers.
func judgedBy(d door) []judged {
	r, w := d.Rules, d.View
	share := func(k int, least float64) string {
		if w.N == 0 {
			return "–"
		}
		return strconv.Itoa(k) + "/" + strconv.Itoa(w.N) + ", ≥ " + percent(least) + " %"
	}
	worst := func(yellow, red, grey bool) signal.Light {
		switch {
		case grey:
			return signal.Grey
		case red:
			return signal.Red
		case yellow:
			return signal.Yellow
		}
		return 0
	}
	slowEnough, failedEnough := w.Slow >= r.EventsNeeded, w.Failed >= r.EventsNeeded
	return []judged{
		{
			signal.Text{KO: seconds(d.Slow) + "초를 넘은 응답", EN: "answers over " + seconds(d.Slow) + " s"},
			share(w.Slow, w.LeastSlow),
			signal.Text{KO: "지연 > " + percent(r.YellowSlow) + " %, 혼잡 > " + percent(r.RedSlow) + " %", EN: "yellow, red above"},
			worst(slowEnough && w.LeastSlow > r.YellowSlow, slowEnough && w.LeastSlow > r.RedSlow, false),
		},
		{
			signal.Text{KO: seconds(d.VerySlow) + "초를 넘은 응답", EN: "answers over " + seconds(d.VerySlow) + " s"},
			share(w.VerySlow, w.LeastVerySlow),
			signal.Text{KO: "혼잡 > " + percent(r.RedVerySlow) + " %", EN: "red above"},
			worst(false, w.VerySlow >= r.EventsNeeded && w.LeastVerySlow > r.RedVerySlow, false),
		},
		{
			signal.Text{KO: "실패한 요청", EN: "failed requests"},
			share(w.Failed, w.LeastFailed),
			signal.Text{KO: "지연 > " + percent(r.YellowErrors) + " %, 혼잡 > " + percent(r.RedErrors) + " %, 선택불가 > " + percent(r.GreyErrors) + " %", EN: "yellow, red, grey above"},
			worst(failedEnough && w.LeastFailed > r.YellowErrors, failedEnough && w.LeastFailed > r.RedErrors, failedEnough && w.LeastFailed > r.GreyErrors),
		},
		{
			signal.Text{KO: "연속 실패", EN: "failures in a row"},
			strconv.Itoa(w.FailuresInRow),
			signal.Text{KO: "선택불가 ≥ " + strconv.Itoa(r.BreakerFailures), EN: "grey from"},
			worst(false, false, w.FailuresInRow >= r.BreakerFailures),
		},
		{
			signal.Text{KO: "응답 확인 연속 실패", EN: "probes failed in a row"},
			strconv.Itoa(w.ProbesInRow),
			signal.Text{KO: "지연 ≥ " + strconv.Itoa(r.ProbesYellow), EN: "yellow from"},
			worst(w.ProbesInRow >= r.ProbesYellow, false, false),
		},
		{
			signal.Text{KO: "인증 화면 연속 실패", EN: "page probes failed in a row"},
			strconv.Itoa(w.PagesInRow),
			signal.Text{KO: "지연 ≥ " + strconv.Itoa(r.PagesYellow) + ", 혼잡 ≥ " + strconv.Itoa(r.PagesRed), EN: "yellow, red from"},
			worst(w.PagesInRow >= r.PagesYellow, w.PagesInRow >= r.PagesRed, false),
		},
		people(d),
	}
}

func people(d door) judged {
	j := judged{Name: signal.Text{KO: "돌아오지 않는 사람", EN: "people who do not return"}, Now: "–", How: signal.Text{KO: "평소보다 뚜렷이 적을 때", EN: "when clearly fewer than usual"}}
	if d.View.Due > 0 {
		j.Now = strconv.Itoa(int(d.View.Came)) + "/" + strconv.Itoa(int(d.View.Due+0.5))
		j.Hit = signal.Yellow
	}
	return j
}

func (c *Console) provider(w http.ResponseWriter, r *http.Request, v visitor) {
	view, ok := c.providerView(c.frame(r, v, "provider", "", ""), r.PathValue("id"), r.URL.Query().Get("span"))
	if !ok {
		c.problem(w, r, http.StatusNotFound, problemProvider)
		return
	}
	done := map[string]signal.Text{
		"grey":    {KO: "선택불가로 바꿨습니다. 모든 노드에 1초 안에 퍼집니다.", EN: "Set to grey; every node follows within a second."},
		"disable": {KO: "사용 중지했습니다. 모든 노드에 1초 안에 퍼집니다.", EN: "Disabled; every node follows within a second."},
		"back":    {KO: "되돌렸습니다. 불빛은 다시 측정한 대로 켜집니다.", EN: "Taken back; the light is what is measured again."},
	}
	if text, ok := done[r.URL.Query().Get("done")]; ok {
		view.Done = &text
	}
	c.render(w, "provider", http.StatusOK, view)
}

// change takes the form of a word.
func (c *Console) change(w http.ResponseWriter, r *http.Request, v visitor) {
	id := r.PathValue("id")
	view, ok := c.providerView(c.frame(r, v, "provider", "", ""), id, "")
	if !ok {
		c.problem(w, r, http.StatusNotFound, problemProvider)
		return
	}
	if !c.takes(w, r, v) {
		return
	}
	form := r.PostForm
	f := wordForm{
		ID: form.Get("id"), Seen: form.Get("seen"), Do: form.Get("do"),
		KO: form.Get("reason_ko"), EN: form.Get("reason_en"), For: form.Get("for"),
	}
	err := c.cfg.Desk.Set(r.Context(), f.change(id, v.By))
	switch {
	case err == nil:
		c.cfg.Log.InfoContext(r.Context(), "operator's word", "by", v.By, "provider", id, "do", f.Do)
		seeOther(w, "/providers/"+id+"?done="+f.Do+"#done")
	case errors.Is(err, store.ErrUnavailable) || errors.Is(err, operator.ErrBusy):
		c.cfg.Log.ErrorContext(r.Context(), "operator's word", "by", v.By, "provider", id, "error", err)
		c.problem(w, r, http.StatusServiceUnavailable, problemStore)
	default:
		status := f.mistakes(err)
		// What is in force may be another word now; the form is over this one.
		view, _ = c.providerView(c.frame(r, v, "provider", "", ""), id, "")
		view.At = "/providers/" + id
		f.ID, f.Seen = view.Form.ID, view.Form.Seen
		view.Form = f
		c.render(w, "provider", status, view)
	}
}

// change is the form as the desk takes it; what cannot be read stays zero and
// is refused there.
func (f wordForm) change(provider, by string) operator.Change {
	ch := operator.Change{
		ID: changeID(f.ID, f.Do, f.KO, f.EN, f.For), Seen: f.Seen, Provider: provider, By: by, Do: operator.Action(f.Do), Reason: signal.Text{KO: f.KO, EN: f.EN},
	}
	if i := slices.IndexFunc(choices(), func(c choice) bool { return strconv.Itoa(c.Minutes) == f.For }); i >= 0 {
		ch.For = time.Duration(choices()[i].Minutes) * time.Minute
	}
	return ch
}

// mistakes fills in what is wrong, by field, and says with which status.
func (f *wordForm) mistakes(err error) int {
	status := http.StatusUnprocessableEntity
	f.Wrong = map[string]signal.Text{}
	for _, m := range []struct {
		err   error
		field string
		text  signal.Text
	}{
		{operator.ErrChanged, "form", signal.Text{KO: "그사이 다른 운영자가, 또는 방금 보낸 조치가 이 기관을 바꿨습니다. 지금 상태를 보고 다시 정해 주세요.", EN: "This provider was changed meanwhile, by another operator or by what was sent just before. Look at what is so now and decide again."}},
		{operator.ErrFull, "form", signal.Text{KO: "동시에 걸린 조치가 너무 많습니다. 사유를 짧게 해 주세요.", EN: "Too many words are in force at once. Please shorten the reason."}},
		{operator.ErrID, "form", signal.Text{KO: "양식이 온전하지 않습니다. 다시 보내 주세요.", EN: "The form was not whole. Please send it again."}},
		{operator.ErrAction, "do", signal.Text{KO: "선택불가와 사용 중지 중에서 골라 주세요.", EN: "Choose grey or disabled."}},
		{operator.ErrReasonKO, "reason_ko", signal.Text{KO: "한국어 사유를 적어 주세요. 시민에게 그대로 보입니다.", EN: "Write the reason in Korean; citizens read it."}},
		{operator.ErrReasonEN, "reason_en", signal.Text{KO: "영어 사유를 적어 주세요. 시민에게 그대로 보입니다.", EN: "Write the reason in English; citizens read it."}},
		{operator.ErrReasonLong, "reason_ko", signal.Text{KO: "사유는 한 줄, 100자까지입니다.", EN: "A reason is one line of at most 100 characters."}},
		{operator.ErrSpan, "for", signal.Text{KO: "언제까지인지 골라 주세요. 10분에서 24시간까지 됩니다.", EN: "Choose until when: from 10 minutes to 24 hours."}},
	} {
		if errors.Is(err, m.err) {
			f.Wrong[m.field] = m.text
			f.Fields = append(f.Fields, m.field)
			if m.err == operator.ErrChanged { //nolint:errorlint // the table's own
				status = http.StatusConflict
			}
		}
	}
	if len(f.Wrong) == 0 {
		f.Wrong["form"], f.Fields = problemInternal.What, []string{"form"}
		status = http.StatusInternalServerError
	}
	return status
}
