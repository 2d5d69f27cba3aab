package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"sinho/broker/keys"
	"sinho/config"
)

// openKeys reads the folder of keys. The error is config.Mistakes.
func (n *node) openKeys(ctx context.Context, cfg *config.Config) (secrets, error) {
	s, err := openVault(cfg.KeysDir)
	if err != nil {
		return s, config.Mistakes{cfg.Mistake("keys_dir", err.Error(), keysAdvice(cfg))}
	}
	ctx = context.WithoutCancel(ctx)
	s.ring.SetClock(n.stands.clock.Now)
	s.keys.SetClock(n.stands.clock.Now)
	s.ring.WhenUnknown(func(version uint8) { n.strange.tell(ctx, n.log, version, n.stands.clock.Now()) })
	return s, nil
}

// freshKeys are the keys of the folder as it is now: those of old when nothing
// has changed. The error is config.Mistakes.
func (n *node) freshKeys(ctx context.Context, old *generation) (secrets, error) {
	s, err := n.openKeys(ctx, old.cfg)
	switch {
	case err != nil:
		return s, err
	case s.print == old.secrets.print:
		return old.secrets, nil
	case !bytes.Equal(s.pepper, n.pepper):
		return s, config.Mistakes{old.cfg.Mistake("keys_dir", pepperFile+" is another pepper now, and with it every person would become somebody new",
			"put the old one back, its fingerprint is "+fingerprint(n.pepper))}
	}
	return s, nil
}

// keysAdvice is what to do about a keys folder that cannot be read.
func keysAdvice(cfg *config.Config) string {
	if cfg.IsShared() {
		return fmt.Sprintf("copy %s from another node; only for the very first node of a new store: sinho keys init --dir %s", cfg.KeysDir, cfg.KeysDir)
	}
	return "for a new broker make them with: sinho keys init --dir " + cfg.KeysDir
}

// tellKeys logs what is new of the keys, each on a line.
func (n *node) tellKeys(ctx context.Context, old, next secrets) {
	now := n.stands.clock.Now()
	known := map[keyView]bool{}
	plain := func(v keyView) keyView { // comparable
		return keyView{ID: v.ID, Use: v.Use, Algorithm: v.Algorithm, State: v.State}
	}
	for _, v := range old.views(now) {
		known[plain(v)] = true
	}
	views := next.views(now)
	for _, v := range views {
		if !known[plain(v)] {
			n.log.InfoContext(ctx, "key taken", "key", short(v.ID), "use", v.Use, "alg", v.Algorithm, "state", string(v.State), "from", when(v.From, time.UTC, "ever"))
		}
	}
	for _, v := range old.views(now) {
		if v.State != keys.Removed && !slices.ContainsFunc(views, func(o keyView) bool { return o.ID == v.ID }) {
			n.log.WarnContext(ctx, "key gone", "key", short(v.ID), "use", v.Use, "alg", v.Algorithm, "state", string(v.State))
		}
	}
}

// strangeEvery bounds how often a strange key is told of: anybody can write the
// number of one.
const strangeEvery = time.Minute

// strangeKeys tells operators, now and then, that values come which name a key
// this node does not have. Whoever brought one is told to try again and meets a
// node that does, or this one once it has the folder.
type strangeKeys struct {
	told atomic.Int64 // Unix time in nanoseconds
}

func (s *strangeKeys) tell(ctx context.Context, log *slog.Logger, version uint8, now time.Time) {
	last := s.told.Load()
	if now.UnixNano()-last < int64(strangeEvery) || !s.told.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	log.WarnContext(ctx, "a value came that names a sealing key this node does not have", "key", fmt.Sprintf("seal-%d", version),
		"do", "if keys were rotated, copy keys_dir from the node where; otherwise somebody made it up")
}
