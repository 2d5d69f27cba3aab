package config

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"sinho/lobby/rota"
)

// Room is a waiting room before some sites: whoever comes when more come than the
// providers can take gets a number there.
type Room struct {
	// Our name for it, 1 to 20 of a-z 0-9 and -. Needed.
	ID string `yaml:"id"`
	// What people read about what they wait for, 100 characters each. Left out: the
	// name of the site.
	Name Text `yaml:"name"`
	// The ids of the clients that it is for; a client has one room at most. Left out:
	// all clients that no other room names.
	Clients []string `yaml:"clients"`
	// off (nobody waits); auto (people see it only while more come than may go on, and
	// before the opening); or forced (everybody goes through it, for a second at
	// least).
	Mode RoomMode `yaml:"mode"`
	// How many people a second go on at least, whatever is measured: 0 to 100000. It
	// counts too while nothing is measured yet.
	MinRate float64 `yaml:"min_rate"`
	// How many people a second go on at most. 0: as many as the providers take.
	MaxRate float64 `yaml:"max_rate"`
	// When it opens, by the clock of time_zone: 2021-08-09 20:00. Before that nobody
	// gets in, and whoever has come by then is shuffled. Left out: it is open.
	Opens string `yaml:"opens"`
	// The day on which that opening was told: 2021-08-02. Needed with opens, and the
	// same on every node: the seed of the shuffle is made of the sealing key of that
	// day, so that a new key afterwards changes nothing that was promised.
	Announced string `yaml:"announced"`
	// Until how long before the opening people may log in ahead of it, 0s to 12h: they
	// wait with all others, and need no provider then. 0s: not at all.
	EarlyUntil time.Duration `yaml:"early_until"`
	// At most 10 of a-z 0-9. Another one begins another queue, with numbers from 0:
	// for another day, or another opening.
	Round string `yaml:"round"`
}

// RoomMode is when people see a room.
type RoomMode string

// UnmarshalText reads a mode.
func (m *RoomMode) UnmarshalText(text []byte) error {
	return word(text, m, []string{"off", "auto", "forced"}, []RoomMode{"off", "auto", "forced"})
}

const (
	mostRooms = 20
	mostRate  = 100_000
	mostEarly = 12 * time.Hour // as long as a session lives
)

var (
	roomName  = regexp.MustCompile(`^[a-z0-9-]{1,20}$`)
	roundName = regexp.MustCompile(`^[a-z0-9]{0,10}$`)
)

func defaultRoom() Room { return Room{Mode: "auto", EarlyUntil: 5 * time.Minute} }

// Opening is when a room opens, and the beginning of the day on which that was
// told; both zero for one that is open.
func (c *Config) Opening(r Room) (opens, announced time.Time) {
	opens, announced, _, _, _ = c.opening(r) // Validate has told
	return opens, announced
}

// opening reads when a room opens, and the beginning of the day on which that was
// told; key, what and do say what is wrong with it.
func (c *Config) opening(r Room) (opens, announced time.Time, key, what, do string) {
	if r.Opens == "" {
		if r.Announced != "" {
			return opens, announced, ".announced", "is set, though there is no opening", "write opens, or remove announced"
		}
		return opens, announced, "", "", ""
	}
	zone := c.TimeZone.Location()
	at, ok := clockTime(r.Opens, zone)
	if !ok {
		return opens, announced, ".opens", fmt.Sprintf("%q is no day and time of the clock in %s", r.Opens, c.TimeZone), "write day and time, such as 2021-08-09 20:00"
	}
	if r.Announced == "" {
		return at, announced, ".announced", "is missing", "write the day on which you set this opening, such as 2021-08-02, the same on every node"
	}
	day, err := rota.ParseDate(r.Announced)
	if err != nil {
		return at, announced, ".announced", fmt.Sprintf("%q is no day", r.Announced), "write a day, such as 2021-08-02"
	}
	told := time.Date(day.Year, day.Month, day.Day, 0, 0, 0, 0, zone)
	if !told.Before(at) {
		return at, announced, ".announced", fmt.Sprintf("%q is not before the opening", r.Announced), "write the day on which the opening was set, of the opening itself at the latest"
	}
	return at, told, "", "", ""
}

// rooms checks each of them, and whose they are.
func (r *review) rooms() {
	r.items("rooms", len(r.c.Rooms), 0, mostRooms)
	first, whose, rest := map[string]int{}, map[string]int{}, -1
	var known []string
	for _, c := range r.c.Clients {
		known = append(known, c.ID)
	}
	for i, one := range r.c.Rooms {
		path := fmt.Sprintf("rooms[%d]", i)
		r.roomID(path, i, one.ID, first)
		r.told(path+".name", one.Name)
		r.roomRates(path, one)
		if _, _, key, what, do := r.c.opening(one); what != "" {
			r.wrong(path+key, what, do)
		}
		r.span(path+".early_until", one.EarlyUntil, 0, mostEarly)
		if !roundName.MatchString(one.Round) {
			r.wrong(path+".round", fmt.Sprintf("%q is not at most 10 of a-z and 0-9", one.Round), "write a short one, such as 0809")
		}
		switch {
		case one.Clients == nil && rest >= 0:
			r.wrong(path+".clients", fmt.Sprintf("are missing, and rooms[%d] is for all others already", rest), "name the clients of one of them")
		case one.Clients == nil:
			rest = i
		case len(one.Clients) == 0:
			r.wrong(path+".clients", "names nobody", "name some clients, or remove it for all that no other room names; mode: off switches the room off")
		}
		for j, id := range one.Clients {
			r.roomClient(fmt.Sprintf("%s.clients[%d]", path, j), i, id, known, whose)
		}
	}
}

func (r *review) roomID(path string, i int, id string, first map[string]int) {
	if id != "" && !roomName.MatchString(id) {
		r.wrong(path+".id", fmt.Sprintf("%q is not 1 to 20 of a-z, 0-9 and -", id), "write a short name, such as vaccine")
		return
	}
	r.ownID("rooms", i, id, "vaccine", first)
}

func (r *review) roomRates(path string, one Room) {
	for _, rate := range []struct {
		key string
		of  float64
	}{{".min_rate", one.MinRate}, {".max_rate", one.MaxRate}} {
		if !(rate.of >= 0 && rate.of <= mostRate) { // NaN is neither
			r.wrong(path+rate.key, fmt.Sprintf("%v is not within 0 and %d", rate.of, mostRate), "write people a second")
		}
	}
	if one.MaxRate > 0 && one.MinRate > one.MaxRate {
		r.wrong(path+".max_rate", fmt.Sprintf("%v is less than min_rate", one.MaxRate), "write the greater one in max_rate, or 0 for none")
	}
}

// roomClient checks one client of a room; whose has the rooms of those before it.
func (r *review) roomClient(path string, room int, id string, known []string, whose map[string]int) {
	if !slices.Contains(known, id) {
		do := "write the id of one of the clients, or remove it"
		if near := nearest(id, known); near != "" {
			do = fmt.Sprintf("did you mean %q?", near)
		}
		r.wrong(path, fmt.Sprintf("%q is no client", id), do)
		return
	}
	if other, taken := whose[id]; taken {
		r.wrong(path, fmt.Sprintf("%q is in rooms[%d] already", id, other), "leave it in one of them")
		return
	}
	whose[id] = room
}
