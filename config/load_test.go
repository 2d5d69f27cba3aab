package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/broker/client"
	"sinho/providers"

	"sinho/operator"
)

var update = flag.Bool("update", false, "write the golden files and docs/config.md anew")

const example = "../docs/sinho.example.yaml"

// environment knows every variable of the example, and a few of the mistakes.
func environment(name string) (string, bool) {
	known := []string{
		"NAVER_SECRET", "KAKAO_SECRET", "PASS_SECRET", "TOSS_SECRET", "NARA_SECRET", "REDIS_PASSWORD", "SENTINEL_PASSWORD", "CONSOLE_SECRET",
	}
	switch name {
	case "EMPTY":
		return "", true
	case "NARA_KEY":
		return aKey(), true
	case "ALERT_SECRET":
		return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true
	}
	return "secret of " + name, slices.Contains(known, name)
}

// aKey is a private key as a file of openssl has it.
var aKey = sync.OnceValue(func() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
})

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, path string) *Config {
	t.Helper()
	c, err := Load(path, environment)
	if err != nil {
		t.Fatalf("Load(%s): %v", path, err)
	}
	return c
}

// smallest is the least that serves.
const smallest = `public_url: http://localhost:8080
clients:
  - {id: shop, public: true, name: {en: Shop}, redirect_uris: ["https://shop.example.kr/cb"]}
providers:
  - {id: naver, client_id: us, secret: "${NAVER_SECRET}"}
`

func TestTheSmallestFileHasAllDefaults(t *testing.T) {
	path := write(t, "sinho.yaml", smallest)
	c := load(t, path)
	want := Default()
	if c.Drain != want.Drain || c.Log != want.Log || c.TimeZone != want.TimeZone || c.MaxWatchers != want.MaxWatchers ||
		c.PushesPerMinute != want.PushesPerMinute || !slices.Equal(c.Listen, want.Listen) {
		t.Errorf("got %+v, want the defaults", c)
	}
	if got, want := c.KeysDir, filepath.Join(filepath.Dir(path), "keys"); got != want {
		t.Errorf("got keys_dir %s, want it beside the file: %s", got, want)
	}
	if p := c.Providers[0]; !p.Enabled || p.Capacity != 1 || p.Settings().ClientSecret != "secret of NAVER_SECRET" {
		t.Errorf("got %+v, want it enabled, of capacity 1, with the secret of the environment", p)
	}
	if got := c.TimeZone.Location().String(); got != "Asia/Seoul" {
		t.Errorf("got zone %s, want Asia/Seoul", got)
	}
}

func TestTheExampleLoads(t *testing.T) {
	c := load(t, example)
	if len(c.Clients) != 4 || len(c.Providers) != 5 || len(c.Enabled()) != 4 {
		t.Errorf("got %d clients, %d providers, %d of them enabled; want 4, 5, 4", len(c.Clients), len(c.Providers), len(c.Enabled()))
	}
}

// everything is the example with all its settings switched on, and a Redis.
func everything(t *testing.T) *Config {
	t.Helper()
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	on := regexp.MustCompile(`(?m)^#( *(- |# )|([a-z_]+|  +[a-z_]+):(?: |$))`).ReplaceAllString(string(text), "$1")
	on = strings.ReplaceAll(on, "store: ./data/sinho.db", "store: rediss+sentinel://s-1,s-2:26380/sinho")
	path := write(t, "sinho.yaml", on)
	ca, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(filepath.Dir(path), "tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "tls", "redis-ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	return load(t, path)
}

func TestTheExampleLoadsWithEverySettingSwitchedOn(t *testing.T) {
	c := everything(t)
	if c.TLS == nil || len(c.Listen) != 2 || len(c.Proxies()) != 2 {
		t.Errorf("got %+v, want TLS, two listeners and two proxies", c)
	}
	o, err := c.Shared()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"s-1:26379", "s-2:26380"}, o.Addrs); diff != "" || o.MasterName != "sinho" {
		t.Errorf("got %v and %q: %s", o.Addrs, o.MasterName, diff)
	}
	if o.TLS == nil || o.TLS.RootCAs == nil || o.Password != "secret of REDIS_PASSWORD" || o.SentinelPassword != "secret of SENTINEL_PASSWORD" || o.Replicas != 1 {
		t.Errorf("got %v, want TLS by our own CA, both passwords and one replica", o.Replicas)
	}
}

func TestTheExampleNamesEveryKey(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range allKeys(reflect.TypeFor[Config]()) {
		if !regexp.MustCompile(`\b` + key + `\b`).Match(text) {
			t.Errorf("docs/sinho.example.yaml does not name %s", key)
		}
	}
}

func allKeys(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var all []string
	for _, i := range fieldsOf(t) {
		all = append(all, t.Field(i).Tag.Get("yaml"))
		all = append(all, allKeys(t.Field(i).Type)...)
	}
	return all
}

// TestEveryFieldCanBeSet finds a field of a site or provider that no key sets.
func TestEveryFieldCanBeSet(t *testing.T) {
	c := everything(t)
	sites := slices.DeleteFunc(fieldNamesOf[client.Client](), set(c.Registrations()))
	var all []providers.Settings
	for _, p := range c.Providers {
		all = append(all, p.Settings())
	}
	adapters := slices.DeleteFunc(fieldNamesOf[providers.Settings](), set(all))
	if got := append(sites, adapters...); len(got) > 0 {
		t.Errorf("no key of the example sets %v", got)
	}
}

