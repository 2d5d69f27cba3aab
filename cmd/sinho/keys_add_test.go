package main

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/broker/keys"
	"sinho/config"
)

func TestAnAlgorithmIsAddedToAnOldFolder(t *testing.T) {
	dir, at := oldFolder(t), time.Now()
	rotate(t, rotation{dir: dir, after: span(time.Hour)}, at.Add(-100*24*time.Hour))
	before := vault(t, dir).views(at)
	for _, alg := range []string{keys.PS256, keys.EdDSA} {
		var out bytes.Buffer
		if err := keysAdd(dir, alg, at, &out); err != nil || !strings.Contains(out.String(), alg) {
			t.Fatalf("%s: got %q, %v, want it made and named", alg, out.String(), err)
		}
		if err := keysAdd(dir, alg, at, io.Discard); !errors.Is(err, keys.ErrPresent) {
			t.Errorf("%s again: got %v, want ErrPresent", alg, err)
		}
	}
	if err := keysAdd(dir, "HS256", at, io.Discard); !errors.Is(err, keys.ErrAlgorithm) {
		t.Errorf("HS256: got %v, want ErrAlgorithm", err)
	}
	after := vault(t, dir).views(at)
	added := slices.DeleteFunc(slices.Clone(after), func(v keyView) bool {
		return !slices.Contains([]string{keys.PS256, keys.EdDSA}, v.Algorithm)
	})
	if len(after) != len(before)+2 || len(added) != 2 || added[0].State != keys.Active || added[1].State != keys.Active {
		t.Errorf("got %v, want two keys more, active at once", after)
	}

	// The timer: what was added just now keeps the older algorithms no younger.
	var out bytes.Buffer
	if err := keysRotate(rotation{dir: dir, after: span(time.Hour), ifOlder: span(90 * 24 * time.Hour), only: forSigning}, at, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "sign: a new key takes over at") || len(vault(t, dir).keys.Keys(at)) < 8 {
		t.Errorf("got %q, want every algorithm rotated", out.String())
	}
	for _, alg := range []string{keys.PS256, keys.EdDSA} {
		gone := slices.IndexFunc(added, func(v keyView) bool { return v.Algorithm == alg })
		if err := keysRetire(dir, added[gone].ID, false, at, io.Discard); err == nil || !strings.Contains(err.Error(), "is the key that signs") {
			t.Errorf("%s: got %v, want it needed", alg, err)
		}
		if err := keysRetire(dir, added[gone].ID, true, at, io.Discard); err != nil {
			t.Errorf("%s: got %v, want it taken away", alg, err)
		}
	}
	if got := vault(t, dir).keys.Algorithms(); len(got) != 4 {
		t.Errorf("got %v, want the next keys of all four in their place", got)
	}
}

func TestAClientOfAnAlgorithmWithoutKeysIsAMistake(t *testing.T) {
	dir := oldFolder(t)
	path := filepath.Join(t.TempDir(), "sinho.yaml")
	text := `public_url: http://localhost:8080
keys_dir: ` + dir + `
clients:
  - {id: shop, public: true, name: {en: Shop}, redirect_uris: ["https://shop.example.kr/cb"]}
  - id: bank
    public: true
    name: {en: Bank}
    redirect_uris: ["https://bank.example.kr/cb"]
    algorithm: PS256
providers:
  - {id: naver, client_id: us, secret: "${NAVER_SECRET}"}
`
	writeFile(t, path, text)
	env := func(string) (string, bool) { return "hush", true }
	err := runCheck(path, env, io.Discard)
	all, ok := errors.AsType[config.Mistakes](err)
	if !ok || len(all) != 1 {
		t.Fatalf("got %v, want one mistake", err)
	}
	want := path + ":9:5: clients[1].algorithm: " + dir + " has no key of PS256, only of ES256, RS256\n" +
		"    make one: sinho keys add PS256 --dir " + dir + "; or name one that is there"
	if diff := cmp.Diff(want, all[0].Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	cfg, err := config.Load(path, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nextGeneration(t.Context(), cfg, nil, vault(t, dir), outside{}, nil); err == nil || !strings.Contains(err.Error(), "has no key of PS256") {
		t.Errorf("serve: got %v, want the same mistake", err)
	}
	if err := keysAdd(dir, keys.PS256, time.Now(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := runCheck(path, env, io.Discard); err != nil {
		t.Errorf("with a key: got %v, want it good", err)
	}
}
