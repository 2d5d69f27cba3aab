package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// review collects what is wrong with values that could be read.
type review struct {
	c        *Config
	mistakes Mistakes
}

func (r *review) wrong(path, what, do string) {
	if r.c.doc == nil || !r.c.doc.silent(path) {
		r.mistakes = append(r.mistakes, r.c.Mistake(path, what, do))
	}
}

// Validate reports every mistake at once, as Mistakes, and changes nothing.
func (c *Config) Validate() error {
	r := &review{c: c}
	r.address()
	r.listeners()
	r.console()
	r.secretsInside()
	r.store()
	r.numbers()
	r.traces()
	r.alerts()
	r.clients()
	r.rotas()
	r.devices()
	r.rooms()
	r.providers()
	if len(r.mistakes) == 0 {
		return nil
	}
	return r.mistakes
}

func (r *review) address() {
	c := r.c
	if c.PublicURL == "" {
		r.wrong("public_url", "is missing", "write the address browsers use, such as https://id.example.kr")
		return
	}
	u, err := url.Parse(c.PublicURL)
	do := "write scheme, host and port only, such as https://id.example.kr"
	switch {
	case err != nil || u.Host == "":
		r.wrong("public_url", fmt.Sprintf("%q is not a whole address", c.PublicURL), do)
	case c.PublicURL != u.Scheme+"://"+u.Host:
		r.wrong("public_url", fmt.Sprintf("%q has more than scheme, host and port", c.PublicURL), fmt.Sprintf("write %s://%s", strings.ToLower(u.Scheme), strings.ToLower(u.Host)))
	case c.PublicURL != strings.ToLower(c.PublicURL):
		r.wrong("public_url", fmt.Sprintf("%q has capital letters, and issuers are compared letter by letter", c.PublicURL), "write "+strings.ToLower(c.PublicURL))
	case u.Scheme == "https":
	case u.Scheme != "http":
		r.wrong("public_url", fmt.Sprintf("%q is not https", c.PublicURL), do)
	case !loopback(u.Hostname()):
		r.wrong("public_url", fmt.Sprintf("%q would carry logins unencrypted", c.PublicURL), "write https://; http is for localhost only")
	case c.TLS != nil:
		r.wrong("tls", "is set, though public_url is http", "write https:// in public_url, or remove tls")
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (r *review) listeners() {
	c := r.c
	if len(c.Listen) == 0 {
		r.wrong("listen", "names no address", "write one at least, such as 127.0.0.1:8080")
	}
	open := false
	for i, addr := range c.Listen {
		host, good := r.listener(fmt.Sprintf("listen[%d]", i), addr, "8080", c.Listen[:i])
		open = open || good && !loopback(host)
	}
	if c.MetricsListen != "" {
		r.listener("metrics_listen", c.MetricsListen, "9464", c.Listen)
	}
	if c.TLS != nil {
		for _, f := range []struct{ key, value string }{{"cert_file", c.TLS.CertFile}, {"key_file", c.TLS.KeyFile}} {
			if f.value == "" {
				r.wrong("tls."+f.key, "is missing", "name a PEM file; a certificate needs both cert_file and key_file")
			}
		}
		return
	}
	if open && len(c.TrustedProxies) == 0 && strings.HasPrefix(c.PublicURL, "https://") {
		r.wrong("tls", "is missing, though public_url is https and listen is open to other machines",
			"set tls, or name the proxies that speak it in trusted_proxies, or listen on 127.0.0.1")
	}
}

// listener checks one address to listen on, which must be none of taken, and
// gives its host; good: it is host:port. The usual port is for advice.
func (r *review) listener(path, addr, usual string, taken []string) (host string, good bool) {
	host, port, err := net.SplitHostPort(addr)
	number, portErr := strconv.Atoi(port)
	switch {
	case err != nil:
		r.wrong(path, fmt.Sprintf("%q is not host:port", addr), fmt.Sprintf("write 127.0.0.1:%s, [::1]:%[1]s, or :%[1]s for every address of this machine", usual))
	case portErr != nil || number < 1 || number > 65535:
		r.wrong(path, fmt.Sprintf("%q has no port from 1 to 65535", addr), "write a port number behind the colon")
	case slices.Contains(taken, addr):
		r.wrong(path, fmt.Sprintf("%q is there twice", addr), "remove one of them")
	}
	return host, err == nil
}

func (r *review) secretsInside() {
	u, err := url.Parse(r.c.PublicURL)
	if r.c.InsecureSample && (err != nil || !loopback(u.Hostname())) {
		r.wrong("insecure_sample", "is for one's own machine, and public_url is not there", "remove insecure_sample, and take secrets from the environment or files")
	}
	if r.c.InsecureSample || r.c.doc == nil {
		return
	}
	for _, path := range r.c.doc.inline {
		key := path[strings.LastIndex(path, ".")+1:]
		r.wrong(path, "a secret stands in this file", fmt.Sprintf("write %s_env or %s_file, or ${NAME}; or insecure_sample: true on your own machine", key, key))
	}
}

func (r *review) store() {
	c := r.c
	address, remote, err := parseStore(c.Store)
	switch {
	case err != nil:
		what, do := split(err.Error())
		r.wrong("store", what, do)
		if remote {
			r.redis(address, false)
		}
	case !remote && c.Redis != nil:
		r.wrong("redis", "is set, though store is a file", "write store: redis://host:6379, or remove redis")
	case remote:
		r.redis(address, true)
	}
	if c.KeysDir == "" {
		r.wrong("keys_dir", "is empty", "name the folder that `sinho keys init --dir` has made")
	}
}

// redis checks the section; whole: the address could be read to its end.
func (r *review) redis(address storeAddress, whole bool) {
	rd := r.c.Redis
	if rd == nil {
		return
	}
	if rd.CAFile != "" && !address.tls {
		r.wrong("redis.ca_file", "is set, though the store speaks no TLS", "write rediss:// in store, or remove ca_file")
	}
	if whole && address.master == "" && (rd.SentinelUsername != "" || rd.SentinelPassword != "") {
		r.wrong("redis.sentinel_username", "or sentinel_password is set, though no Sentinel is", "write redis+sentinel://host:26379/name in store, or remove them")
	}
	if strings.ContainsAny(rd.Prefix, "{}") || rd.Prefix == "" {
		r.wrong("redis.prefix", fmt.Sprintf("%q is empty or has braces, which a Cluster reads as a hash tag", rd.Prefix), "write letters, digits and colons, such as sinho:")
	}
	if rd.Replicas < 0 {
		r.wrong("redis.replicas", fmt.Sprintf("%d is less than 0", rd.Replicas), "write 0 for best effort, or how many replicas must acknowledge")
	}
	r.span("redis.replica_wait", rd.ReplicaWait, time.Millisecond, 10*time.Second)
	r.span("redis.timeout", rd.Timeout, 100*time.Millisecond, 30*time.Second)
	if _, err := r.c.Shared(); err != nil && whole {
		what, do := split(err.Error())
		r.wrong("redis.ca_file", what, do)
	}
}

func (r *review) span(path string, got, least, most time.Duration) {
	if got < least || got > most {
		r.wrong(path, fmt.Sprintf("%v is not within %v and %v", got, least, most), "write a duration in that range")
	}
}

// shortName is what alerts and rotas are called by.
var shortName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// ownID checks the id of one of a list; first has the places of those before it.
func (r *review) ownID(list string, i int, id, example string, first map[string]int) {
	path := fmt.Sprintf("%s[%d].id", list, i)
	switch other, twice := first[id]; {
	case id == "":
		r.wrong(path, "is missing", "write a short name, such as "+example)
	case !shortName.MatchString(id):
		r.wrong(path, fmt.Sprintf("%q is not 1 to 32 of a-z, 0-9 and -", id), "write a short name, such as "+example)
	case twice:
		r.wrong(path, fmt.Sprintf("%q is the id of %s[%d] too", id, list, other), "give each an id of its own")
	default:
		first[id] = i
	}
}

func (r *review) count(path string, got, least, most int) {
	if got < least || got > most {
		r.wrong(path, fmt.Sprintf("%d is not within %d and %d", got, least, most), "write a number in that range")
	}
}

// items checks how many entries a list has.
func (r *review) items(path string, got, least, most int) {
	switch {
	case got > most:
		r.wrong(path, fmt.Sprintf("has %d entries, and %d are the most", got, most), fmt.Sprintf("remove %d", got-most))
	case got < least:
		r.wrong(path, "has no entry", "write one at least below it, beginning with -")
	}
}

func (r *review) numbers() {
	c := r.c
	r.span("drain.delay", c.Drain.Delay, 0, 5*time.Minute)
	r.span("drain.limit", c.Drain.Limit, time.Second, 5*time.Minute)
	r.count("pushes_per_minute", c.PushesPerMinute, 1, 1000)
	r.count("pushes_per_address", c.PushesPerAddress, 1, 60_000)
	r.count("pushes_per_network", c.PushesPerNetwork, 1, 60_000)
	r.count("max_watchers", c.MaxWatchers, 1, 1_000_000)
}

func (r *review) traces() {
	t := r.c.Traces
	if !(t.Sample >= 0 && t.Sample <= 1) { // NaN is neither
		r.wrong("traces.sample", fmt.Sprintf("%v is not within 0 and 1", t.Sample), "write the share of requests to trace, such as 0.01")
	}
	if t.OTLPEndpoint == "" {
		return
	}
	u, err := url.Parse(t.OTLPEndpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		r.wrong("traces.otlp_endpoint", "is no http:// or https:// address", "write where the collector takes OTLP over HTTP, such as http://127.0.0.1:4318")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		r.wrong("traces.otlp_endpoint", "has a name, password, query or fragment in it", "write scheme, host, port and path only; headers come from OTEL_EXPORTER_OTLP_HEADERS")
	}
}

// storeAddress is a redis:// address taken apart.
type storeAddress struct {
	tls    bool
	addrs  []string
	master string // by which Sentinels know the server
}

// parseStore tells a path from a Redis address. The message ends in what to do.
func parseStore(raw string) (a storeAddress, remote bool, err error) {
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		if raw == "" {
			return a, false, errors.New("is empty: write a path such as ./data/sinho.db, or redis://host:6379")
		}
		return a, false, nil
	}
	schemes := []string{"redis", "rediss", "redis+sentinel", "rediss+sentinel"}
	if !slices.Contains(schemes, scheme) {
		if near := nearest(scheme, schemes); near != "" {
			return a, true, fmt.Errorf("%q is no store: did you mean %s://?", scheme+"://", near)
		}
		return a, true, fmt.Errorf("%q is no store: write a path, redis://, rediss://, redis+sentinel:// or rediss+sentinel://", scheme+"://")
	}
	a.tls = strings.HasPrefix(scheme, "rediss")
	if strings.Contains(rest, "@") {
		return a, true, errors.New("has a name or password in it: write redis.username and redis.password_env or redis.password_file instead")
	}
	hosts, name, slash := strings.Cut(rest, "/")
	port := "6379"
	if strings.HasSuffix(scheme, "+sentinel") {
		if port = "26379"; name == "" || strings.ContainsAny(name, "/?#") {
			return a, true, errors.New("does not say by which name the Sentinels know the server: write redis+sentinel://host:26379/name")
		}
		a.master = name
	} else if slash && name != "" || strings.ContainsAny(rest, "?#") {
		return a, true, fmt.Errorf("has %q behind the hosts, and numbered databases are not used: write redis.prefix to share a server", "/"+name)
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if host == "" {
			return a, true, errors.New("has an empty host: write redis://host:6379, several with commas between them")
		}
		if h, p, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		} else if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 || h == "" {
			return a, true, fmt.Errorf("has the host %q: write host:port, with a port from 1 to 65535", host)
		}
		a.addrs = append(a.addrs, host)
	}
	return a, true, nil
}
