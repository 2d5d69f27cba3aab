package config

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sinho/operator"
)

// Origin is the address by which browsers reach the console.
func (c *Config) Origin() string {
	switch {
	case c.Console == nil:
		return ""
	case c.Console.PublicURL != "":
		return c.Console.PublicURL
	case c.TLS != nil:
		return "https://" + c.Console.Listen
	}
	return "http://" + c.Console.Listen
}

// console checks the operators' console, if there is one.
func (r *review) console() {
	o := r.c.Console
	if o == nil {
		return
	}
	r.consoleAddress(o)
	r.span("console.session", o.Session, 5*time.Minute, 24*time.Hour)
	if len(o.Operators) == 0 && o.OIDC == nil {
		r.wrong("console", "lets nobody in", "write one of operators at least (sinho operators hash), or oidc; or remove console")
	}
	first := map[string]int{}
	for i, one := range o.Operators {
		r.consoleOperator(fmt.Sprintf("console.operators[%d]", i), i, one, first)
	}
	if o.OIDC != nil {
		r.consoleOIDC(o.OIDC)
	}
	for i, one := range o.ReadTokens {
		if _, err := operator.ParseTokenHash(one); err != nil { // it may be the token itself, so it is not quoted
			r.wrong(fmt.Sprintf("console.read_tokens[%d]", i), err.Error(), "write the hash that this prints, not the token: sinho operators token")
		}
	}
}

func (r *review) consoleAddress(o *Console) {
	c := r.c
	taken := append([]string{c.MetricsListen}, c.Listen...)
	host, good := r.listener("console.listen", o.Listen, "9463", taken)
	secure := c.TLS != nil
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		switch {
		case err != nil || u.Host == "" || o.PublicURL != strings.ToLower(u.Scheme+"://"+u.Host) || u.Scheme != "http" && u.Scheme != "https":
			r.wrong("console.public_url", fmt.Sprintf("%q is not scheme, host and port in small letters", o.PublicURL), "write https://console.example.kr, or http://127.0.0.1:9463")
		case u.Scheme == "http" && !loopback(u.Hostname()):
			r.wrong("console.public_url", fmt.Sprintf("%q would carry passwords unencrypted", o.PublicURL), "write https://; http is for localhost only")
		case u.Scheme == "http" && c.TLS != nil:
			r.wrong("console.public_url", "is http, though tls is set and the console speaks it", "write https://")
		case u.Scheme == "https":
			secure = secure || len(c.TrustedProxies) > 0
		}
	}
	switch {
	case !good || loopback(host):
	case !secure:
		r.wrong("console.listen", fmt.Sprintf("%q is open to other machines without TLS", o.Listen),
			"listen on 127.0.0.1, or set tls, or name the proxy that speaks it in trusted_proxies and an https address in console.public_url")
	case o.PublicURL == "" && emptyHost(host):
		r.wrong("console.public_url", "is missing, and listen names no host", "write the address browsers use, such as https://console.example.kr")
	}
}

func emptyHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

func (r *review) consoleOperator(path string, i int, one Operator, first map[string]int) {
	switch other, twice := first[one.Name]; {
	case one.Name == "":
		r.wrong(path+".name", "is missing", "write what the audit trail shall call them")
	case utf8.RuneCountInString(one.Name) > 64 || strings.ContainsFunc(one.Name, unicode.IsControl) || one.Name != strings.TrimSpace(one.Name):
		r.wrong(path+".name", "is longer than 64 characters, or has blanks around it or control characters", "write a short plain name")
	case twice:
		r.wrong(path+".name", fmt.Sprintf("%q is the name of console.operators[%d] too", one.Name, other), "give each person a name of their own")
	default:
		first[one.Name] = i
	}
	if one.PasswordHash == "" {
		r.wrong(path+".password_hash", "is missing", "write what this prints: sinho operators hash")
	} else if _, err := operator.ParseHash(one.PasswordHash); err != nil { // it may be the password itself, so it is not quoted
		r.wrong(path+".password_hash", err.Error(), "write what this prints: sinho operators hash")
	}
}

func (r *review) consoleOIDC(o *ConsoleOIDC) {
	const path = "console.oidc"
	u, err := url.Parse(o.Issuer)
	switch {
	case o.Issuer == "":
		r.wrong(path+".issuer", "is missing", "write the issuer as its metadata spells it")
	case err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		r.wrong(path+".issuer", fmt.Sprintf("%q is not an https address", o.Issuer), "write the issuer as its metadata spells it; http is for localhost only")
	}
	if o.ClientID == "" {
		r.wrong(path+".client_id", "is missing", "write what the provider calls this console")
	}
	if (o.Claim == "") != (len(o.ClaimValues) == 0) {
		r.wrong(path+".claim", "and claim_values go together", "write both, or neither")
	}
	if len(o.AllowedSubjects)+len(o.AllowedEmails)+len(o.ClaimValues) == 0 {
		r.wrong(path, "says of nobody that they may sign in", "write allowed_emails, allowed_subjects, or claim and claim_values")
	}
	for i, e := range o.AllowedEmails {
		if before, after, ok := strings.Cut(e, "@"); !ok || before == "" || after == "" || strings.ContainsAny(e, " ,*") {
			r.wrong(fmt.Sprintf("%s.allowed_emails[%d]", path, i), fmt.Sprintf("%q is no address", e), "write whole addresses, one each; there are no patterns")
		}
	}
	for _, list := range []struct {
		key string
		all []string
	}{{"allowed_subjects", o.AllowedSubjects}, {"claim_values", o.ClaimValues}, {"scopes", o.Scopes}} {
		for i, one := range list.all {
			if strings.TrimSpace(one) == "" {
				r.wrong(fmt.Sprintf("%s.%s[%d]", path, list.key, i), "is empty", "write a value, or remove the line")
			}
		}
	}
}
