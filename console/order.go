package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sinho/lobby/hall"
	"sinho/operator"
	"sinho/signal"
	"sinho/store"
)

// orderLine is one part of what is ordered of a room.
type orderLine struct {
	Part operator.RoomAction
	What signal.Text
	File signal.Text // what the file says instead
	// FileAt is the opening that the file says, zero for none.
	FileAt time.Time
	Anew   bool      // taking it back is another round
	At     time.Time // an opening, zero for other parts
	Notice signal.Text
	operator.Said
}

func orderLines(o operator.RoomOrder, file hall.Setting) (all []orderLine) {
	if p := o.Closing; p != nil {
		all = append(all, orderLine{Part: operator.RoomClose, Said: p.Said, Notice: p.Notice, What: signal.Text{KO: "닫음", EN: "closed"}, File: signal.Text{KO: "열림", EN: "open"}})
	}
	if p := o.Mode; p != nil {
		all = append(all, orderLine{Part: operator.RoomMode, Said: p.Said, What: modeText(hall.Mode(p.Mode)), File: modeText(file.Mode)})
	}
	if p := o.Limits; p != nil {
		all = append(all, orderLine{Part: operator.RoomLimits, Said: p.Said, What: limitsText(p.Min, p.Max), File: limitsText(file.Min, file.Max)})
	}
	if p := o.Schedule; p != nil {
		l := orderLine{
			Part: operator.RoomSchedule, Said: p.Said, At: p.Opens, Anew: p.Round != "" && p.File.Same(openingOf(file)),
			What: signal.Text{KO: "여는 시각", EN: "opening"}, File: signal.Text{KO: "열림", EN: "open"},
		}
		if l.FileAt = file.Opens; !l.FileAt.IsZero() {
			l.File = signal.Text{KO: "여는 시각", EN: "opening"}
		}
		all = append(all, l)
	}
	return all
}

func openingOf(file hall.Setting) operator.Opening {
	return operator.Opening{Opens: file.Opens.UTC(), Round: file.Round}
}

// drawnAhead is how long before its opening a room counts as drawn: nodes learn
// of an order within a second, and their clocks differ by two at most.
const drawnAhead = operator.LeastAhead

// needsAnew reports whether another opening begins another round: places were
// drawn, or are about to be, or the room was open.
func needsAnew(r Room, now time.Time) bool {
	return r.Opens.IsZero() || r.Queue.Drawn || now.Add(drawnAhead).After(r.Opens)
}

// floods reports whether a room that people wait in would be off by an order, so
// that all of them go on at once.
func floods(r Room, o operator.RoomOrder, do, of operator.RoomAction, mode string) bool {
	takes := func(part operator.RoomAction) bool { return do == operator.RoomBack && (of == part || of == "") }
	then := r.File.Mode
	switch {
	case do == operator.RoomMode:
		then = hall.Mode(mode)
	case o.Mode != nil && !takes(operator.RoomMode):
		then = hall.Mode(o.Mode.Mode)
	}
	closed := do == operator.RoomClose || o.Closing != nil && do != operator.RoomOpen && !takes(operator.RoomClose)
	return r.Waiting > 0 && r.Mode != hall.Off && then == hall.Off && !closed
}

// roomForm is what somebody filled in, and what is wrong with it by field.
type roomForm struct {
	ID, Seen string
	Do, Of   string
	KO, EN   string
	Notice   signal.Text
	Mode     string
	Min, Max string
	Opens    string
	Sure     bool
	Wrong    map[string]signal.Text
	Fields   []string // of what is wrong, as they stand
}

// Bad reports whether a field has to be corrected.
func (f roomForm) Bad(field string) bool { _, bad := f.Wrong[field]; return bad }

// For reports whether the form was filled in for this action.
func (f roomForm) For(do string) bool { return f.Do == do && len(f.Fields) > 0 }

// formPart is the form as one action's fields have it.
type formPart struct {
	Form roomForm
	Do   string
}

// Mine reports whether what was filled in is of this action.
func (p formPart) Mine() bool { return p.Form.For(p.Do) }

func roomFormOf(r *http.Request) roomForm {
	v := r.PostForm.Get
	return roomForm{
		ID: v("id"), Seen: v("seen"), Do: v("do"), Of: v("of"), KO: v("reason_ko"), EN: v("reason_en"), Mode: v("mode"),
		Notice: signal.Text{KO: v("notice_ko"), EN: v("notice_en")},
		Min:    strings.TrimSpace(v("min")), Max: strings.TrimSpace(v("max")), Opens: v("opens"), Sure: v("sure") == "yes",
	}
}

