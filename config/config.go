// Package config reads sinho.yaml: one file of settings, strictly, with every
// mistake told at once and where it is. It knows what may be written and what
// that means; it opens nothing but the file, the secrets and the public keys it
// names, connects to nothing, and makes no part of the program.
package config

import (
	"net/netip"
	"time"
)

// Config is sinho.yaml. The comments of the fields are the reference in
// docs/config.md. Load makes a valid one; the zero value is not valid.
type Config struct {
	// The address by which browsers, sites and providers reach this broker, and
	// so the OIDC issuer: scheme, host and port, nothing behind it. https, or
	// http on a loopback host. Needed. A change needs a restart.
	PublicURL string `yaml:"public_url"`
	// Where to listen, host:port each. A host left out means every address of
	// the machine. A change needs a restart.
	Listen []string `yaml:"listen"`
	// Where Prometheus finds /metrics, host:port: plain HTTP on a listener of its
	// own, for loopback or an inner network. `""` switches it off. A change needs a
	// restart.
	MetricsListen string `yaml:"metrics_listen"`
	// Serves Go's profiles at /debug/pprof/ beside /metrics, for whoever looks for
	// the cost of something. They show what the program works on: not for a
	// network that others share. A change needs a restart.
	MetricsProfile bool `yaml:"metrics_profile"`
	// Address ranges of the proxies in front of this node (CIDR, or one address).
	// Only they are believed about who is asking (X-Forwarded-For); from anybody
	// else such headers are removed.
	TrustedProxies []Prefix `yaml:"trusted_proxies"`
	// TLS spoken by the listeners themselves: 1.3, and 1.2 with ECDHE and GCM.
	// Without it a proxy has to. Switching it on or off needs a restart; renewed
	// certificates are taken while running.
	TLS *TLS `yaml:"tls"`

	// Where live records are kept. A path is a file for a single node
	// (`./data/sinho.db`). `redis://host:6379` is one Redis, or with several hosts
	// separated by commas a Cluster; `redis+sentinel://host:26379,…/name` is the
	// server that Sentinels call by that name; `rediss://` and
	// `rediss+sentinel://` speak TLS. A change needs a restart.
	Store string `yaml:"store"`
	// More about Redis; only with a redis:// store. A change needs a restart.
	Redis *Redis `yaml:"redis"`
	// The folder that `sinho keys init` has made: signing keys, sealing keys,
	// pepper. The same on every node. Changed keys are taken while running;
	// another folder needs a restart.
	KeysDir string `yaml:"keys_dir"`

	// The operators' console, on a listener of its own. Without this group there
	// is none.
	Console *Console `yaml:"console"`

	// How this node says goodbye when it is asked to end.
	Drain Drain `yaml:"drain"`
	// What is logged, on standard error.
	Log Log `yaml:"log"`
	// Where traces of requests go, if anywhere. A change needs a restart.
	Traces Traces `yaml:"traces"`
	// The time zone in which times are shown to people, by its IANA name. Data
	// and logs are in UTC.
	TimeZone Zone `yaml:"time_zone"`
	// How often one phone number may be reached by push within a minute by this
	// node, 1 to 1000.
	PushesPerMinute int `yaml:"pushes_per_minute"`
	// How many pushes one address (IPv6: one /64) may ask this node for within a
	// minute, 1 to 60000. Loopback addresses are not counted: a proxy on this
	// machine must be in trusted_proxies for any of this to work.
	PushesPerAddress int `yaml:"pushes_per_address"`
	// The same for one network: IPv4 a /24, IPv6 a /48.
	PushesPerNetwork int `yaml:"pushes_per_network"`
	// How many WebSockets and event streams may watch the lights of this node
	// together, and how many its waiting rooms together, 1 to 1000000 each. A change
	// needs a restart.
	MaxWatchers int `yaml:"max_watchers"`
	// Allows secrets in this file itself and warns at each start. For samples on
	// one's own machine: public_url must be a loopback host.
	InsecureSample bool `yaml:"insecure_sample"`

	// Whom to tell when lights change, 20 at most (docs/alerts.md).
	Alerts []Alert `yaml:"alerts"`
	// Who may log in when, by their verified date of birth: 20 at most, and only for
	// clients that name one (docs/rota.md).
	Rotas []Rota `yaml:"rotas"`
	// Waiting rooms before sites, 20 at most (docs/lobby.md). Without any, nobody waits.
	Rooms []Room `yaml:"rooms"`
	// The sites that may ask. With none, nobody can log in anywhere.
	Clients []Client `yaml:"clients"`
	// The identity providers people may choose. One enabled at least.
	Providers []Provider `yaml:"providers"`

	doc *document // where it was read; nil for one made by hand
}

