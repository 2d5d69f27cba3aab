package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"sinho/config"
	"sinho/signal/live"
	"sinho/store"
	"sinho/store/embedded"
	"sinho/store/shared"
)

// records is a store with its queues.
type records interface {
	store.Store
	store.Queue
}

// openStore opens the store cfg names, and says how sure its durable changes
// are: on disk, on replicas, or best-effort. A shared one is where the node meets
// the others, and its clock becomes the node's.
func openStore(ctx context.Context, cfg *config.Config, at *standing) (records, string, error) {
	if !cfg.IsShared() {
		s, err := embedded.Open(cfg.Store, embedded.Options{})
		if err != nil {
			return nil, "", err
		}
		return s, "disk", nil
	}
	o, err := cfg.Shared()
	if err != nil {
		return nil, "", err
	}
	s, err := shared.Open(ctx, o)
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return nil, "", fmt.Errorf("%w; is the address in store right, and does Redis answer there?", err)
	case err != nil:
		return nil, "", err
	}
	if err := s.Tell(ctx, at.clock); err != nil {
		return nil, "", errors.Join(err, s.Close())
	}
	at.meet = func() live.Exchange { return s.Exchange(rand.Text(), at.clock) }
	if o.Replicas == 0 {
		return s, "best-effort", nil
	}
	return s, "replicas", nil
}