// What is wrong before the desk is asked.
// shuts reports whether a room that is open would wait for the opening of the file by
// taking back the one that was ordered: nobody is called until then.
func shuts(r Room, o operator.RoomOrder, do, of operator.RoomAction, now time.Time) bool {
	if do != operator.RoomBack || of != "" && of != operator.RoomSchedule || o.Schedule == nil || o.Schedule.Round != "" {
		return false
	}
	return o.Schedule.File.Same(openingOf(r.File)) && r.File.Opens.After(now) && (r.Queue.Drawn || !r.Opens.After(now))
}

var (
	errSure   = errors.New("it was not confirmed that people who wait are affected")
	errNumber = errors.New("a limit is no number")
	errMoment = errors.New("the opening is no date and time")
)

// change is the form as the desk takes it.
func (f roomForm) change(room Room, order operator.RoomOrder, by string, now time.Time, zone *time.Location) (operator.RoomChange, error) {
	c := operator.RoomChange{
		ID:   changeID(f.ID, f.Do, f.Of, f.KO, f.EN, f.Notice.KO, f.Notice.EN, f.Mode, f.Min, f.Max, f.Opens),
		Seen: f.Seen, Room: room.Name, By: by, Do: operator.RoomAction(f.Do), Of: operator.RoomAction(f.Of),
		Reason: signal.Text{KO: f.KO, EN: f.EN}, Notice: f.Notice, Mode: f.Mode, File: openingOf(room.File),
	}
	var all []error
	switch c.Do {
	case operator.RoomLimits:
		var err [2]error
		c.Min, err[0] = people64(f.Min)
		c.Max, err[1] = people64(f.Max)
		if err[0] != nil || err[1] != nil {
			all = append(all, errNumber)
		}
	case operator.RoomSchedule:
		var err error
		if c.Opens, err = momentOf(f.Opens, zone); err != nil {
			all = append(all, errMoment)
		}
		if c.Anew = needsAnew(room, now); c.Anew && !f.Sure {
			all = append(all, errSure)
		}
	case operator.RoomBack:
		for _, l := range orderLines(order, room.File) {
			if l.Anew && (c.Of == "" || c.Of == l.Part) && !f.Sure {
				all = append(all, errSure)
			}
		}
	case operator.RoomOpen, operator.RoomClose, operator.RoomMode:
	}
	if (floods(room, order, c.Do, c.Of, c.Mode) || shuts(room, order, c.Do, c.Of, now)) && !f.Sure {
		all = append(all, errSure)
	}
	return c, errors.Join(all...)
}

// people64 reads a limit; "" is none.
func people64(s string) (float64, error) {
	if s == "" {
		return 0, nil
	}
	return strconv.ParseFloat(s, 64)
}

// momentOf reads what a browser sends of a field for date and time.
func momentOf(s string, zone *time.Location) (time.Time, error) {
	at, err := time.ParseInLocation("2006-01-02T15:04:05", s, zone)
	if err != nil {
		at, err = time.ParseInLocation("2006-01-02T15:04", s, zone)
	}
	return at, err
}

// order takes the form of an order for a room.
func (c *Console) order(w http.ResponseWriter, r *http.Request, v visitor) {
	room, ok := c.room(r.PathValue("name"))
	if !ok {
		c.problem(w, r, http.StatusNotFound, problemRoom)
		return
	}
	if !c.takes(w, r, v) {
		return
	}
	f := roomFormOf(r)
	change, err := f.change(room, c.cfg.Desk.Order(room.Name), v.By, c.cfg.Now(), c.cfg.Zone)
	if err == nil {
		err = c.cfg.Desk.SetRoom(r.Context(), change)
	}
	switch {
	case err == nil:
		c.cfg.Log.InfoContext(r.Context(), "operator's order", "by", v.By, "room", room.Name, "do", f.Do, "of", f.Of)
		seeOther(w, "/rooms/"+room.Name+"?done="+f.Do+"#done")
	case errors.Is(err, store.ErrUnavailable) || errors.Is(err, operator.ErrBusy):
		c.cfg.Log.ErrorContext(r.Context(), "operator's order", "by", v.By, "room", room.Name, "error", err)
		c.problem(w, r, http.StatusServiceUnavailable, problemStore)
	default:
		status := f.mistakes(err)
		room, _ = c.room(room.Name) // what is so may be another thing now
		view := c.roomView(c.frame(r, v, "rooms", "", ""), room)
		view.At = "/rooms/" + room.Name
		f.ID, f.Seen = view.Form.ID, view.Form.Seen
		view.Form = f
		c.render(w, "room", status, view)
	}
}

