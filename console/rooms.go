package console

import (
	"cmp"
	"crypto/rand"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sinho/lobby/hall"
	"sinho/operator"
	"sinho/signal"
)

// Room is one waiting room.
type Room struct {
	hall.Insight // as it is at work on this node
	hall.Setting // as it is to be now: the file's, with operators' orders

	File hall.Setting
}

// Rooms are the waiting rooms of a node.
type Rooms struct {
	All  func() []Room // in the file's order; it must not block
	Tape *Tape         // nil: the last minutes are not drawn
	// Load is what all rooms go by, as hall.Config has it; nil: it is not shown.
	Load func() (capacity, backlog float64)
}

// closedRoom is one that an operator has closed.
type closedRoom struct {
	Name  string
	Title signal.Text
	operator.Said
}

// titled is a room's title, its name where it has none.
func titled(s hall.Setting) signal.Text {
	return signal.Text{KO: cmp.Or(s.Title[0], s.Name), EN: cmp.Or(s.Title[1], s.Title[0], s.Name)}
}

// rooms are all there are; none without a waiting room.
func (c *Console) rooms() []Room {
	if c.cfg.Rooms == nil {
		return nil
	}
	return c.cfg.Rooms.All()
}

// closedRooms are shown on every page: no closing ends by itself.
func (c *Console) closedRooms() (all []closedRoom) {
	for _, r := range c.rooms() {
		if o := c.cfg.Desk.Order(r.Name); o.Closing != nil {
			all = append(all, closedRoom{r.Name, titled(r.Setting), o.Closing.Said})
		}
	}
	return all
}

// standing is what a room does now, with the hue of the light that is nearest.
type standing struct {
	Key   string
	Shape string
	Word  signal.Text
	Why   signal.Text
	Hue   signal.Light
}

// stillFor is how long a queue may not move before it is said to stand.
const stillFor = 10 * time.Second

func standingOf(in Room, now time.Time) standing {
	q := in.Queue
	switch {
	case in.Closed:
		return standing{"closed", "⊘", signal.Text{KO: "닫힘", EN: "closed"}, signal.Text{KO: "아무도 부르지 않습니다. 번호는 그대로입니다.", EN: "Nobody is called; numbers stay."}, signal.Red}
	case in.Mode == hall.Off:
		return standing{"off", "–", signal.Text{KO: "꺼짐", EN: "off"}, signal.Text{KO: "대기 없이 로그인합니다.", EN: "Everybody logs in without it."}, signal.Grey}
	case in.Away:
		return standing{"away", "?", signal.Text{KO: "알 수 없음", EN: "not known"}, signal.Text{KO: "5초 넘게 저장소에서 읽지 못했습니다. 새로 부르지 않습니다.", EN: "Nothing was read of the store for over five seconds; nobody new is called."}, signal.Red}
	case unshuffled(in, now):
		return standing{"unshuffled", "◷", signal.Text{KO: "여는 시각 전, 섞지 않음", EN: "before the opening, not shuffled"}, signal.Text{KO: "전에 열렸던 줄이라 여는 시각에 섞지 않고, 온 순서대로 부릅니다. 설정 파일에 새 round를 적거나 아래에서 여는 시각을 정해 새 줄로 시작하세요.", EN: "This round was open before: nothing is shuffled at the opening, and people are called in the order of coming. Write another round into the file, or order the opening below, which begins one."}, signal.Red}
	case now.Before(in.Opens):
		return standing{"before", "◷", signal.Text{KO: "여는 시각 전", EN: "before the opening"}, signal.Text{KO: "온 사람은 번호를 받고, 여는 시각에 한 번 섞습니다.", EN: "Whoever comes has a number; all are shuffled once at the opening."}, signal.Grey}
	case !q.Drawn && !in.Opens.IsZero(), q.Drawn && now.Unix() < q.From:
		return standing{"drawing", "◷", signal.Text{KO: "순서를 섞는 중", EN: "drawing places"}, signal.Text{KO: "여는 시각이 되어 순서를 섞습니다. 몇 초 걸립니다.", EN: "The opening has come; places are drawn, which takes seconds."}, signal.Yellow}
	case in.Waiting > 0 && now.Sub(time.Unix(q.Moved, 0)) > stillFor:
		return standing{"standing", "‖", signal.Text{KO: "멈춤", EN: "standing"}, signal.Text{KO: "기다리는 사람이 있는데 부르지 못하고 있습니다. 용량과 상한을 보세요.", EN: "People wait and nobody is called: look at the capacity and the limits."}, signal.Red}
	case in.Waiting > 0:
		return standing{"flowing", "▶", signal.Text{KO: "줄이 움직임", EN: "flowing"}, signal.Text{KO: "차례대로 부르고 있습니다.", EN: "People are called in turn."}, signal.Yellow}
	}
	return standing{"clear", "○", signal.Text{KO: "대기 없음", EN: "nobody waits"}, signal.Text{KO: "오는 대로 들어갑니다.", EN: "Whoever comes goes right through."}, signal.Green}
}

