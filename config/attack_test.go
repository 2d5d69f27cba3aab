package config

import (
	"net"
	"strings"
	"testing"
)

// Attack: operator pages open on all interfaces, without TLS, with an empty or a
// plain password. Left to itself the console, as the figures, is on this machine
// only; and further out only with TLS.
func TestAttackOperatorPagesOpenToEverybody(t *testing.T) {
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$b75mXA0sIv7OVAFX6hTXdQ$sFeWjpdShIpNxZ6D8pxhLL2Zm7qvG5w5xsrcmAV6qZM"
	console := func(more string, operator string) string {
		return smallest + "console:\n" + more + "  operators: [" + operator + "]\n"
	}
	jimin := "{name: jimin, password_hash: \"" + hash + "\"}"
	c := load(t, write(t, "sinho.yaml", console("", jimin)))
	for what, address := range map[string]string{"console": c.Console.Listen, "metrics": c.MetricsListen} {
		if host, _, err := net.SplitHostPort(address); address != "" && (err != nil || !loopback(host)) {
			t.Errorf("%s listens on %q by itself, want this machine only", what, address)
		}
	}
	for name, text := range map[string]string{
		"every interface":       console("  listen: \":9463\"\n", jimin),
		"every IPv4 interface":  console("  listen: \"0.0.0.0:9463\"\n", jimin),
		"every IPv6 interface":  console("  listen: \"[::]:9463\"\n", jimin),
		"another machine's":     console("  listen: \"192.0.2.1:9463\"\n", jimin),
		"no password":           console("", "{name: jimin}"),
		"an empty password":     console("", `{name: jimin, password_hash: ""}`),
		"a password as it is":   console("", `{name: jimin, password_hash: "admin"}`),
		"nobody":                smallest + "console: {}\n",
		"an address of no TLS":  console("  public_url: http://console.example.kr\n", jimin),
		"TLS elsewhere, unsaid": console("  listen: \":9463\"\n  public_url: https://console.example.kr\n", jimin),
	} {
		_, err := Load(write(t, "sinho.yaml", text), environment)
		if err == nil || !strings.Contains(err.Error(), "console") {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
}

// Attack: SSRF through what a registration names (CVE-2020-10770, CVE-2021-26715):
// there is no setting of an address that would be fetched for a client.
func TestAttackSSRFThroughClientSettings(t *testing.T) {
	const client = `  - {id: shop, public: true, name: {en: Shop}, redirect_uris: ["https://shop.example.kr/cb"]`
	for _, name := range []string{"jwks_uri", "sector_identifier_uri", "logo_uri", "request_uris", "client_uri"} {
		text := strings.Replace(smallest, client, client+", "+name+`: "http://169.254.169.254/latest"`, 1)
		if text == smallest {
			t.Fatal("the smallest configuration is another: the test sees nothing")
		}
		if _, err := Load(write(t, "sinho.yaml", text), environment); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want it refused as unknown", name, err)
		}
	}
	for _, name := range []string{"backchannel_logout_uri", "frontchannel_logout_uri"} {
		for _, uri := range []string{"http://169.254.169.254/latest", "http://10.0.0.1/", "file:///etc/passwd", "gopher://x/", "https://x@169.254.169.254/", "https://0x7f.1/", "https://2130706433/"} {
			text := strings.Replace(smallest, client, client+", "+name+`: "`+uri+`"`, 1)
			if _, err := Load(write(t, "sinho.yaml", text), environment); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %s: got %v, want it refused", name, uri, err)
			}
		}
	}
}
