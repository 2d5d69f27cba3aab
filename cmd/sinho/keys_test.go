package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/broker"
	"sinho/broker/keys"
)

var update = flag.Bool("update", false, "rewrite the golden files; read the diff")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// newFolder makes a folder of keys.
func newFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := newVault(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// oldFolder makes one as the first `sinho keys init` did: two algorithms, and no
// time lines at all.
func oldFolder(t *testing.T) string {
	t.Helper()
	dir := newFolder(t)
	s := vault(t, dir)
	signing, err := s.keys.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var plain []byte
	for range 2 {
		var block *pem.Block
		block, signing = pem.Decode(signing)
		block.Headers = nil
		plain = append(plain, pem.EncodeToMemory(block)...)
	}
	writeFile(t, filepath.Join(dir, signingFile), string(plain))
	writeFile(t, filepath.Join(dir, sealingFile), "# version, sealing from (- since ever), secret\n1 - "+base64.StdEncoding.EncodeToString(s.sealing[0].secret)+"\n")
	return dir
}

func vault(t *testing.T, dir string) secrets {
	t.Helper()
	s, err := openVault(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// statesOf are use and state of every key at now.
func statesOf(t *testing.T, dir string, now time.Time) []string {
	t.Helper()
	var all []string
	for _, v := range vault(t, dir).views(now) {
		all = append(all, strings.Join([]string{v.Use, v.Algorithm[:5], string(v.State)}, " "))
	}
	return all
}

func rotate(t *testing.T, r rotation, now time.Time) {
	t.Helper()
	if err := keysRotate(r, now, io.Discard); err != nil {
		t.Fatal(err)
	}
}

// TestAFolderGrowsOld walks a folder, new or as the first version made it,
// through two rotations.
func TestAFolderGrowsOld(t *testing.T) {
	for name, folder := range map[string]struct {
		fresh func(*testing.T) string
		algs  []string
	}{"of today": {newFolder, today}, "without time lines": {oldFolder, today[:2]}} {
		t.Run("a folder "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { growsOld(t, folder.fresh(t), folder.algs) })
		})
	}
}

// today are the algorithms of a new folder, as the list sorts and shortens them;
// the first two are those of an old one.
var today = []string{"ES256", "RS256", "EdDSA", "PS256"}

// standingKeys are the states of a folder whose keys of each algorithm have those of
// signing, and whose sealing keys those of sealing.
func standingKeys(algs, signing, sealing []string) (all []string) {
	for _, alg := range slices.Sorted(slices.Values(algs)) {
		for _, state := range signing {
			all = append(all, "sign "+alg+" "+state)
		}
	}
	for _, state := range sealing {
		all = append(all, "seal XChaC "+state)
	}
	return all
}

func growsOld(t *testing.T, dir string, algs []string) {
	rotated := rotated(algs)
	start := time.Now().UTC()
	before := vault(t, dir)
	expect := func(at time.Duration, want ...string) {
		t.Helper()
		time.Sleep(time.Until(start.Add(at))) // the bubble's clock
		if diff := cmp.Diff(want, statesOf(t, dir, time.Now())); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", at, diff)
		}
	}
	expect(0, standingKeys(algs, []string{"active"}, []string{"active"})...)
	rotate(t, rotation{dir: dir, after: span(time.Hour)}, time.Now())
	expect(0, rotated...)
	expect(time.Hour-1, rotated...)
	expect(time.Hour, standingKeys(algs, []string{"retired", "active"}, []string{"retired", "active"})...)
	expect(time.Hour+broker.VerifiesFor, standingKeys(algs, []string{"removed", "active"}, []string{"retired", "active"})...)
	after := vault(t, dir)
	if !bytes.Equal(after.pepper, before.pepper) || !bytes.Equal(after.sealing[0].secret, before.sealing[0].secret) ||
		after.keys.Keys(start)[0].ID != before.keys.Keys(start)[0].ID || after.keys.Keys(start)[2].ID != before.keys.Keys(start)[1].ID {
		t.Error("a rotation changed what was there")
	}
	time.Sleep(90 * 24 * time.Hour)
	rotate(t, rotation{dir: dir, after: span(time.Hour), ifOlder: span(90 * 24 * time.Hour)}, time.Now())
	// Refresh tokens live up to a year, and so does what opens them.
	expect(time.Since(start), standingKeys(algs, []string{"active", "published"}, []string{"retired", "active", "published"})...)
	time.Sleep(broker.OpensFor)
	rotate(t, rotation{dir: dir, after: span(time.Hour), ifOlder: span(90 * 24 * time.Hour)}, time.Now())
	if v := vault(t, dir).sealing; len(v) != 3 || v[0].version != 2 || v[1].version != 3 || v[2].version != 4 {
		t.Errorf("got %d sealing keys from version %d on, want 2 to 4: the ended one dropped, none used again", len(v), v[0].version)
	}
	for _, path := range vaultFiles(dir) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v, want mode 0600", path, info.Mode(), err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 3 {
		t.Errorf("got %v, want the three files and nothing left over", left)
	}
}

