// Package shared keeps records in Redis (6.2 or later) or Valkey, for nodes
// that work together: one server, a server watched by Sentinel, or a Cluster.
//
// An Apply is one Lua script on the keys of one hash slot, and, when durable,
// a WAIT for replicas behind it on the same connection
// (docs/decisions/0002-atomic-apply-on-redis-cluster.md). Redis keeps the
// time: expiry is the server's, never this process's.
//
// Like every Redis with asynchronous replication it can lose the newest
// changes in a failover, durable ones only if more servers are lost than
// acknowledged them. Records are positive and codes are fenced, so a loss makes
// somebody repeat a step and never lets anything be taken twice.
package shared

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"sinho/store"
)

// Options of Open.
type Options struct {
	// Addrs are host:port of one server, of some nodes of a Cluster (which is
	// found out, not configured), or of Sentinels when MasterName is set.
	Addrs []string
	// MasterName is the name Sentinels know the server by; empty without them.
	MasterName string

	Username, Password                 string
	SentinelUsername, SentinelPassword string
	TLS                                *tls.Config // nil: no TLS

	// Prefix begins every key, so that a server can be shared. It must not
	// contain braces. Empty means "sinho:".
	Prefix string
	// Replicas is how many replicas acknowledge a durable Apply before it is
	// answered. Zero is best effort: a failover may lose a durable change.
	Replicas int
	// ReplicaWait is how long they may take. Zero means half a second.
	ReplicaWait time.Duration
	// Timeout ends every call, retries included. Zero means three seconds; it
	// must be well below store.AttemptTTL, within which retries are harmless.
	Timeout time.Duration
}

// Validate reports every mistake at once.
func (o Options) Validate() error {
	var errs []error
	if len(o.Addrs) == 0 {
		errs = append(errs, errors.New("no address"))
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		errs = append(errs, fmt.Errorf("prefix %q contains braces, which Redis Cluster would take for a hash tag", o.Prefix))
	}
	if o.Replicas < 0 {
		errs = append(errs, fmt.Errorf("replicas is %d, want 0 or more", o.Replicas))
	}
	if o.ReplicaWait < 0 || (o.ReplicaWait > 0 && o.ReplicaWait < time.Millisecond) {
		errs = append(errs, fmt.Errorf("replica wait is %v, want 1ms or more", o.ReplicaWait))
	}
	if o.Timeout < 0 || o.Timeout > store.AttemptTTL/2 {
		errs = append(errs, fmt.Errorf("timeout is %v, want at most %v", o.Timeout, store.AttemptTTL/2))
	}
	return errors.Join(errs...)
}

// Store is a store.Store and a store.Queue in Redis. Open makes it.
type Store struct {
	client  redis.UniversalClient
	cluster *redis.ClusterClient // client, if it is one
	single  *redis.Client        // client, if it is one
	script  *redis.Script
	queues  queueScripts
	o       Options
	highest atomic.Int64 // the latest Now answered, nanoseconds since 1970
}

var _ store.Store = (*Store)(nil)

// Open connects, finds out whether the server is part of a Cluster, and checks
// that every master is fit: Redis 6.2 or later, a master, and noeviction, for
// an evicted record would be a login lost. Errors name the server.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("open shared store: %w", err)
	}
	if o.Prefix == "" {
		o.Prefix = "sinho:"
	}
	if o.ReplicaWait == 0 {
		o.ReplicaWait = 500 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	s := &Store{o: o, script: redis.NewScript(applyScript), queues: newQueueScripts()}
	if err := s.connect(ctx); err != nil {
		return nil, fmt.Errorf("open shared store: %w: %w", store.ErrUnavailable, err)
	}
	if err := s.fit(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open shared store: %w", err), s.client.Close())
	}
	return s, nil
}

