package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sinho/broker/keys"
	"sinho/seal"
)

// secrets are what every node of a broker shares.
type secrets struct {
	keys    *keys.Set
	sealing sealingKeys // of the ring
	ring    *seal.Ring
	pepper  []byte
	print   [sha256.Size]byte // of the files: the same means the same keys
}

// The files of a keys folder, all text.
const (
	signingFile = "signing-keys.pem" // PKCS#8 PEM with time lines, see package keys
	sealingFile = "sealing.keys"     // a line each, see sealingKeys
	pepperFile  = "pepper.key"       // base64 of 32 bytes
)

// vaultFiles of a keys folder.
func vaultFiles(dir string) []string {
	return []string{filepath.Join(dir, signingFile), filepath.Join(dir, sealingFile), filepath.Join(dir, pepperFile)}
}

// cell of the sealing ring; what one cell sealed, no other opens.
const cell = "main"

// openVault reads a keys folder. It makes nothing: a node that made keys of its
// own beside others would turn everybody into somebody new.
func openVault(dir string) (secrets, error) {
	var s secrets
	var wrong []error
	sum := sha256.New()
	read := func(name string, parse func([]byte) error) {
		body, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // the operator's own folder
		if err != nil {
			if inner, ok := errors.AsType[*fs.PathError](err); ok {
				err = inner.Err
			}
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			return
		}
		if err := parse(body); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
		one := sha256.Sum256(body)
		sum.Write(one[:])
	}
	read(signingFile, func(body []byte) (err error) {
		s.keys, err = keys.Parse(body)
		return err
	})
	read(sealingFile, func(body []byte) (err error) {
		if s.sealing, err = parseSealing(body); err == nil {
			s.ring, err = s.sealing.ring()
		}
		return err
	})
	read(pepperFile, func(body []byte) (err error) {
		s.pepper, err = parseSecret(strings.TrimSpace(string(body)))
		return err
	})
	if len(wrong) > 0 {
		return secrets{}, vaultError(wrong)
	}
	sum.Sum(s.print[:0])
	return s, nil
}

// vaultError is everything wrong with a keys folder, on one line.
type vaultError []error

func (e vaultError) Error() string {
	var all []string
	for _, one := range e {
		all = append(all, one.Error())
	}
	return strings.Join(all, "; ")
}

func (e vaultError) Unwrap() []error { return e }

// exposed are the files of a keys folder that everybody on the machine may
// read.
func exposed(dir string) []string {
	var all []string
	for _, path := range vaultFiles(dir) {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
			all = append(all, path)
		}
	}
	return all
}

// parseSecret never quotes what it could not read.
func parseSecret(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != seal.KeySize {
		return nil, fmt.Errorf("the secret is not %d bytes in base64; was the file cut short?", seal.KeySize)
	}
	if bytes.Equal(raw, make([]byte, seal.KeySize)) {
		return nil, errors.New("the secret is all zeros")
	}
	return raw, nil
}

// fingerprint of a pepper tells nodes apart and tells nothing of the pepper.
func fingerprint(pepper []byte) string {
	mac := hmac.New(sha256.New, pepper)
	mac.Write([]byte("sinho pepper fingerprint v1"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// newVault makes a keys folder with files only its owner may read. It
// overwrites nothing: when one of the files is there, none is written.
func newVault(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	for _, path := range vaultFiles(dir) {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already and is not overwritten: name another folder with --dir, or use what is there", path)
		}
	}
	set, err := keys.GenerateAll()
	if err != nil {
		return err
	}
	signing, err := set.Marshal()
	if err != nil {
		return err
	}
	sealing, err := newSealingKeys(time.Now())
	if err != nil {
		return err
	}
	pepper, err := random32()
	if err != nil {
		return err
	}
	var made []string
	defer func() {
		if err != nil { // all of them or none
			for _, path := range made {
				_ = os.Remove(path)
			}
		}
	}()
	for _, f := range []struct{ name, body string }{
		{signingFile, string(signing)},
		{sealingFile, sealing.text()},
		{pepperFile, base64.StdEncoding.EncodeToString(pepper) + "\n"},
	} {
		path := filepath.Join(dir, f.name)
		if err := writeNew(path, f.body); err != nil {
			return err
		}
		made = append(made, path)
	}
	return nil
}

func writeNew(path, body string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator's own folder
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	_, err = f.WriteString(body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(path))
	}
	return nil
}
