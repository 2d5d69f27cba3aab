package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"sinho/reach"
	"sinho/signal"
	"sinho/signal/alert"
)

// Alert is one endpoint that is told when lights change.
type Alert struct {
	// Our name for it, in logs and metrics, 1 to 32 of a-z 0-9 and -. Needed. What it
	// has been told is kept under it.
	ID string `yaml:"id"`
	// Where messages are posted: https, or http on a loopback host. No other host may
	// lead to a loopback or link-local address. Needed; `${NAME}` where it has a token
	// in it.
	URL string `yaml:"url"`
	// What signs them, as `${NAME}` from the environment, if not by the next two:
	// whsec_ and base64 of 24 to 64 bytes; while one takes over from another two,
	// with a blank between. Needed.
	Secret Secret `yaml:"secret"`
	// The environment variable that holds the secret.
	SecretEnv string `yaml:"secret_env"`
	// The file that holds the secret. A changed file is taken while running.
	SecretFile string `yaml:"secret_file"`
	// Lights whose beginning and end is told: green yellow red grey. Left out: all.
	Lights []string `yaml:"lights"`
	// Providers it hears of, by their ids. Left out: all.
	Providers []string `yaml:"providers"`
	// Times at which nothing is sent, as every of a maintenance:
	// `daily 22:00-07:00`, `sat,sun 00:00-24:00`. What has changed by their end, and
	// is still so, is told then as one message.
	Quiet []string `yaml:"quiet"`
	// The zone of that clock, by its IANA name. Left out: time_zone.
	Zone Zone `yaml:"zone"`
	// The language of the text in a message: ko or en. Left out: ko. Names and reasons
	// come in both.
	Language string `yaml:"language"`
}

const (
	mostAlerts  = 20
	mostAddress = 2000 // bytes
)

// Targets are the alerts as they are told.
func (c *Config) Targets() []alert.Target {
	var all []alert.Target
	for _, a := range c.Alerts {
		t := alert.Target{ID: a.ID, URL: a.URL, Providers: a.Providers, English: a.Language == "en"}
		t.Secrets, _ = alert.ParseSecrets(string(a.Secret)) // Validate has told
		for _, word := range a.Lights {
			var l signal.Light
			if l.UnmarshalText([]byte(word)) == nil {
				t.Lights = append(t.Lights, l)
			}
		}
		for _, text := range a.Quiet {
			if m, what, _ := c.quiet(a, text); what == "" {
				t.Quiet = append(t.Quiet, m)
			}
		}
		all = append(all, t)
	}
	return all
}

// quiet is one of its times; what and do say what is wrong with it.
func (c *Config) quiet(a Alert, text string) (m signal.Maintenance, what, do string) {
	zone := a.Zone
	if zone == "" {
		zone = c.TimeZone
	}
	m.Zone = zone.Location()
	if what, do = recurring(text, &m); strings.HasSuffix(what, "is always") {
		do = "remove the alert, or write when it may be heard"
	}
	return m, what, do
}

// alerts checks each endpoint.
func (r *review) alerts() {
	r.items("alerts", len(r.c.Alerts), 0, mostAlerts)
	first := map[string]int{}
	for i, a := range r.c.Alerts {
		path := fmt.Sprintf("alerts[%d]", i)
		r.ownID("alerts", i, a.ID, "ops", first)
		if what := alertAddress(a.URL); what != "" { // it may have a token in it, so it is not quoted
			r.wrong(path+".url", what, "write the https address that takes the messages; http is for localhost only")
		}
		if _, err := alert.ParseSecrets(string(a.Secret)); a.Secret == "" {
			r.wrong(path+".secret", "is missing", `write secret_env or secret_file; this makes one: echo "whsec_$(openssl rand -base64 32)"`)
		} else if err != nil {
			r.wrong(path+".secret", err.Error(), `make one with: echo "whsec_$(openssl rand -base64 32)"`)
		}
		r.alertTerms(path, a)
	}
}

// alertTerms checks what an endpoint hears and when.
func (r *review) alertTerms(path string, a Alert) {
	var known []string
	for _, p := range r.c.Providers {
		known = append(known, p.ID)
	}
	lights := []string{"green", "yellow", "red", "grey"}
	for _, list := range []struct {
		key, kind  string
		all, words []string
	}{{"lights", "light", a.Lights, lights}, {"providers", "provider", a.Providers, known}} {
		if list.all != nil && len(list.all) == 0 {
			r.wrong(path+"."+list.key, "names nothing", "name some, or remove it for all")
		}
		for i, one := range list.all {
			at := fmt.Sprintf("%s.%s[%d]", path, list.key, i)
			switch {
			case slices.Contains(list.all[:i], one):
				r.wrong(at, fmt.Sprintf("%q is there twice", one), "remove one of them")
			case !slices.Contains(list.words, one):
				do := "write some of " + strings.Join(list.words, ", ")
				if near := nearest(one, list.words); near != "" {
					do = fmt.Sprintf("did you mean %q?", near)
				}
				r.wrong(at, fmt.Sprintf("%q is no %s", one, list.kind), do)
			}
		}
	}
	for i, text := range a.Quiet {
		if _, what, do := r.c.quiet(a, text); what != "" {
			r.wrong(fmt.Sprintf("%s.quiet[%d]", path, i), what, do)
		}
	}
	if a.Language != "" && a.Language != "ko" && a.Language != "en" {
		r.wrong(path+".language", fmt.Sprintf("%q is not ko or en", a.Language), "write ko or en, or remove it")
	}
}

// alertAddress says what is wrong with one, "" for nothing.
func alertAddress(address string) string {
	if address == "" {
		return "is missing"
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Hostname() == "" || len(address) > mostAddress || u.User != nil || u.Fragment != "" {
		return "is not a plain address"
	}
	host := u.Hostname()
	switch {
	case u.Scheme == "http" && !loopback(host):
		return "would carry messages unencrypted"
	case u.Scheme != "http" && u.Scheme != "https":
		return "is not https"
	}
	at, err := netip.ParseAddr(host)
	last := host[strings.LastIndex(strings.TrimSuffix(host, "."), ".")+1:]
	switch {
	case err == nil && !reach.May(host, at):
		return "is an address where nobody can be"
	case err != nil && last[0] >= '0' && last[0] <= '9': // 0x7f.1 and the like
		return "is not a name or an address"
	}
	return ""
}
