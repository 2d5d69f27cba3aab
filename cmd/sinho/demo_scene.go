package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sinho/broker/client"
	"sinho/config"
	"sinho/console"
	"sinho/demo"
	"sinho/lobby/hall"
	"sinho/lobby/rota"
	"sinho/providers"
	"sinho/providers/sim"
)

// The evening of 9 August 2021, moved to now: the booking site has a waiting room
// that opens in two minutes, ten days of turns by the last digit of the birthday,
// and one device for each.
const (
	sceneAugust  = "august"
	augustRoom   = "august"
	augustWindow = 22 * time.Hour // 20:00 to 18:00, wherever 20:00 is
	augustCrowd  = 300            // made-up people beside the named ones
	augustLeast  = 35             // people a second into the booking site, which nobody has to measure first
	augustMost   = 40             // and whatever is measured
)

// Who comes: before the opening and after the storm, at its peak, and meanwhile to
// the school, which has no room; people a second.
const (
	augustEarly = 3
	augustPeak  = 80
	augustAfter = 4
	augustElse  = 6
)

// One provider is slow for a while, so that lights have something to say.
const (
	slowInAugust = "pass"
	augustSlow   = 40 * time.Second // after the opening
	augustWell   = 100 * time.Second
)

// scene is the broker's listener, which can change from the plain demo to August
// while people are on their way.
type scene struct {
	now     func() time.Time
	in      time.Duration // until the opening
	rooms   *rooms
	front   front // the plain demo's
	verify  []providers.Provider
	sims    []*sim.Sim
	base    *demo.Crowd // the plain demo's
	crowd   *demo.Crowd // of the room
	school  string      // address
	desk    desk        // operators' orders
	tape    *console.Tape
	file    atomic.Pointer[hall.Setting] // the room without them; nil before an evening
	current atomic.Pointer[http.Handler]
	state   atomic.Pointer[demo.SceneState]

	mu     sync.Mutex // guards what follows
	round  int
	alarms []*time.Timer // of this round
}

// newScene is the plain demo; begin makes an evening of it. Booking is where people
// of the room begin.
func newScene(f front, verify []providers.Provider, sims []*sim.Sim, base *demo.Crowd, booking, school string, d demoOptions) (*scene, error) {
	s := &scene{now: f.clock.Now, in: d.opensIn, front: f, verify: verify, sims: sims, base: base, school: school}
	s.state.Store(&demo.SceneState{Room: augustRoom})
	handler, _, err := newFront(f)
	if err != nil {
		return nil, err
	}
	s.current.Store(&handler)
	s.rooms, err = newRooms(&config.Config{PublicURL: f.issuer}, surroundings{lights: f.lights, clients: f.clients, secrets: f.secrets},
		outside{store: f.store, stands: standing{clock: f.clock}}, f.log)
	if err != nil {
		return nil, err
	}
	s.crowd, err = demo.NewCrowd(demo.CrowdConfig{
		Start: booking, Seed: d.seed ^ 0xA, StormPeak: augustPeak, GiveUp: 15 * time.Minute, MaxUnderWay: 5000, Follow: 1,
	})
	return s, err
}

// ServeHTTP answers as it is now.
func (s *scene) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.current.Load()).ServeHTTP(w, r)
}

// stage is what the stage needs of it.
func (s *scene) stage() *demo.Scene {
	return &demo.Scene{Start: s.begin, State: func() demo.SceneState { return *s.state.Load() }, Crowd: s.crowd}
}

// begin begins an evening, or another one.
func (s *scene) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	opens := now.Add(s.in).Truncate(time.Second)
	turns, digit := augustRota(opens)
	for _, one := range s.sims {
		if err := one.SetCrowd(augustCrowd, bornOn(digit)); err != nil {
			return fmt.Errorf("scene: %w", err)
		}
	}
	guests := guestsOf(s.sims[0], digit)
	handler, clients, err := s.august(turns, guests[0])
	if err != nil {
		return fmt.Errorf("scene: %w", err)
	}
	s.round++
	s.file.Store(&hall.Setting{
		Name: augustRoom, Title: [2]string{"8월의 백신 예약", "Vaccine booking, August"}, Clients: []string{"booking"},
		Mode: hall.Auto, Min: augustLeast, Max: augustMost, Opens: opens, Announce: now, Round: fmt.Sprint("r", s.round),
	})
	if err := s.arrange(); err != nil {
		return fmt.Errorf("scene: %w", err)
	}
	s.rooms.around.Store(&surroundings{lights: s.front.lights, clients: clients, secrets: s.front.secrets})
	s.front.telling.use(clients, s.front.secrets)
	s.current.Store(&handler)
	s.state.Store(&demo.SceneState{On: true, Room: augustRoom, Opens: opens, Digit: digit, Guests: shown(guests)})
	s.gather(guests[min(fewGuests, len(guests)-1):], opens.Sub(now))
	return nil
}

// arrange has the room be as it is ordered now. s.mu is held.
func (s *scene) arrange() error {
	file := s.file.Load()
	if file == nil {
		return nil
	}
	return s.rooms.Use(ordered([]hall.Setting{*file}, s.desk.Orders()))
}

// shown is the room as operators see it; none before an evening.
func (s *scene) shown() (all []console.Room) {
	file := s.file.Load()
	if file == nil {
		return nil
	}
	for _, in := range s.rooms.Insights() {
		all = append(all, console.Room{Insight: in, Setting: laid(*file, s.desk.Order(file.Name)), File: *file})
	}
	return all
}

