package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"sinho/store"
)

// Where a store remembers whose pepper its records were made with.
const (
	pepperShard = store.Shard("sinho")
	pepperKey   = "pepper fingerprint"
	// pepperAgain is how often the record's life is prolonged; it ends long after
	// a broker was last seen.
	pepperAgain = 24 * time.Hour
)

// claimStore makes sure that this store belongs to brokers with our pepper: the
// first one leaves its fingerprint there, every other one compares.
func claimStore(ctx context.Context, st store.Store, pepper []byte) error {
	ours := []byte(fingerprint(pepper))
	put := func(kind store.Kind) (*store.Conflict, error) {
		var attempt store.Attempt
		if _, err := rand.Read(attempt[:]); err != nil {
			return nil, err
		}
		done, err := st.Apply(ctx, pepperShard, attempt, false,
			store.Op{Kind: kind, Key: pepperKey, Value: ours, TTL: store.MaxTTL})
		return done.Conflict, err
	}
	conflict, err := put(store.PutNew)
	if err != nil {
		return fmt.Errorf("compare the pepper with the store's: %w", err)
	}
	if conflict != nil {
		return fmt.Errorf("this node's pepper has the fingerprint %s, and the store belongs to brokers whose pepper has %s: with another pepper every person would become somebody new; "+
			"copy keys_dir from a node that works, or give this broker a store (or redis.prefix) of its own", ours, conflict.Value)
	}
	if _, err = put(store.Put); err != nil { // PutNew leaves the life of a record as it is
		return fmt.Errorf("note the pepper's fingerprint in the store: %w", err)
	}
	return nil
}

// keepClaim renews the claim until ctx ends.
func keepClaim(ctx context.Context, st store.Store, pepper []byte, log *slog.Logger) {
	tick := time.NewTicker(pepperAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := claimStore(ctx, st, pepper); err != nil {
				log.ErrorContext(ctx, "pepper", "error", err)
			}
		}
	}
}