// rotated is a folder of those algorithms just after a rotation.
func rotated(algs []string) []string {
	return standingKeys(algs, []string{"active", "published"}, []string{"active", "published"})
}

func TestARotationThatIsNotDueOrTooSoon(t *testing.T) {
	dir, now := newFolder(t), time.Now()
	for _, tc := range []struct {
		name string
		at   time.Duration
		r    rotation
		want string // of the error
		says string
	}{
		{"too soon for clients", 0, rotation{after: span(time.Minute)}, "5m12s at least", ""},
		{"a negative time", 0, rotation{after: span(-time.Hour), force: true}, "too soon", ""},
		{"another kind", 0, rotation{after: span(time.Hour), only: "pepper"}, "write sign or seal", ""},
		{"young by a timer", time.Hour, rotation{after: span(time.Hour), ifOlder: span(90 * 24 * time.Hour)}, "", "sign: the newest key is 1h0m0s old, so nothing is done"},
		{"old by a timer, one kind", 90 * 24 * time.Hour, rotation{after: span(time.Hour), ifOlder: span(90 * 24 * time.Hour), only: forSealing}, "", "seal: a new key takes over at"},
		{"one that waits, by hand", 90*24*time.Hour + time.Minute, rotation{after: span(time.Hour), only: forSealing}, "nothing was changed", "seal: a new key waits until"},
		{"the rest, by a timer", 90*24*time.Hour + time.Minute, rotation{after: span(time.Hour), ifOlder: span(24 * time.Hour)}, "", "sign: a new key takes over at"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.r.dir = dir
			var out bytes.Buffer
			err := keysRotate(tc.r, now.Add(tc.at), &out)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if !strings.Contains(out.String(), tc.says) {
				t.Errorf("got %q, want %q", out.String(), tc.says)
			}
		})
	}
	var s span
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "15m": 15 * time.Minute} {
		if err := s.Set(text); err != nil || time.Duration(s) != want {
			t.Errorf("%s: got %v, %v, want %v", text, s, err, want)
		}
	}
	for _, text := range []string{"", "d", "90 d", "-1d", "soon", "9999999d"} {
		if err := s.Set(text); err == nil {
			t.Errorf("%q: got %v, want it refused", text, time.Duration(s))
		}
	}
}

