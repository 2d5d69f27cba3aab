package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Scene is an evening that the stage can begin: a waiting room before the booking
// site, people by turns, and one device for each.
type Scene struct {
	// Start begins it, or begins it anew. The room opens a while later.
	Start func() error
	// State is how it stands. It must not block.
	State func() SceneState
	// Crowd is who comes to the booking site in it.
	Crowd *Crowd
}

// SceneState is how a scene stands.
type SceneState struct {
	On    bool
	Room  string    // name of the waiting room
	Opens time.Time // the opening, also once it is over
	Digit int       // of the days of birth whose turn it is
	// Guests are people a visitor may be: it is their turn.
	Guests []Guest
}

// Guest is somebody made up, with a phone.
type Guest struct {
	Name      string `json:"name"`
	Birthdate string `json:"birthdate"`
	Phone     string `json:"phone"`
}

// roomFrame is what GET /rooms/NAME tells everybody, as far as the stage reads it: a
// device works out the rest by itself (docs/lobby.md).
type roomFrame struct {
	Second  int64  `json:"t"`
	Serving uint64 `json:"s"`
	Next    uint64 `json:"n"`
	Show    uint64 `json:"p"`
	Rate    uint64 `json:"r"`
	Opens   int64  `json:"o"`
}

// readRoom reads the frame of a room.
func (s *Stage) readRoom(ctx context.Context, name string) (roomFrame, error) {
	var all struct{ Frame *roomFrame }
	if err := s.read(ctx, s.cfg.Broker+"/rooms/"+name, &all); err != nil || all.Frame == nil {
		return roomFrame{}, errors.Join(errors.New("no frame of a waiting room"), err)
	}
	return *all.Frame, nil
}

// lookAtRoom notes where the room of a scene is.
func (s *Stage) lookAtRoom(ctx context.Context) {
	sc := s.scene()
	if sc == nil {
		return
	}
	f, err := s.readRoom(ctx, sc.Room)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.seen.room = nil
		return
	}
	before := s.seen.room
	s.seen.room = &f
	if before != nil && before.Opens != 0 && f.Opens == 0 {
		s.note(Event{Kind: "act", KO: fmt.Sprintf("대기실이 열렸습니다: %d명의 순서를 섞었습니다", f.Next), EN: fmt.Sprintf("The waiting room opens: %d people were shuffled", f.Next)})
	}
}

// scene is the one that is on, or nil.
func (s *Stage) scene() *SceneState {
	if s.cfg.Scene == nil {
		return nil
	}
	if st := s.cfg.Scene.State(); st.On {
		return &st
	}
	return nil
}

// crowd is whose numbers are shown: that of the scene while one is on.
func (s *Stage) crowd() *Crowd {
	if s.scene() != nil {
		return s.cfg.Scene.Crowd
	}
	return s.cfg.Crowd
}

// begin begins the scene.
func (s *Stage) begin(*http.Request) error {
	if s.cfg.Scene == nil {
		return errors.New("there is no scene")
	}
	if err := s.cfg.Scene.Start(); err != nil {
		return err
	}
	s.say(Event{
		Kind: "act", KO: "8월의 예약: 예약 사이트 앞에 곧 열릴 대기실과 10부제가 생겼습니다",
		EN: "August: the booking site now has a waiting room, a rota and one device for each",
	})
	return nil
}

// sceneView is the room as the page shows it. Times are whole seconds, -1 for not
// known.
type sceneView struct {
	Opens   string  `json:"opens"`   // 20:02:00, Korean time
	Left    int     `json:"left_s"`  // until the opening, 0 after it
	Waiting uint64  `json:"waiting"` // numbers that are not called
	Given   uint64  `json:"given"`
	PerS    float64 `json:"called_per_s"`
	Wait    int     `json:"wait_s"` // of who took a number now
	Digit   int     `json:"digit"`
	Guests  []Guest `json:"guests"`
}

func (s *Stage) sceneNow(f *roomFrame) *sceneView {
	sc := s.scene()
	if sc == nil {
		return nil
	}
	v := &sceneView{Opens: kst(sc.Opens).Format(time.TimeOnly), Digit: sc.Digit, Guests: sc.Guests, Wait: -1}
	if left := sc.Opens.Sub(s.cfg.Now()); left > 0 {
		v.Left = int(left/time.Second) + 1
	}
	if f == nil {
		return v
	}
	v.Given = f.Next
	v.Waiting = f.Next - min(f.Next, f.Serving)
	v.PerS = float64(f.Rate) / 1000
	if v.Left == 0 && f.Opens == 0 && v.PerS > 0 {
		v.Wait = int(float64(v.Waiting*f.Show/1000) / v.PerS)
	}
	return v
}

// Clock is the time until the opening as 1:05.
func (v *sceneView) Clock() string { return fmt.Sprintf("%d:%02d", v.Left/60, v.Left%60) }

// Rate for the page.
func (v *sceneView) Rate() string { return fmt.Sprintf("%.1f", v.PerS) }

// About is the wait for the page: minutes from a minute on.
func (v *sceneView) About() bilingual {
	switch {
	case v.Wait < 0:
		return bilingual{"–", "not known"}
	case v.Wait < 60:
		return bilingual{"1분 안", "within a minute"}
	default:
		m := (v.Wait + 30) / 60
		return bilingual{fmt.Sprintf("약 %d분", m), fmt.Sprintf("about %d min", m)}
	}
}
