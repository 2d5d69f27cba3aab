package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const oneKey = `{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "2027", "x": "cngmpc2EtL6yzu00-ucap2PDX6emchNGym4atuk3_00"}]}`

// TestAKeySetIsWrittenInThreeWays: as a text of JSON, as YAML, and in a file.
func TestAKeySetIsWrittenInThreeWays(t *testing.T) {
	const site = `{id: shop, name: {en: Shop}, redirect_uris: ["https://shop.example.kr/cb"], auth_method: private_key_jwt, `
	for name, keys := range map[string]string{
		"a text":        `jwks: '` + oneKey + `'}`,
		"JSON, no text": `jwks: ` + oneKey + `}`,
		// A kid that looks like a number to YAML is a text all the same.
		"YAML":   `jwks: {keys: [{kty: OKP, crv: Ed25519, kid: 2027, x: cngmpc2EtL6yzu00-ucap2PDX6emchNGym4atuk3_00}]}}`,
		"a file": `jwks_file: shop.jwks.json}`,
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "sinho.yaml", strings.Replace(smallest, "  - {id: shop, public: true, name: {en: Shop}, redirect_uris: [\"https://shop.example.kr/cb\"]}", "  - "+site+keys, 1))
			file := filepath.Join(filepath.Dir(path), "shop.jwks.json")
			if err := os.WriteFile(file, []byte(oneKey), 0o600); err != nil {
				t.Fatal(err)
			}
			c := load(t, path)
			got := c.Registrations()[0].Keys
			if got == nil || len(got.Keys) != 1 || got.Keys[0].KeyID != "2027" || !got.Keys[0].IsPublic() {
				t.Errorf("got %v, want the one key", got)
			}
			if watched := slices.Contains(c.Files(), file); watched != (name == "a file") {
				t.Errorf("got the file watched: %v", watched)
			}
		})
	}
}
