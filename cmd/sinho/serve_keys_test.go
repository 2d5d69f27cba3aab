package main

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sinho/citizen"
)

// published counts the keys a node publishes.
func (w *world) published() int {
	w.t.Helper()
	_, doc := w.getJSON("/jwks")
	all, _ := doc["keys"].([]any)
	return len(all)
}

// swap replaces a file at once, as `sinho keys` does: the node may be looking
// just now.
func swap(t *testing.T, path, body string) {
	t.Helper()
	writeFile(t, path+".new", body)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (r *running) in(what string) {
	r.t.Helper()
	if out := r.login(r.t.Context(), citizen.Named("naver")); !out.In {
		r.t.Errorf("%s: got %s (%v), want people to log in; log:\n%s", what, out.Why, out.Err, r.log)
	}
}

func TestChangedKeysAreTakenWithoutARestart(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	r := w.serve()
	dir := filepath.Join(w.dir, "keys")
	r.in("before")
	rotate(t, rotation{dir: dir, after: 0, force: true}, time.Now())
	r.look <- time.Time{}
	r.look <- time.Time{} // the first has been dealt with
	if n := r.log.count("key taken"); n != 10 {
		t.Errorf("got %d keys told of, want the 5 new and the 5 whose state changed; log:\n%s", n, r.log)
	}
	if n := w.published(); n != 8 {
		t.Errorf("got %d keys published, want both of each algorithm", n)
	}
	r.in("after a rotation")

	good := map[string]string{}
	for _, path := range vaultFiles(dir) {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		good[path] = string(body)
	}
	pepper := base64.StdEncoding.EncodeToString([]byte("another pepper, 32 bytes long ..")) + "\n"
	for _, bad := range []struct{ name, file, body, want string }{
		{"signing keys cut short", signingFile, good[filepath.Join(dir, signingFile)][:900], signingFile},
		{"no sealing keys", sealingFile, "", "no keys"},
		{"another pepper", pepperFile, pepper, "another pepper now"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			r.t = t
			path := filepath.Join(dir, bad.file)
			before := r.log.count("keys refused, the old ones stay")
			swap(t, path, bad.body)
			r.look <- time.Time{}
			r.look <- time.Time{}
			if n := r.log.count("keys refused, the old ones stay"); n != before+1 || !strings.Contains(r.log.String(), bad.want) {
				t.Errorf("got %d refusals, want one more that says %q; log:\n%s", n-before, bad.want, r.log)
			}
			if n := w.published(); n != 8 {
				t.Errorf("got %d keys published, want the old 8", n)
			}
			r.in("with the old keys")
			swap(t, path, good[path])
			r.look <- time.Time{}
			r.look <- time.Time{}
		})
	}
	r.t = t

	// A bad configuration does not keep keys from arriving in time.
	w.write("pushes: 3\n")
	r.look <- time.Time{}
	rotate(t, rotation{dir: dir, after: span(time.Hour)}, time.Now())
	r.look <- time.Time{}
	r.look <- time.Time{}
	if n := w.published(); n != 12 {
		t.Errorf("got %d keys published, want the 4 new ones too; log:\n%s", n, r.log)
	}
	r.in("with new keys and the old configuration")
}

// TestAStrangeKeyIsToldOfNowAndThen: to whoever brings such a value it is one
// that cannot be read, and they may begin again.
func TestAStrangeKeyIsToldOfNowAndThen(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	r := w.serve()
	raw := append([]byte{1, 77, byte(len(cell))}, cell...)
	sealed := base64.RawURLEncoding.EncodeToString(append(raw, make([]byte, 80)...))
	for range 3 {
		if status, body := w.get("/login?r=" + sealed); status != http.StatusBadRequest || !strings.Contains(body, "문의번호") {
			t.Errorf("got %d %s, want 400 with a reference", status, body)
		}
	}
	if n := r.log.count(`"key":"seal-77"`); n != 1 {
		t.Errorf("got %d lines about it, want one; log:\n%s", n, r.log)
	}
	r.in("afterwards")

	synctest.Test(t, func(t *testing.T) {
		var s strangeKeys
		log := newLines()
		for range 150 { // seconds
			s.tell(t.Context(), newLog(log, 0, nil), 9, time.Now())
			time.Sleep(time.Second) // in the bubble
		}
		if n := log.count("seal-9"); n != 3 {
			t.Errorf("got %d lines in 150 s, want 3", n)
		}
	})
}