// TestManyTimersMakeOneSuccessor: every node of a shared folder may run the
// timer; whoever comes second is told to wait, or finds nothing to do.
func TestManyTimersMakeOneSuccessor(t *testing.T) {
	dir, now := oldFolder(t), time.Now()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			err := keysRotate(rotation{dir: dir, after: span(time.Hour), ifOlder: span(24 * time.Hour)}, now, io.Discard)
			if err != nil && !strings.Contains(err.Error(), "somebody else is changing these keys") {
				t.Errorf("got %v, want success or a lock named", err)
			}
		})
	}
	all.Wait()
	if diff := cmp.Diff(rotated(today[:2]), statesOf(t, dir, now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	writeFile(t, filepath.Join(dir, lockFile), "process 1 on elsewhere")
	if err := keysRetire(dir, "seal-1", true, now, io.Discard); err == nil || !strings.Contains(err.Error(), "process 1 on elsewhere") {
		t.Errorf("got %v, want whoever holds the lock named", err)
	}
}

func TestRetiringAKey(t *testing.T) {
	const later = 2 * time.Hour
	for _, tc := range []struct {
		name, use string
		state     keys.State
		at        time.Duration // after a rotation with an hour's overlap
		want      string        // why it is refused, "" when it is not
		after     []string      // what is left of its kind
	}{
		{"the one that signs", forSigning, keys.Active, later, "is the key that signs", []string{"sign ES256 retired", "sign ES256 active"}},
		{"the one that seals", forSealing, keys.Active, later, "is the key that seals", []string{"seal XChaC retired", "seal XChaC active"}},
		{"the one that seals, before the next does", forSealing, keys.Active, 0, "is the key that seals", []string{"seal XChaC active"}},
		{"one that is still needed", forSigning, keys.Retired, later, "is needed until", []string{"sign ES256 active"}},
		{"one that is over", forSigning, keys.Removed, later + broker.VerifiesFor, "", []string{"sign ES256 active"}},
		{"one that waits", forSealing, keys.Published, 0, "", []string{"seal XChaC active"}},
		{"one about to begin", forSealing, keys.Published, time.Hour - time.Second, "is about to take over", []string{"seal XChaC active"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := newFolder(t)
				rotate(t, rotation{dir: dir, after: span(time.Hour)}, time.Now())
				time.Sleep(tc.at)
				retires(t, dir, tc.use, tc.state, tc.want)
				var left []string
				for _, line := range statesOf(t, dir, time.Now()) {
					if strings.HasPrefix(line, tc.after[0][:len("sign ES256")]) {
						left = append(left, line)
					}
				}
				if diff := cmp.Diff(tc.after, left); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// retires takes the first key of that state away; with a want it is refused
// first.
func retires(t *testing.T, dir, use string, state keys.State, want string) {
	t.Helper()
	before := vault(t, dir).views(time.Now())
	i := slices.IndexFunc(before, func(v keyView) bool { return v.Use == use && v.State == state })
	if i < 0 {
		t.Fatalf("no %s key is %s", use, state)
	}
	id, warned := before[i].ID, false
	err := keysRetire(dir, id, false, time.Now(), io.Discard)
	if want != "" {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--force") {
			t.Fatalf("got %v, want %q and what would do it", err, want)
		}
		if diff := cmp.Diff(before, vault(t, dir).views(time.Now())); diff != "" {
			t.Errorf("a refusal changed something (-want +got):\n%s", diff)
		}
		var out bytes.Buffer
		err = keysRetire(dir, id, true, time.Now(), &out)
		warned = strings.Contains(out.String(), "warning:")
	}
	if err != nil || warned != (want != "") {
		t.Fatalf("got %v and a warning: %t, want it gone and a warning: %t", err, warned, want != "")
	}
	if err := keysRetire(dir, id, true, time.Now(), io.Discard); err == nil || !strings.Contains(err.Error(), "no such key") {
		t.Errorf("again: got %v, want no such key", err)
	}
}

func TestSealingVersionsWrapAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := newSealingKeys(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		s[0].version = 255
		for want := range 3 {
			time.Sleep(time.Hour) // the bubble's clock
			if s, err = s.rotate(time.Now(), time.Now(), time.Minute); err != nil {
				t.Fatal(err)
			}
			if got := s[len(s)-1].version; int(got) != want {
				t.Errorf("got version %d, want %d", got, want)
			}
			if _, err := s.ring(); err != nil {
				t.Errorf("version %d: %v", want, err)
			}
		}
		begins := sealingKeys{{Span: keys.Span{From: time.Now()}, version: 255, secret: bytes.Repeat([]byte{1}, 32)}}
		if left, err := begins.remove(255, time.Now(), time.Hour); err != nil || len(left) != 1 || left[0].version != 0 {
			t.Errorf("got %v, %v, want a new key in the place of the one that was taken away as it began", left, err)
		}
	})
}

func TestTheSealingFileIsTheGoldenOne(t *testing.T) {
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	s := sealingKeys{
		{Span: keys.Span{Until: at.Add(16 * time.Hour)}, version: 1, secret: bytes.Repeat([]byte{1}, 32)},
		{Span: keys.Span{Made: at.Add(-time.Hour), From: at}, version: 2, secret: bytes.Repeat([]byte{2}, 32)},
	}
	golden(t, "sealing.golden", s.text())
	again, err := parseSealing([]byte(s.text()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, again, cmp.AllowUnexported(sealingKey{})); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
}

func TestTheListIsTheGoldenOneAndHasNoSecrets(t *testing.T) {
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	dir := oldFolder(t)
	rotate(t, rotation{dir: dir, after: span(time.Hour)}, at)
	s := vault(t, dir)
	kid := 0
	names := []string{fingerprint(s.pepper), "0123456789abcdef0123456789abcdef"}
	for _, v := range s.views(at) {
		if v.Use == forSigning {
			kid++
			name := fmt.Sprintf("kid-%d-%s", kid, strings.Repeat("x", 43-6))
			names = append(names, v.ID, name, short(v.ID), short(name))
		}
	}
	stable := strings.NewReplacer(names...)
	for name, list := range map[string]struct {
		zone   *time.Location
		asJSON bool
	}{
		"list-seoul.golden": {zone: time.FixedZone("Asia/Seoul", 9*3600)},
		"list-utc.golden":   {zone: time.UTC},
		"list-json.golden":  {zone: time.UTC, asJSON: true},
	} {
		var out bytes.Buffer
		if err := keysList(dir, at.Add(time.Hour), list.zone, list.asJSON, &out); err != nil {
			t.Fatal(err)
		}
		golden(t, name, stable.Replace(out.String()))
		secret := regexp.MustCompile(regexp.QuoteMeta(base64.StdEncoding.EncodeToString(s.pepper)) + "|" +
			regexp.QuoteMeta(base64.StdEncoding.EncodeToString(s.sealing[0].secret)))
		if secret.MatchString(out.String()) || strings.Contains(out.String(), "PRIVATE") {
			t.Errorf("%s has a secret in it", name)
		}
		if list.asJSON && !json.Valid(out.Bytes()) {
			t.Errorf("%s is no JSON", name)
		}
	}
}