// connect sets the clients.
func (s *Store) connect(ctx context.Context) error {
	u := &redis.UniversalOptions{
		Addrs:                 s.o.Addrs,
		MasterName:            s.o.MasterName,
		Username:              s.o.Username,
		Password:              s.o.Password,
		SentinelUsername:      s.o.SentinelUsername,
		SentinelPassword:      s.o.SentinelPassword,
		TLSConfig:             s.o.TLS,
		ContextTimeoutEnabled: true,
		DialTimeout:           time.Second,
		DialerRetries:         1,
		ReadTimeout:           s.o.ReplicaWait + time.Second,
		WriteTimeout:          time.Second,
		PipelinePoolSize:      -1, // Apply is always a pipeline; one pool is enough
	}
	if s.o.MasterName == "" {
		clustered, err := clustered(ctx, u)
		if err != nil {
			return err
		}
		if clustered {
			s.cluster = redis.NewClusterClient(u.Cluster())
			s.client = s.cluster
			return nil
		}
		s.single = redis.NewClient(u.Simple())
	} else {
		s.single = redis.NewFailoverClient(u.Failover())
	}
	s.client = s.single
	return nil
}

// clustered asks the first address that answers.
func clustered(ctx context.Context, u *redis.UniversalOptions) (bool, error) {
	var errs []error
	for _, addr := range u.Addrs {
		o := u.Simple()
		o.Addr = addr
		c := redis.NewClient(o)
		info, err := c.Info(ctx, "cluster").Result()
		if closeErr := c.Close(); err == nil {
			err = closeErr
		}
		if err == nil {
			return infoField(info, "cluster_enabled") == "1", nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", addr, err))
	}
	return false, errors.Join(errs...)
}

// master returns the client of the server that holds key.
func (s *Store) master(ctx context.Context, key string) (*redis.Client, error) {
	if s.single != nil {
		return s.single, nil
	}
	c, err := s.cluster.MasterForKey(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("find the master: %w", err)
	}
	return c, nil
}

// Read implements store.Store. It asks the master, never a replica.
func (s *Store) Read(ctx context.Context, shard store.Shard, key string) ([]byte, error) {
	return store.One(s.ReadAll(ctx, shard, key))
}

// ReadAll implements store.Store. A shard's records are of one slot.
func (s *Store) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	if err := store.CheckKeys(shard, keys...); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = s.recordKey(shard, key)
	}
	bounded, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	found, err := s.client.MGet(bounded, names...).Result()
	if err != nil || len(found) != len(keys) {
		return nil, fmt.Errorf("read: %w: %w", store.ErrUnavailable, errors.Join(err, ctx.Err()))
	}
	values := make([][]byte, len(keys))
	for i, raw := range found {
		if text, is := raw.(string); is {
			if value, live := recordValue([]byte(text)); live {
				values[i] = value
			}
		}
	}
	return values, nil
}

// Now implements store.Store. In a Cluster one slot's master keeps the time
// for all; should its successor's clock be behind, time stands still.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	bounded, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	now, err := s.serverTime(bounded)
	if err != nil {
		return time.Time{}, fmt.Errorf("now: %w: %w", store.ErrUnavailable, errors.Join(err, ctx.Err()))
	}
	for {
		seen := s.highest.Load()
		if now.UnixNano() <= seen {
			return time.Unix(0, seen), nil
		}
		if s.highest.CompareAndSwap(seen, now.UnixNano()) {
			return now, nil
		}
	}
}

func (s *Store) serverTime(ctx context.Context) (time.Time, error) {
	c, err := s.master(ctx, s.o.Prefix+"clock")
	if err != nil {
		return time.Time{}, err
	}
	now, err := c.Time(ctx).Result()
	if err != nil && s.cluster != nil {
		s.cluster.ReloadState(ctx) // the master may be another one by now
	}
	return now, err
}

// Close implements store.Store.
func (s *Store) Close() error {
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("close shared store: %w", err)
	}
	return nil
}

// tagged begins a key of the shard. The braces make a hash tag of it, so that
// all keys of a shard lie in one slot; a shard that has braces itself is
// encoded, so that no two shards share a key.
func (s *Store) tagged(shard store.Shard) string {
	tag := string(shard)
	if strings.ContainsAny(tag, "{}") || strings.HasPrefix(tag, "~") {
		tag = "~" + base64.RawURLEncoding.EncodeToString([]byte(tag))
	}
	return s.o.Prefix + "{" + tag + "}"
}

func (s *Store) recordKey(shard store.Shard, key string) string {
	return s.tagged(shard) + "r" + key
}

func (s *Store) attemptKey(shard store.Shard, attempt store.Attempt) string {
	return s.tagged(shard) + "a" + string(attempt[:])
}
