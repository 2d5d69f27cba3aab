package main

import (
	"bufio"
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
	"strconv"
	"strings"
	"time"

	"sinho/broker/keys"
	"sinho/seal"
)

// secrets are what every node of a broker shares.
type secrets struct {
	keys   *keys.Set
	ring   *seal.Ring
	pepper []byte
}

// The files of a keys folder, all text.
const (
	signingFile = "signing-keys.pem" // PKCS#8 PEM, the first of each algorithm signs
	sealingFile = "sealing.keys"     // a line each: version, when it begins to seal, secret
	pepperFile  = "pepper.key"       // base64 of 32 bytes
)

// cell of the sealing ring; what one cell sealed, no other opens.
const cell = "main"

// sinceEver is how the sealing file writes the first key's beginning.
const sinceEver = "-"

// openVault reads a keys folder. It makes nothing: a node that made keys of its
// own beside others would turn everybody into somebody new.
func openVault(dir string) (secrets, error) {
	var s secrets
	var wrong []error
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
	}
	read(signingFile, func(body []byte) (err error) {
		s.keys, err = keys.Parse(body)
		return err
	})
	read(sealingFile, func(body []byte) (err error) {
		s.ring, err = parseSealing(body)
		return err
	})
	read(pepperFile, func(body []byte) (err error) {
		s.pepper, err = parseSecret(strings.TrimSpace(string(body)))
		return err
	})
	if len(wrong) > 0 {
		return secrets{}, vaultError(wrong)
	}
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
	for _, name := range []string{signingFile, sealingFile, pepperFile} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
			all = append(all, path)
		}
	}
	return all
}

func parseSealing(body []byte) (*seal.Ring, error) {
	var all []seal.Key
	lines := bufio.NewScanner(bytes.NewReader(body))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parseSealingLine(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, k)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return seal.NewRing(cell, all...)
}

func parseSealingLine(words []string) (k seal.Key, err error) {
	if len(words) != 3 {
		return k, errors.New("want a version, when it begins to seal (or -), and a secret")
	}
	version, err := strconv.ParseUint(words[0], 10, 8)
	if err != nil {
		return k, fmt.Errorf("version %q is not a number from 0 to 255", words[0])
	}
	k.Version = uint8(version)
	if words[1] != sinceEver {
		if k.SealFrom, err = time.Parse(time.RFC3339, words[1]); err != nil {
			return k, fmt.Errorf("%q is not a time such as 2026-01-02T03:04:05Z", words[1])
		}
	}
	k.Secret, err = parseSecret(words[2])
	return k, err
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
	for _, name := range []string{signingFile, sealingFile, pepperFile} {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already and is not overwritten: name another folder with --dir, or use what is there", path)
		}
	}
	set, err := keys.Generate()
	if err != nil {
		return err
	}
	signing, err := set.Marshal()
	if err != nil {
		return err
	}
	var secret [2]string
	for i := range secret {
		raw, err := random32()
		if err != nil {
			return err
		}
		secret[i] = base64.StdEncoding.EncodeToString(raw)
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
		{sealingFile, "# version, sealing from (- since ever), secret\n1 " + sinceEver + " " + secret[0] + "\n"},
		{pepperFile, secret[1] + "\n"},
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
