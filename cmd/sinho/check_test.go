package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sinho/config"
)

// command runs the program with arguments.
func command(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	out := newLines()
	err = run(t.Context(), args, out, out)
	return out.String(), err
}

func TestCheckSaysWhatAGoodConfigurationComesTo(t *testing.T) {
	w := newWorld(t, "https")
	w.certify(1, time.Now().Add(time.Hour))
	w.write(w.text(withTLS, "capacity: 1", "order: 7, maintenance: [{every: daily 00:00-23:59}]"))
	t.Setenv("SECRET_naver", "x")
	t.Setenv("SECRET_oidc", "y")
	out, err := command(t, "check", "--config", w.path)
	if err != nil {
		t.Fatalf("got %v, want exit code 0", err)
	}
	for _, want := range []string{
		w.path + " is good\n", "public_url  " + w.public, "KST\n", filepath.Join(w.dir, "data/sinho.db"),
		"clients     1: booking\n", "providers   2 of 2: oidc, naver\n", "pepper ", "maintenance naver ", "23:59 KST\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "warning") {
		t.Errorf("got a warning, want none:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "data")); err == nil {
		t.Error("check made the store")
	}
}

func TestCheckWarnsOfWhatServeWouldTake(t *testing.T) {
	w := newWorld(t, "http")
	text := w.text("insecure_sample: true\n", "${SECRET_naver}", "open", "capacity: 1}", "capacity: 1, maintenance: [{from: 2021-08-09 02:00, to: 2021-08-09 04:00}]}")
	from, to := strings.Index(text, "clients:"), strings.Index(text, "providers:")
	w.write(text[:from] + text[to:])
	pepper := filepath.Join(w.dir, "keys", pepperFile)
	if err := os.Chmod(pepper, 0o644); err != nil {
		t.Fatal(err)
	}
	out := newLines()
	if err := runCheck(w.path, w.env, out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the maintenance of naver is over", "chmod o= " + pepper, "no clients", "insecure_sample"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no warning of %q in:\n%s", want, out)
		}
	}
}

func TestCheckTellsAllMistakesOfAllFiles(t *testing.T) {
	w := newWorld(t, "https")
	w.write(w.text(withTLS, "./keys", "./none"))
	err := runCheck(w.path, w.env, newLines())
	for _, want := range []string{"2 mistakes", "keys_dir", "signing-keys.pem: no such file", "sealing.keys: no such file", "pepper.key: no such file", "keys init --dir", "cert.pem"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	w.write("lisen: 1\nporviders: []\n")
	out, err := command(t, "check", "--config", w.path)
	if _, ok := err.(config.Mistakes); !ok || out != "" { //nolint:errorlint // exactly this
		t.Errorf("got %v and output %q, want mistakes, exit code 1, and nothing else", err, out)
	}
	for _, want := range []string{":1:1: lisen: unknown key\n    did you mean \"listen\"?", ":2:1: porviders: unknown key", "public_url: is missing"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestKeysAreMadeOnceForTheirOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "keys")
	out, err := command(t, "keys", "init", "--dir", dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openVault(dir)
	if err != nil {
		t.Fatalf("open what was made: %v", err)
	}
	if !strings.Contains(out, fingerprint(s.pepper)) || strings.Contains(out, base64.StdEncoding.EncodeToString(s.pepper)) {
		t.Errorf("got %s, want the pepper's fingerprint and not the pepper", out)
	}
	for _, name := range []string{".", signingFile, sealingFile, pepperFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got %v (%v), want it readable by its owner alone", name, info.Mode(), err)
		}
	}
	before, err := os.ReadFile(filepath.Join(dir, pepperFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, signingFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := command(t, "keys", "init", "--dir", dir); err == nil || !strings.Contains(err.Error(), "not overwritten") {
		t.Errorf("got %v, want what is left kept", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, pepperFile)); err != nil || string(after) != string(before) {
		t.Errorf("the pepper is another one (%v)", err)
	}
	if _, err := os.Stat(filepath.Join(dir, signingFile)); err == nil {
		t.Error("signing keys were made beside an old pepper")
	}
}

func TestDamagedKeysAreNamedAndNeverQuoted(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	for _, tc := range []struct{ name, file, body, want string }{
		{"a pepper cut short", pepperFile, secret[:20], "not 32 bytes"},
		{"a pepper of zeros", pepperFile, base64.StdEncoding.EncodeToString(make([]byte, 32)), "zeros"},
		{"no sealing key", sealingFile, "# none\n", "no keys"},
		{"a sealing key cut short", sealingFile, "# x\n1 - " + secret[:30], "line 2"},
		{"a sealing key without version", sealingFile, "x - " + secret, "version"},
		{"a version too high", sealingFile, "256 - " + secret, "0 to 255"},
		{"a beginning that is no time", sealingFile, "1 soon " + secret, "2026-01-02"},
		{"one version twice", sealingFile, "1 - " + secret + "\n1 - " + strings.Replace(secret, "M", "N", 1), "twice"},
		{"signing keys cut short", signingFile, "-----BEGIN PRIVATE KEY-----\n", "signing-keys.pem"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := newVault(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, tc.file), []byte(tc.body), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := openVault(dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), tc.file) {
				t.Errorf("got %v, want %q about %s", err, tc.want, tc.file)
			}
			if err != nil && strings.Contains(err.Error(), secret[:12]) {
				t.Errorf("got %v, which quotes a secret", err)
			}
		})
	}
}

func TestASealingKeyMayBeginLater(t *testing.T) {
	secret := func(c string) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(c, 32))) }
	all, err := parseSealing([]byte("1 - " + secret("a") + "\n2 2999-01-01T00:00:00Z " + secret("b") + "\n"))
	if err != nil || len(all) != 2 {
		t.Fatalf("got %d keys (%v), want both", len(all), err)
	}
	if ring, err := all.ring(); err != nil || ring.Cell() != cell {
		t.Errorf("got %v (%v), want both in a ring", ring, err)
	}
}