// unshuffled: the round was drawn or open long before its opening, as that of a file
// that names another opening and no other round. A node that is ahead may draw a
// little early, and what was just ordered may not be at work yet.
func unshuffled(in Room, now time.Time) bool {
	at := in.Insight.Setting
	return in.Queue.Drawn && now.Add(drawnAhead).Before(in.Opens) && at.Opens.Equal(in.Opens) && at.Round == in.Round
}

// modeText is a mode in words.
func modeText(m hall.Mode) signal.Text {
	switch m {
	case hall.Off:
		return signal.Text{KO: "끔", EN: "off"}
	case hall.Auto:
		return signal.Text{KO: "자동", EN: "auto"}
	case hall.Forced:
		return signal.Text{KO: "항상", EN: "forced"}
	}
	return signal.Text{KO: string(m), EN: string(m)}
}

// limitsText are the limits in words.
func limitsText(least, most float64) signal.Text {
	n := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	switch {
	case least > 0 && most > 0:
		return signal.Text{KO: "1초에 " + n(least) + "~" + n(most) + "명", EN: n(least) + " to " + n(most) + " people/s"}
	case most > 0:
		return signal.Text{KO: "1초에 " + n(most) + "명까지", EN: "at most " + n(most) + " people/s"}
	case least > 0:
		return signal.Text{KO: "1초에 적어도 " + n(least) + "명", EN: "at least " + n(least) + " people/s"}
	}
	return signal.Text{KO: "제한 없음", EN: "no limits"}
}

// lane is a provider's part of the room's capacity.
type lane struct {
	signal.Status

	Room figure
}

// roomView is one room as the pages show it.
type roomView struct {
	frame
	Room

	Now      time.Time
	Called   signal.Text
	Standing standing
	Order    operator.RoomOrder
	Ordered  []orderLine
	Stale    bool // an ordered opening holds no more: the file was changed
	Lanes    []lane
	Passes   []counted
	Tickets  []counted
	Passing  chart
	Queueing chart
	Loaded   bool // Whole and Backlog are known
	Whole    float64
	Backlog  float64
	From     time.Time // of the charts
	Form     roomForm
	Anew     bool // another opening would begin another round
	Done     *signal.Text
}

// Share of estimates within a fifth of what happened.
func (v roomView) Share() float64 {
	return float64(v.Estimate.Within) / float64(max(v.Estimate.Count, 1))
}

// Floods reports whether taking back a part, or opening the room, would let all
// who wait go on at once.
func (v roomView) Floods(do, of operator.RoomAction) bool { return floods(v.Room, v.Order, do, of, "") }

// Shuts reports whether taking back a part would have the room wait again.
func (v roomView) Shuts(of operator.RoomAction) bool {
	return shuts(v.Room, v.Order, operator.RoomBack, of, v.Now)
}

// CalledSoFar is how many numbers that were given out are called.
func (v roomView) CalledSoFar() uint64 { return min(v.Queue.Main.Serving, v.Queue.Main.Next) }

// LateWaiting is how many of the late lane wait.
func (v roomView) LateWaiting() uint64 {
	return v.Queue.Late.Next - min(v.Queue.Late.Serving, v.Queue.Late.Next)
}

// Showing is the rate of showing up, in 0 to 1.
func (v roomView) Showing() float64 { return math.Min(v.Show, 1) }