// TLS names the files of a certificate.
type TLS struct {
	// Certificate chain in PEM, the server's own first. Needed.
	CertFile string `yaml:"cert_file"`
	// Its private key in PEM. Needed.
	KeyFile string `yaml:"key_file"`
}

// Redis is how to speak to a shared store.
type Redis struct {
	// The name to sign in with, for a server with ACLs.
	Username string `yaml:"username"`
	// The password as `${NAME}` from the environment, if not by the next two.
	Password Secret `yaml:"password"`
	// The environment variable that holds the password.
	PasswordEnv string `yaml:"password_env"`
	// The file that holds the password.
	PasswordFile string `yaml:"password_file"`
	// The name to sign in with at the Sentinels.
	SentinelUsername string `yaml:"sentinel_username"`
	// The Sentinels' password as `${NAME}`, if not by the next two.
	SentinelPassword Secret `yaml:"sentinel_password"`
	// The environment variable that holds the Sentinels' password.
	SentinelPasswordEnv string `yaml:"sentinel_password_env"`
	// The file that holds the Sentinels' password.
	SentinelPasswordFile string `yaml:"sentinel_password_file"`
	// Certificates in PEM of those who may vouch for a rediss:// server. Left
	// out: those the machine trusts.
	CAFile string `yaml:"ca_file"`
	// What begins every key, so that a server can be shared with others. No
	// braces.
	Prefix string `yaml:"prefix"`
	// How many replicas must acknowledge what has to survive a failover. 0 is
	// best effort, and /readyz says so.
	Replicas int `yaml:"replicas"`
	// How long replicas may take, 1ms or more.
	ReplicaWait time.Duration `yaml:"replica_wait"`
	// The end of every call, retries included, at most 30s.
	Timeout time.Duration `yaml:"timeout"`
}

// Console is the operators' console and who may sign in there: by a password,
// by the organisation's own provider, or both.
type Console struct {
	// Where to listen, host:port. Other machines reach it only by TLS: set tls, or
	// an https public_url here and the proxy that speaks it in trusted_proxies. A
	// change needs a restart.
	Listen string `yaml:"listen"`
	// The address by which browsers reach it: scheme, host and port. Left out:
	// http, or with tls https, and listen.
	PublicURL string `yaml:"public_url"`
	// How long a sign-in lasts, 5m to 24h.
	Session time.Duration `yaml:"session"`
	// People who sign in by name and password.
	Operators []Operator `yaml:"operators"`
	// The organisation's own OpenID Provider. What is registered there as redirect
	// URI is public_url/callback.
	OIDC *ConsoleOIDC `yaml:"oidc"`
	// Machines that may read the history (/api/history) and nothing else: the hashes
	// that `sinho operators token` has printed.
	ReadTokens []string `yaml:"read_tokens"`
}

// Operator is one person at the console.
type Operator struct {
	// What the audit trail calls them, and what they type: at most 64 characters.
	// Needed.
	Name string `yaml:"name"`
	// What `sinho operators hash` has printed, or `${NAME}` with it. Needed.
	PasswordHash string `yaml:"password_hash"`
}