// mistakes fills in what is wrong, by field, and says with which status.
func (f *roomForm) mistakes(err error) int {
	f.Wrong = map[string]signal.Text{}
	for _, m := range roomMistakes() {
		if !errors.Is(err, m.err) {
			continue
		}
		if _, told := f.Wrong[m.field]; !told {
			f.Fields = append(f.Fields, m.field)
		}
		f.Wrong[m.field] = m.text
	}
	switch {
	case len(f.Wrong) == 0:
		f.Wrong["form"], f.Fields = problemInternal.What, []string{"form"}
		return http.StatusInternalServerError
	case errors.Is(err, operator.ErrRoomChanged):
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

type roomMistake struct {
	err   error
	field string
	text  signal.Text
}

func roomMistakes() []roomMistake {
	return []roomMistake{
		{operator.ErrRoomChanged, "form", signal.Text{KO: "그사이 다른 운영자가, 또는 방금 보낸 조치가 이 대기실을 바꿨습니다. 지금 상태를 보고 다시 정해 주세요.", EN: "This room was changed meanwhile, by another operator or by what was sent just before. Look at what is so now and decide again."}},
		{operator.ErrFull, "form", signal.Text{KO: "걸린 조치가 너무 많습니다. 사유를 짧게 해 주세요.", EN: "Too many orders are in force. Please shorten the reason."}},
		{operator.ErrID, "form", signal.Text{KO: "양식이 온전하지 않습니다. 다시 보내 주세요.", EN: "The form was not whole. Please send it again."}},
		{operator.ErrUnknownRoom, "form", problemRoom.What},
		{operator.ErrAction, "form", signal.Text{KO: "할 수 없는 조치입니다. 화면의 버튼으로 보내 주세요.", EN: "There is no such order. Please use the buttons of this page."}},
		{operator.ErrMode, "mode", signal.Text{KO: "끔, 자동, 항상 중에서 골라 주세요.", EN: "Choose off, auto or forced."}},
		{errNumber, "min", signal.Text{KO: "1초에 몇 명인지 숫자로 적어 주세요. 예: 40 또는 2.5", EN: "Write people a second as a number, such as 40 or 2.5."}},
		{operator.ErrLimits, "min", signal.Text{KO: "0.001에서 100000까지, 최소는 최대보다 크지 않게 적어 주세요. 비우거나 0이면 제한이 없습니다.", EN: "From 0.001 to 100000, the least not above the most; empty or 0 is no limit."}},
		{errMoment, "opens", signal.Text{KO: "여는 날짜와 시각을 적어 주세요.", EN: "Write the date and time of the opening."}},
		{operator.ErrOpens, "opens", signal.Text{KO: "여는 시각은 30초 뒤부터 1년 안이어야 합니다.", EN: "The opening must be from 30 seconds to a year from now."}},
		{operator.ErrReasonKO, "reason_ko", signal.Text{KO: "한국어 사유를 적어 주세요. 기록에 남습니다.", EN: "Write the reason in Korean; it stands in the trail."}},
		{operator.ErrReasonEN, "reason_en", signal.Text{KO: "영어 사유도 적어 주세요.", EN: "Write the reason in English, too."}},
		{operator.ErrReasonLong, "reason_ko", signal.Text{KO: "사유는 한 줄, 100자까지입니다.", EN: "A reason is one line of at most 100 characters."}},
		{operator.ErrNotice, "notice_ko", signal.Text{KO: "안내는 한국어와 영어를 모두 적거나 모두 비워 주세요. 한 줄, 100자까지입니다.", EN: "A notice is in both languages or in none, one line of at most 100 characters."}},
		{errSure, "sure", signal.Text{KO: "기다리는 사람에게 일어날 일을 읽고, 확인 칸을 골라 주세요.", EN: "Read what happens to those who wait, and tick the box."}},
	}
}

// roomDone is what was done, for the page after it.
func roomDone(do string) (signal.Text, bool) {
	text, ok := map[string]signal.Text{
		"close":      {KO: "닫았습니다. 모든 노드에서 1초 안에 부르기를 멈춥니다.", EN: "Closed; within a second no node calls anybody."},
		"open":       {KO: "다시 열었습니다. 모든 노드에 1초 안에 퍼집니다.", EN: "Opened again; every node follows within a second."},
		"mode":       {KO: "방식을 바꿨습니다. 모든 노드에 1초 안에 퍼집니다.", EN: "The mode is changed; every node follows within a second."},
		"limits":     {KO: "상한과 하한을 바꿨습니다. 모든 노드에 1초 안에 퍼집니다.", EN: "The limits are changed; every node follows within a second."},
		"schedule":   {KO: "여는 시각을 정했습니다. 모든 노드에 1초 안에 퍼집니다.", EN: "The opening is set; every node follows within a second."},
		"as-in-file": {KO: "설정 파일대로 되돌렸습니다. 모든 노드에 1초 안에 퍼집니다.", EN: "As in the file again; every node follows within a second."},
	}[do]
	return text, ok
}
