package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// lockFile is there while somebody changes a keys folder.
const lockFile = "keys.lock"

// errUnchanged: what was asked for needed no change.
var errUnchanged = errors.New("nothing was changed")

// changeVault lets one operator at a time change the keys in dir: what edit has
// changed is checked by reading it as a node would, then it replaces each file
// whole. A node that looks meanwhile sees one file or the other, never a part.
func changeVault(dir string, now time.Time, edit func(*secrets) error) error {
	unlock, err := lockVault(dir, now)
	if err != nil {
		return err
	}
	defer unlock()
	before, err := openVault(dir)
	if err != nil {
		return err
	}
	after := before
	if err := edit(&after); err != nil {
		return err
	}
	signing, err := after.keys.Marshal()
	if err != nil {
		return err
	}
	// Sealing first: if the second file cannot be written, the same command may
	// be given again and goes on with what is missing.
	if text := after.sealing.text(); text != before.sealing.text() {
		if after.ring, err = after.sealing.ring(); err != nil {
			return err
		}
		if err := replace(filepath.Join(dir, sealingFile), []byte(text)); err != nil {
			return err
		}
	}
	if after.keys == before.keys {
		return nil
	}
	return replace(filepath.Join(dir, signingFile), signing)
}

// lockVault keeps other operators out. A lock that was left behind is never
// broken by itself: whoever looks at it knows better than a clock.
func lockVault(dir string, now time.Time) (unlock func(), err error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator's own folder
	if errors.Is(err, fs.ErrExist) {
		owner, _ := os.ReadFile(path) //nolint:gosec // the same
		return nil, fmt.Errorf("somebody else is changing these keys: %s says %q; wait, or remove it if nobody is", path, owner)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	host, _ := os.Hostname()
	_, err = fmt.Fprintf(f, "process %d on %s since %s", os.Getpid(), host, now.UTC().Format(time.RFC3339))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), os.Remove(path))
	}
	return func() { _ = os.Remove(path) }, nil
}

// replace puts body in the place of the file at path, whole or not at all, for
// the same owner and readable by no more than before, never by everybody.
func replace(path string, body []byte) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("replace %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(body)
	err = errors.Join(err, sameOwner(f, info), f.Chmod(info.Mode().Perm()&0o640), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