func fieldNamesOf[T any]() []string {
	var all []string
	for field := range reflect.TypeFor[T]().Fields() {
		all = append(all, field.Name)
	}
	return all
}

func set[T any](values []T) func(string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(values, func(v T) bool { return !reflect.ValueOf(v).FieldByName(name).IsZero() })
	}
}

func TestOrderDecidesAndEqualsStandAsWritten(t *testing.T) {
	c := Config{Providers: []Provider{
		{ID: "a", Enabled: true, Order: 2},
		{ID: "b", Enabled: true},
		{ID: "c"},
		{ID: "d", Enabled: true},
		{ID: "e", Enabled: true, Order: -1},
	}}
	var got []string
	for _, p := range c.Enabled() {
		got = append(got, p.ID)
	}
	if diff := cmp.Diff([]string{"e", "b", "d", "a"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSecretsComeFromFilesAndNeverPrint(t *testing.T) {
	path := write(t, "sinho.yaml", strings.Replace(smallest, `secret: "${NAVER_SECRET}"`, "secret_file: naver.txt", 1))
	secret := filepath.Join(filepath.Dir(path), "naver.txt")
	if err := os.WriteFile(secret, []byte("hush-hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := load(t, path)
	if got := c.Providers[0].Settings().ClientSecret; got != "hush-hush" {
		t.Errorf("got secret %q, want the file's without its newline", got)
	}
	if diff := cmp.Diff([]string{path, secret}, c.Files()); diff != "" {
		t.Errorf("files to watch (-want +got):\n%s", diff)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if printed := fmt.Sprintf(verb, c.Providers); strings.Contains(printed, "hush") {
			t.Errorf("%s prints the secret", verb)
		}
	}
}

func TestNoMessageQuotesASecretInTheWrongPlace(t *testing.T) {
	for _, wrong := range []string{
		"secret: hush-4711", "secret: 4711", "secret: [hush-4711]", "secret: |\n      hush-4711\n", "secret_env: hush-4711",
		"secret_env: hush_4711", "secret_file: hush-4711", "secret_env: ${hush-4711", "password: hush-4711",
	} {
		text := strings.ReplaceAll(smallest[:strings.Index(smallest, "  - {id: naver")]+"  - id: naver\n    client_id: us\n    "+wrong+"\n", `\n`, "\n")
		if _, err := Load(write(t, "sinho.yaml", text), environment); err == nil || strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: got %v, want it refused and not quoted", wrong, err)
		}
	}
}

func TestSamplesMayHoldSecrets(t *testing.T) {
	text := strings.Replace(smallest, "${NAVER_SECRET}", "open $${secret}", 1)
	if _, err := Load(write(t, "a.yaml", text), environment); err == nil || !strings.Contains(err.Error(), "a secret stands in this file") {
		t.Errorf("got %v, want the secret refused", err)
	}
	c := load(t, write(t, "b.yaml", "insecure_sample: true\n"+text))
	if got := c.Providers[0].Settings().ClientSecret; got != "open ${secret}" {
		t.Errorf("got %q, want the secret of the file", got)
	}
}

func TestAReadTokenItselfIsRefusedAndNotQuoted(t *testing.T) {
	token, hash := operator.NewToken()
	const one = "console:\n  operators: [{name: jimin, password_hash: \"$argon2id$v=19$m=19456,t=2,p=1$b75mXA0sIv7OVAFX6hTXdQ$sFeWjpdShIpNxZ6D8pxhLL2Zm7qvG5w5xsrcmAV6qZM\"}]\n"
	if c := load(t, write(t, "a.yaml", smallest+one+"  read_tokens: [\""+hash.String()+"\"]\n")); len(c.Console.ReadTokens) != 1 {
		t.Errorf("got %v, want the hash", c.Console.ReadTokens)
	}
	_, err := Load(write(t, "b.yaml", smallest+one+"  read_tokens: [\""+hash.String()+"\", "+token+"]\n"), environment)
	if err == nil || !strings.Contains(err.Error(), "console.read_tokens[1]") || strings.Contains(err.Error(), token) {
		t.Errorf("got %v, want the second refused without being quoted", err)
	}
}

func TestTheConsoleIsOffUntilItIsWritten(t *testing.T) {
	if c := load(t, write(t, "sinho.yaml", smallest)); c.Console != nil || c.Origin() != "" {
		t.Errorf("got %+v, want no console", c.Console)
	}
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$b75mXA0sIv7OVAFX6hTXdQ$sFeWjpdShIpNxZ6D8pxhLL2Zm7qvG5w5xsrcmAV6qZM"
	const one = "console:\n  operators: [{name: jimin, password_hash: " + hash + "}]\n"
	c := load(t, write(t, "sinho.yaml", smallest+strings.ReplaceAll(one, hash, `"`+hash+`"`)))
	if c.Console.Listen != "127.0.0.1:9463" || c.Origin() != "http://127.0.0.1:9463" || c.Console.Session.Hours() != 8 {
		t.Errorf("got %+v, want the defaults", c.Console)
	}
	c.Console.PublicURL = "https://console.example.kr"
	if c.Origin() != "https://console.example.kr" {
		t.Errorf("got %s, want what is written", c.Origin())
	}
}