// gather sends the crowd: some early, many at the opening.
func (s *scene) gather(guests []sim.Person, until time.Duration) {
	s.base.StartAt(s.school)
	s.base.SetRate(augustElse)
	s.crowd.Invite(phones(guests))
	s.crowd.Calm()
	s.crowd.SetRate(augustEarly)
	s.silence()
	s.later(until, func() {
		s.crowd.Storm()
		s.crowd.SetRate(augustAfter)
	})
	s.later(until+augustSlow, func() { s.control(slowInAugust, `{"latency_ms":3000}`) })
	s.later(until+augustWell, func() { s.control(slowInAugust, `{"latency_ms":100}`) })
}

// later does something in this round. s.mu is held.
func (s *scene) later(after time.Duration, do func()) {
	s.alarms = append(s.alarms, time.AfterFunc(after, do))
}

// silence forgets what was to come. s.mu is held.
func (s *scene) silence() {
	for _, alarm := range s.alarms {
		alarm.Stop()
	}
	s.alarms = nil
}

// control changes a simulator, as anybody may who is at its panel.
func (s *scene) control(id, body string) {
	for i, p := range simulatedProviders() {
		if p.id == id {
			_, _ = s.sims[i].SetControl([]byte(body)) // a constant, which is good
		}
	}
}

// august is the broker with the evening's rules for the booking site. Whoever is on
// their way finds everything as they left it: keys, store and address are the same.
func (s *scene) august(turns *rota.Rota, guest sim.Person) (http.Handler, *client.Registry, error) {
	var all []client.Client
	for c := range s.front.clients.All() {
		if c.ID == "booking" {
			c.MinAssurance, c.Rota, c.OneDevice = providers.Verified, sceneAugust, client.DeviceEndOlder
		}
		all = append(all, c)
	}
	clients, err := client.NewRegistry(all...)
	if err != nil {
		return nil, nil, err
	}
	f := s.front
	f.clients, f.adapters, f.rooms, f.rotas = clients, s.verify, s.rooms, timetables{sceneAugust: turns}
	f.contact = &providers.Contact{Name: guest.Name, Birthdate: digits(guest.Birthdate), Phone: guest.Phone}
	handler, _, err := newFront(f)
	return handler, clients, err
}

// close lets go of what only the scene holds.
func (s *scene) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silence()
}

// run is the room, and its people until ctx of theirs ends.
func (s *scene) run(behind, people context.Context) error {
	defer s.close()
	var office sync.WaitGroup
	defer office.Wait()
	office.Go(func() { _ = s.tape.Run(behind, s.now, s.rooms.Insights) }) // it ends with behind
	office.Go(func() {
		s.desk.follow(behind, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if err := s.arrange(); err != nil {
				s.front.log.ErrorContext(behind, "operators' orders for the room are not taken", "error", err)
			}
		})
	})
	done := make(chan error, 1)
	go func() { done <- settle(people, s.crowd.Run(people)) }()
	err := settle(behind, s.rooms.Run(behind))
	if leave := <-done; err == nil {
		err = leave
	}
	return err
}

// augustRota is August 2021 as it was published, with the opening as the 20:00 of its
// first day: ten days of turns, and then everybody. The years of birth are left out,
// and the two days for those who missed theirs. The digit is that of the first day.
func augustRota(opens time.Time) (*rota.Rota, int) {
	zone := time.FixedZone("Asia/Seoul", 9*60*60)
	at := opens.In(zone)
	first := rota.DateIn(opens, zone)
	begin := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	day := func(n int) rota.Date { return rota.DateIn(at.AddDate(0, 0, n), zone) }
	return &rota.Rota{Zone: zone, Grace: 10 * time.Minute, Rules: []rota.Rule{
		{First: first, Last: day(9), Begin: begin, End: begin + augustWindow, Daily: true, Digit: true},
		{First: day(12), Begin: begin},
	}}, first.Digit()
}

// bornOn are days of birth for a crowd, nearly all of which have the digit: somebody
// comes on the wrong day and is told their own.
func bornOn(digit int) (days []int) {
	for _, day := range []int{digit, 10 + digit, 20 + digit} {
		if day >= 1 && day <= 28 {
			days = append(days, day, day, day, day)
		}
	}
	return append(days, 1+digit)
}

// guestsOf are the people whose turn it is, those with a name of their own first.
func guestsOf(s *sim.Sim, digit int) (all []sim.Person) {
	for _, p := range slices.Concat(sim.People(), s.Crowd()) {
		if date, err := rota.ParseDate(p.Birthdate); err == nil && date.Digit() == digit {
			all = append(all, p)
		}
	}
	return all
}

// phones are people as a crowd types them into forms.
func phones(all []sim.Person) (out []demo.Guest) {
	for _, p := range all {
		out = append(out, demo.Guest{Name: p.Name, Birthdate: digits(p.Birthdate), Phone: p.Phone})
	}
	return out
}

// fewGuests are left to visitors. Nobody of the crowd is one of them: on another
// device at once, they would log a visitor out.
const fewGuests = 3

// shown are those that the stage names.
func shown(all []sim.Person) (out []demo.Guest) {
	for _, p := range all[:min(fewGuests, len(all))] {
		out = append(out, demo.Guest{Name: p.Name, Birthdate: p.Birthdate, Phone: p.Phone[:3] + "-" + p.Phone[3:7] + "-" + p.Phone[7:]})
	}
	return out
}