// ConsoleOIDC is how operators sign in at the organisation's provider. At least
// one of allowed_subjects, allowed_emails and claim says who.
type ConsoleOIDC struct {
	// What the button says. Left out: the issuer.
	Name string `yaml:"name"`
	// The issuer, compared exactly. https, or http on a loopback host. Needed.
	Issuer string `yaml:"issuer"`
	// Who we are there. Needed.
	ClientID string `yaml:"client_id"`
	// The secret as `${NAME}` from the environment, if not by the next two. A
	// public client has none.
	ClientSecret Secret `yaml:"client_secret"`
	// The environment variable that holds the secret.
	ClientSecretEnv string `yaml:"client_secret_env"`
	// The file that holds the secret.
	ClientSecretFile string `yaml:"client_secret_file"`
	// Scopes asked for beside openid. Left out: email and profile.
	Scopes []string `yaml:"scopes"`
	// Subjects (sub) who may sign in, compared exactly.
	AllowedSubjects []string `yaml:"allowed_subjects"`
	// Addresses who may sign in, if the provider says that they are verified.
	AllowedEmails []string `yaml:"allowed_emails"`
	// A claim of the ID token or userinfo, such as groups; whoever has one of
	// claim_values in it may sign in.
	Claim string `yaml:"claim"`
	// The values of it that let somebody in.
	ClaimValues []string `yaml:"claim_values"`
}

// Drain is the way out.
type Drain struct {
	// How long /readyz says no while everything is still answered, so that load
	// balancers look elsewhere first. 0s to 5m.
	Delay time.Duration `yaml:"delay"`
	// How long requests under way then have to finish. 1s to 5m.
	Limit time.Duration `yaml:"limit"`
}

// Log is what is logged.
type Log struct {
	// debug, info, warn or error.
	Level Level `yaml:"level"`
	// json or text. A change needs a restart.
	Format Format `yaml:"format"`
	// One line (level info, "request") for each request but those of health
	// checks: method, route, status, ms, bytes, and where known ref (the 문의번호)
	// and client. No address, no query, no browser, nobody's name.
	Access bool `yaml:"access"`
}

// Traces are OpenTelemetry spans: requests by their route, store calls, requests
// to providers. Nothing personal is in them.
type Traces struct {
	// Where to send them, by OTLP over HTTP: `http://127.0.0.1:4318`, to which
	// /v1/traces is added unless it has a path. Left out: no traces at all.
	// Headers for it come from OTEL_EXPORTER_OTLP_HEADERS.
	OTLPEndpoint string `yaml:"otlp_endpoint"`
	// The share of requests that is traced, from 0 to 1.
	Sample float64 `yaml:"sample"`
}

// Text is a text in two languages; one stands in for the other where that is
// said.
type Text struct {
	// Korean.
	KO string `yaml:"ko"`
	// English.
	EN string `yaml:"en"`
}

// Default is what counts where nothing is written.
func Default() Config {
	return Config{
		Listen:           []string{"127.0.0.1:8080"},
		MetricsListen:    "127.0.0.1:9464",
		Store:            "./data/sinho.db",
		KeysDir:          "./keys",
		Drain:            Drain{Delay: 5 * time.Second, Limit: 20 * time.Second},
		Traces:           Traces{Sample: 0.01},
		TimeZone:         "Asia/Seoul",
		PushesPerMinute:  3,
		PushesPerAddress: 60,
		PushesPerNetwork: 1200,
		MaxWatchers:      10_000,
	}
}

func defaultRedis() Redis {
	return Redis{Prefix: "sinho:", ReplicaWait: 500 * time.Millisecond, Timeout: 3 * time.Second}
}

func defaultConsole() Console { return Console{Listen: "127.0.0.1:9463", Session: 8 * time.Hour} }

// Proxies are the trusted ranges.
func (c *Config) Proxies() []netip.Prefix {
	all := make([]netip.Prefix, len(c.TrustedProxies))
	for i, p := range c.TrustedProxies {
		all[i] = netip.Prefix(p)
	}
	return all
}
