package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"sinho/broker"
	"sinho/broker/client"
	"sinho/config"
	"sinho/lobby/hall"
	"sinho/lobby/room"
	"sinho/operator"
	"sinho/store"
)

// rooms are the waiting rooms of a node. They outlive configurations, but not a
// change of keys, by which everything in them is sealed.
type rooms struct {
	*hall.Hall
	around atomic.Pointer[surroundings]
	orders func() map[string]operator.RoomOrder // nil: none
}

// surroundings are what rooms go by, which every configuration may replace.
type surroundings struct {
	lights  *lights
	clients *client.Registry
	secrets secrets
}

// newRooms are the rooms that cfg names, with what is around them.
func newRooms(cfg *config.Config, by surroundings, out outside, log *slog.Logger) (*rooms, error) {
	r := &rooms{orders: out.orders}
	r.around.Store(&by)
	var err error
	r.Hall, err = hall.New(hall.Config{
		Rooms: r.settings(cfg), Store: out.store, Ring: by.secrets.ring, Issuer: cfg.PublicURL, Secure: strings.HasPrefix(cfg.PublicURL, "https://"),
		Load: func() (capacity, backlog float64) { return r.around.Load().lights.Load() },
		Sign: func(claims []byte, typ string) (string, error) {
			return r.around.Load().secrets.signFeed(claims, typ)
		},
		Shares: func() uint64 { return uint64(max(0, r.around.Load().lights.Board().Seq)) },
		Known: func(id string) bool {
			_, known := r.around.Load().clients.Lookup(id)
			return known
		},
		MaxWatchers: cfg.MaxWatchers, Log: log, Now: out.stands.clock.Now,
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// use has the rooms be as cfg says and operators have ordered.
func (r *rooms) use(cfg *config.Config, by surroundings) error {
	if err := r.Use(r.settings(cfg)); err != nil {
		return err
	}
	r.around.Store(&by)
	return nil
}

// settings are the rooms of a configuration, with operators' orders laid over it.
func (r *rooms) settings(cfg *config.Config) []hall.Setting {
	if r.orders == nil {
		return settings(cfg)
	}
	return ordered(settings(cfg), r.orders())
}

// settings are the rooms of a configuration. Of a name one language stands in for
// the other.
func settings(cfg *config.Config) []hall.Setting {
	all := make([]hall.Setting, len(cfg.Rooms))
	for i, r := range cfg.Rooms {
		all[i] = hall.Setting{
			Name: r.ID, Title: [2]string{cmp.Or(r.Name.KO, r.Name.EN), cmp.Or(r.Name.EN, r.Name.KO)},
			Clients: r.Clients, Mode: hall.Mode(r.Mode), Min: r.MinRate, Max: r.MaxRate, Round: r.Round, Early: r.EarlyUntil,
		}
		all[i].Opens, all[i].Announce = cfg.Opening(r)
	}
	return all
}

// where is r if anybody is to meet it, else nil.
func (r *rooms) where(any bool) *rooms {
	if !any {
		return nil
	}
	return r
}

// handler is what watchers of the rooms come to; nil for no rooms.
func (r *rooms) handler() http.Handler {
	if r == nil {
		return nil
	}
	return r.Handler()
}

// guarding is h with the rooms before every login; h for no rooms.
func (r *rooms) guarding(h broker.Hooks) broker.Hooks {
	if r != nil {
		h.Doors = r.doors()
	}
	return h
}

// doors are the rooms as the broker asks them.
func (r *rooms) doors() *broker.Doors {
	return &broker.Doors{
		Enter: func(w http.ResponseWriter, q *http.Request, e broker.Entrance) (broker.Entry, error) {
			wait, pass, err := r.Enter(w, q, e.Client, e.Browser, hall.Purpose(e.Purpose))
			return broker.Entry{Wait: wait, Pass: pass}, err
		},
		Spend: func(ctx context.Context, id string, pass []byte, attempt store.Attempt) error {
			return verdict(r.Spend(ctx, id, pass, attempt))
		},
		Refused: func(w http.ResponseWriter, id string, err error) {
			if errors.Is(err, broker.ErrPassUsed) {
				r.Used(w, id)
				return
			}
			r.Renew(w, id)
		},
		Entered: r.Entered,
		Opens:   r.Opens,
	}
}

// verdict is what a room says of a pass, in the broker's words.
func verdict(err error) error {
	switch {
	case errors.Is(err, room.ErrSpent):
		return fmt.Errorf("%w: %w", broker.ErrPassUsed, err)
	case errors.Is(err, room.ErrRestarted):
		return fmt.Errorf("%w: %w", broker.ErrPassDead, err)
	}
	return err
}

// seating is a browser's place, as the pages ask for it; nil for no rooms.
func (r *rooms) seating() func(http.ResponseWriter, *http.Request, broker.Entrance) (hall.Seat, error) {
	if r == nil {
		return nil
	}
	return func(w http.ResponseWriter, q *http.Request, e broker.Entrance) (hall.Seat, error) {
		return r.Seat(w, q, e.Client, e.Browser)
	}
}
