package console

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"sinho/lobby/hall"
	"sinho/operator"
	"sinho/signal"
)

type auditView struct {
	frame

	Chain   operator.Chain
	Entries []auditLine
	Older   int64
	Newest  bool
}

type auditLine struct {
	operator.Entry

	Name signal.Text // of the provider
	Did  signal.Text
	By   string
	Was  []orderLine // what an order for a room replaced or took back
}

// audit shows a page of a trail.
func (c *Console) audit(w http.ResponseWriter, r *http.Request, v visitor) {
	chain, ko, en := operator.Changes, "조치 기록", "Audit trail"
	if r.URL.Query().Get("of") == string(operator.SignIns) {
		chain, ko, en = operator.SignIns, "로그인 기록", "Sign-ins"
	}
	n, err := strconv.ParseInt(r.URL.Query().Get("page"), 10, 64)
	if err != nil || n < 0 {
		n = 0
	}
	entries, older, err := c.cfg.Desk.Trail(r.Context(), chain, n)
	if err != nil {
		c.cfg.Log.ErrorContext(r.Context(), "audit trail", "error", err)
		c.problem(w, r, http.StatusServiceUnavailable, problemStore)
		return
	}
	view := auditView{frame: c.frame(r, v, string(chain), ko, en), Chain: chain, Older: older, Newest: n == 0}
	names := c.cfg.Lights.Board().Providers
	for _, e := range entries {
		line := auditLine{Entry: e, Did: didText(e), By: e.By, Name: signal.Text{KO: e.Provider, EN: e.Provider}}
		if e.Room != "" {
			line.Name, line.Did = c.roomName(e.Room), c.orderedText(e)
			if e.Replaced != nil {
				line.Was = orderLines(*e.Replaced, hall.Setting{})
			}
		}
		if i := slices.IndexFunc(names, func(s signal.Status) bool { return s.ID == e.Provider }); i >= 0 {
			line.Name = names[i].Name
		}
		view.Entries = append(view.Entries, line)
	}
	c.render(w, "audit", http.StatusOK, view)
}

// roomName is a room's title with what it is, its name once it has left the file.
func (c *Console) roomName(name string) signal.Text {
	t := signal.Text{KO: name, EN: name}
	if r, ok := c.room(name); ok {
		t = titled(r.Setting)
	}
	return signal.Text{KO: t.KO + " 대기실", EN: t.EN + " (room)"}
}

// orderedText is what an operator ordered of a room.
func (c *Console) orderedText(e operator.Entry) signal.Text {
	if e.Ordered != nil {
		for _, l := range orderLines(*e.Ordered, hall.Setting{}) {
			switch l.Part {
			case operator.RoomMode:
				return signal.Text{KO: "방식을 " + l.What.KO + "(으)로", EN: "mode " + l.What.EN}
			case operator.RoomLimits:
				return l.What
			case operator.RoomSchedule:
				t := signal.Text{KO: "여는 시각을 " + c.dated(l.At) + "으로", EN: "opening set to " + c.dated(l.At)}
				if e.Ordered.Schedule.Round != "" {
					t.KO, t.EN = t.KO+" (새 줄)", t.EN+", another round"
				}
				return t
			case operator.RoomClose, operator.RoomOpen, operator.RoomBack:
				if l.Notice.KO == "" {
					return signal.Text{KO: "닫음", EN: "closed"}
				}
				return signal.Text{KO: "닫음, 안내 “" + l.Notice.KO + "”", EN: "closed, notice “" + l.Notice.EN + "”"}
			}
		}
	}
	if e.What == string(operator.RoomOpen) {
		return signal.Text{KO: "다시 엶", EN: "opened again"}
	}
	return signal.Text{KO: "설정 파일대로", EN: "as in the file"}
}

// dated is a moment with its day.
func (c *Console) dated(t time.Time) string { return t.In(c.cfg.Zone).Format("2006-01-02 15:04:05") }

func didText(e operator.Entry) signal.Text {
	ways := map[string]signal.Text{
		byPassword: {KO: "비밀번호", EN: "password"}, byOnce: {KO: "일회용 비밀번호", EN: "one-time password"}, byOIDC: {KO: "조직 계정", EN: "organisation account"},
	}
	way := ways[e.How]
	switch e.What {
	case string(operator.Grey):
		return signal.Text{KO: "선택불가로", EN: "Set to grey"}
	case string(operator.Disable):
		return signal.Text{KO: "사용 중지", EN: "Disabled"}
	case string(operator.Back):
		return signal.Text{KO: "되돌림", EN: "Taken back"}
	case operator.Release:
		return releaseText(e.Outcome)
	case operator.SignedIn:
		return signal.Text{KO: "로그인 (" + way.KO + ")", EN: "Signed in (" + way.EN + ")"}
	case operator.SignedOut:
		return signal.Text{KO: "로그아웃", EN: "Signed out"}
	case operator.Refused:
		t := signal.Text{KO: "로그인 거절 (" + way.KO + ")", EN: "Refused (" + way.EN + ")"}
		if e.Count > 1 {
			t.KO += " " + strconv.Itoa(e.Count) + "번"
			t.EN += ", " + strconv.Itoa(e.Count) + " times"
		}
		return t
	}
	return signal.Text{KO: e.What, EN: e.What}
}

// releaseText is one of the two lines that a release leaves.
func releaseText(outcome string) signal.Text {
	switch outcome {
	case "":
		return signal.Text{KO: "기기 이용 풀기 요청", EN: "Asked to release a device"}
	case operator.ReleaseDone:
		return signal.Text{KO: "기기 이용 풀림", EN: "Device released"}
	case operator.ReleaseOver:
		return signal.Text{KO: "풀지 않음: 이미 풀려 있었음", EN: "Not released: it had ended"}
	case operator.ReleaseMoved:
		return signal.Text{KO: "풀지 않음: 다른 기기가 이용 중", EN: "Not released: another device was in"}
	case operator.ReleaseUnknown:
		return signal.Text{KO: "풀지 않음: 없는 문의번호", EN: "Not released: no such reference"}
	}
	return signal.Text{KO: "풀렸는지 알 수 없음", EN: "Not known whether released"}
}