func (c *Console) roomView(f frame, r Room) roomView {
	now := c.cfg.Now()
	f.Live = "/ws?page=room&id=" + r.Name
	v := roomView{
		frame: f, Room: r, Now: now, Called: titled(r.Setting), Standing: standingOf(r, now), Order: c.cfg.Desk.Order(r.Name),
		Passes: countedOf(r.Passes, &r.Spent), Tickets: countedOf(r.Tickets, nil), Anew: needsAnew(r, now),
	}
	v.Title = v.Called
	if v.Loaded = c.cfg.Rooms.Load != nil; v.Loaded {
		v.Whole, v.Backlog = c.cfg.Rooms.Load()
	}
	v.Ordered = orderLines(v.Order, r.File)
	v.Stale = v.Order.Schedule != nil && !v.Order.Schedule.File.Same(openingOf(r.File))
	statuses := c.cfg.Lights.Board().Providers
	for _, in := range c.cfg.Lights.Insights() {
		if i := slices.IndexFunc(statuses, func(s signal.Status) bool { return s.ID == in.ID }); i >= 0 {
			v.Lanes = append(v.Lanes, lane{statuses[i], roomOf(in.Capacity, in.Bounds)})
		}
	}
	if c.cfg.Rooms.Tape != nil {
		columns := c.cfg.Rooms.Tape.columns(r.Name, now)
		v.Passing, v.Queueing, v.From = passing(columns), queueing(columns), time.Unix(columns[0].At, 0)
	}
	v.Form = roomForm{ID: rand.Text(), Seen: v.Order.ID}
	return v
}

// room finds one by its name.
func (c *Console) room(name string) (Room, bool) {
	all := c.rooms()
	i := slices.IndexFunc(all, func(r Room) bool { return r.Name == name })
	if i < 0 {
		return Room{}, false
	}
	return all[i], true
}

type roomsView struct {
	frame

	Now   time.Time
	Rooms []roomView
}

func (c *Console) roomsView(f frame) roomsView {
	f.Live = "/ws?page=rooms"
	v := roomsView{frame: f, Now: c.cfg.Now()}
	for _, r := range c.rooms() {
		v.Rooms = append(v.Rooms, c.roomView(f, r))
	}
	return v
}

func (c *Console) roomsPage(w http.ResponseWriter, r *http.Request, v visitor) {
	c.render(w, "rooms", http.StatusOK, c.roomsView(c.frame(r, v, "rooms", "대기실", "Rooms")))
}

func (c *Console) roomPage(w http.ResponseWriter, r *http.Request, v visitor) {
	room, ok := c.room(r.PathValue("name"))
	if !ok {
		c.problem(w, r, http.StatusNotFound, problemRoom)
		return
	}
	view := c.roomView(c.frame(r, v, "rooms", "", ""), room)
	if text, ok := roomDone(r.URL.Query().Get("done")); ok {
		view.Done = &text
	}
	c.render(w, "room", http.StatusOK, view)
}

// counted is what became of papers, and how often.
type counted struct {
	Key  string
	Name signal.Text
	N    uint64
	Bad  bool // refused
}

// countedOf are the counts of one kind of papers; spent is nil for tickets, which
// are not.
func countedOf(c hall.Counts, spent *uint64) []counted {
	all := []counted{{Key: "given", Name: signal.Text{KO: "내줌", EN: "given"}, N: c.Given}}
	if spent != nil {
		all = append(all,
			counted{Key: "extended", Name: signal.Text{KO: "연장", EN: "extended"}, N: c.Extended},
			counted{Key: "spent", Name: signal.Text{KO: "사용", EN: "spent"}, N: *spent})
	}
	names := map[string]signal.Text{
		"expired": {KO: "기한 지남", EN: "expired"}, "foreign_room": {KO: "다른 대기실", EN: "of another room"},
		"other_browser": {KO: "다른 브라우저", EN: "of another browser"}, "used": {KO: "이미 사용", EN: "spent already"},
		"restarted": {KO: "저장소가 바뀐 뒤", EN: "of before the store restarted"}, "forged": {KO: "위조·훼손", EN: "forged or damaged"},
	}
	for _, key := range hall.Reasons() {
		name, ok := names[key]
		if !ok {
			name = signal.Text{KO: key, EN: key}
		}
		all = append(all, counted{Key: key, Name: name, N: c.Refused[key], Bad: true})
	}
	return all
}

// people1 is people a second.
func people1(v float64) string { return rate(v, 1) }
