package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sinho/broker/keys"
	"sinho/seal"
)

// state is what a demo keeps in its folder: store, signing keys, sealing key
// and pepper. With a temporary folder all of it goes at the end.
type state struct {
	secrets

	dir    string
	remove func()
}

// openState uses dir, or a temporary folder when dir is empty, and makes there
// whatever is missing.
func openState(dir string) (*state, error) {
	s := &state{dir: dir, remove: func() {}}
	if dir == "" {
		tmp, err := os.MkdirTemp("", "sinho-demo-")
		if err != nil {
			return nil, fmt.Errorf("make a temporary folder: %w; name one with --data", err)
		}
		s.dir, s.remove = tmp, func() { _ = os.RemoveAll(tmp) }
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--data %s: the folder cannot be made: %w", dir, err)
	}
	if err := s.load(); err != nil {
		s.remove()
		return nil, fmt.Errorf("--data %s: %w", s.dir, err)
	}
	return s, nil
}

func (s *state) load() error {
	pem, err := s.keep("signing-keys.pem", func() ([]byte, error) {
		set, err := keys.Generate()
		if err != nil {
			return nil, err
		}
		return set.Marshal()
	})
	if err != nil {
		return err
	}
	if s.keys, err = keys.Parse(pem); err != nil {
		return fmt.Errorf("signing-keys.pem: %w", err)
	}
	secret, err := s.keep("sealing.key", random32)
	if err != nil {
		return err
	}
	if s.ring, err = seal.NewRing("demo", seal.Key{Version: 1, Secret: secret}); err != nil {
		return fmt.Errorf("sealing.key: %w", err)
	}
	s.pepper, err = s.keep("pepper.key", random32)
	return err
}

// keep reads a file of the folder, or makes it with what fresh gives.
func (s *state) keep(name string, fresh func() ([]byte, error)) ([]byte, error) {
	path := filepath.Join(s.dir, name)
	body, err := os.ReadFile(path) //nolint:gosec // the operator's own folder
	if !errors.Is(err, fs.ErrNotExist) {
		return body, err
	}
	if body, err = fresh(); err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	if err := os.WriteFile(path, body, 0o600); err != nil {
		return nil, fmt.Errorf("the folder cannot be written: %w", err)
	}
	return body, nil
}

func random32() ([]byte, error) {
	b := make([]byte, 32)
	_, err := rand.Read(b)
	return b, err
}
