// Package embedded keeps the records of one process in one bbolt file: the
// default store, for a single node. One goroutine writes, and has one transaction
// open that is committed 25 ms after its first change at the latest.
//
// An Apply that is not durable is seen and answered at once; what is durable, and
// every change of a queue, when its commit has reached the disk. A crash takes
// back the last of what is not durable, and a new run of the store fences the
// codes of the one before (docs/decisions/0003-bbolt-group-commit.md has the
// races). It knows nothing of other processes: a second one is refused by the
// file's lock.
package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"sinho/store"
)

// Options of Open; the zero value is what a production node wants.
type Options struct {
	// Wait is how long Open waits for another process to let go of the file.
	// Zero means one second.
	Wait time.Duration
	// Tidy is how often an idle store looks for expired records to delete; a
	// busy one does it with every commit. Zero means one minute.
	Tidy time.Duration
}

// Store is a store.Store and a store.Queue in one file. Open makes it.
type Store struct {
	path  string
	db    *bolt.DB
	run   runID // the writer's
	tidy  time.Duration
	clock clock

	queue    chan *request
	quit     chan struct{} // closed by Close: the writer is asked to end
	ended    chan struct{} // closed by the writer when it has ended
	closing  sync.Once
	closeErr error

	fresh   fresh
	stride  time.Duration // stride, but for tests
	lag     time.Duration // lag, but for tests
	commits atomic.Int64
	commit  func(*bolt.Tx) error // (*bolt.Tx).Commit, but for tests and experiments
}

var _ store.Store = (*Store)(nil)

// runID names one opening of the file; a fenced record dies with it.
type runID [16]byte

// Open opens or creates the file at path and its folder, and starts the writer
// goroutine, which ends with Close. Errors name the file: in use by another
// process (after o.Wait), a folder that cannot be written, a file that is not
// ours.
func Open(path string, o Options) (*Store, error) {
	if o.Wait <= 0 {
		o.Wait = time.Second
	}
	if o.Tidy <= 0 {
		o.Tidy = time.Minute
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil { //nolint:gosec // the operator's own data folder
		return nil, fmt.Errorf("open store: cannot make the folder %s: %w", folder, err)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout:         o.Wait,
		NoFreelistSync:  true,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: 64 << 20,
		NoStatistics:    true,
	})
	if err != nil {
		return nil, openError(path, o.Wait, err)
	}
	s := &Store{
		path:   path,
		db:     db,
		tidy:   o.Tidy,
		queue:  make(chan *request, queueLength),
		quit:   make(chan struct{}),
		ended:  make(chan struct{}),
		commit: (*bolt.Tx).Commit,
		stride: stride,
		lag:    lag,
		fresh:  fresh{records: make(map[string]record)},
	}
	if _, err := rand.Read(s.run[:]); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: run id: %w", err), db.Close())
	}
	if err := s.prepare(folder); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), db.Close())
	}
	answers, err := loadAnswers(db)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), db.Close())
	}
	go s.write(answers)
	return s, nil
}

func openError(path string, wait time.Duration, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("open store: %s is in use by another sinho (waited %v): end it or give this one its own data folder: %w", path, wait, err)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return fmt.Errorf("open store: %s is not a store file, or is damaged: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("open store: the folder %s cannot be written: %w", filepath.Dir(path), err)
	default:
		return fmt.Errorf("open store %s: %w", path, err)
	}
}

// prepare makes the buckets, refuses another format, and makes sure that the
// folder itself remembers a file that has just been made.
func (s *Store) prepare(folder string) error {
	err := s.db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists([]byte(bucketMeta))
		if err != nil {
			return err
		}
		switch format := string(meta.Get([]byte(keyFormat))); format {
		case formatNow:
		case "":
			if err := meta.Put([]byte(keyFormat), []byte(formatNow)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("its format is %q, this program writes %q", format, formatNow)
		}
		for _, name := range []string{bucketRecords, bucketExpiry, bucketAnswers, bucketQueues} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	d, err := os.Open(folder) //nolint:gosec // the operator's own data folder
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// Read implements store.Store. It sees every Apply that has been answered.
func (s *Store) Read(ctx context.Context, shard store.Shard, key string) ([]byte, error) {
	return store.One(s.ReadAll(ctx, shard, key))
}

// ReadAll implements store.Store.
func (s *Store) ReadAll(ctx context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	if err := store.CheckKeys(shard, keys...); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read: %w: %w", store.ErrUnavailable, err)
	}
	now := s.clock.now()
	values := make([][]byte, len(keys))
	err := s.fresh.view(s.db, func(get func([]byte) (record, bool)) {
		for i, key := range keys {
			if r, ok := get(recordKey(shard, key)); ok && r.live(now) && !r.tombstone {
				values[i] = append([]byte{}, r.value...)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read: %w: %w", store.ErrUnavailable, err)
	}
	return values, nil
}

// Now implements store.Store: the machine's clock, held still while it is set
// back.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, fmt.Errorf("now: %w: %w", store.ErrUnavailable, err)
	}
	select {
	case <-s.quit:
		return time.Time{}, fmt.Errorf("now: %w: closed", store.ErrUnavailable)
	default:
		return s.clock.now(), nil
	}
}

// Close ends the writer after the batch it is committing, refuses what is still
// queued, and closes the file. It may be called more than once.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.quit)
		<-s.ended
		if err := s.db.Close(); err != nil {
			s.closeErr = fmt.Errorf("close store %s: %w", s.path, err)
		}
	})
	return s.closeErr
}

// clock is the machine's clock that never goes back.
type clock struct{ highest atomic.Int64 } // nanoseconds since 1970

func (c *clock) now() time.Time {
	now := time.Now().UnixNano()
	for {
		seen := c.highest.Load()
		if now <= seen {
			return time.Unix(0, seen)
		}
		if c.highest.CompareAndSwap(seen, now) {
			return time.Unix(0, now)
		}
	}
}
