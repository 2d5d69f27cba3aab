package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"sinho/broker/client"
)

// KeySet is public keys as the JSON of a JWK set.
type KeySet string

// keySet reads JSON in a text, or the same written as YAML.
func (d *document) keySet(n ast.Node, path string, into reflect.Value) {
	_, group := entries(n)
	if _, list := n.(*ast.SequenceNode); !group && !list {
		if text, ok := d.text(n, path); ok {
			into.SetString(text)
		}
		return
	}
	value, ok := plain(n)
	body, err := json.Marshal(value)
	if list := !group; list || !ok || err != nil {
		d.refuse(begin(n), path, "is no JWK set", "write keys: and a list of keys below it, or the JSON of a JWK set as a text")
		return
	}
	into.SetString(string(body))
}

// plain is a node as JSON has it. A scalar that looks like a number is text, for
// so a key may look.
func plain(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.SequenceNode:
		all := make([]any, len(n.Values))
		for i, one := range n.Values {
			var ok bool
			if all[i], ok = plain(one); !ok {
				return nil, false
			}
		}
		return all, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	values, group := entries(n)
	if !group {
		return nil, false
	}
	all := map[string]any{}
	for _, entry := range values {
		name, ok := keyName(entry.Key)
		if _, twice := all[name]; !ok || twice {
			return nil, false
		}
		if all[name], ok = plain(entry.Value); !ok {
			return nil, false
		}
	}
	return all, true
}

// clients checks each site by the rules of the registry itself.
func (r *review) clients() {
	first := map[string]int{}
	for i, c := range r.c.Clients {
		path := fmt.Sprintf("clients[%d]", i)
		if other, twice := first[c.ID]; twice && c.ID != "" {
			r.wrong(path+".id", fmt.Sprintf("%q is the id of clients[%d] too", c.ID, other), "give each client an id of its own")
		} else {
			first[c.ID] = i
		}
		hash, hashErr := c.hash()
		if hashErr != nil {
			r.wrong(path+".secret_sha256", hashErr.Error(), "write 64 hexadecimal digits in quotes: printf %s \"$secret\" | sha256sum")
		}
		_, keysErr := c.keys()
		if keysErr != nil {
			r.wrong(path+"."+c.ours("jwks"), keysErr.Error(), clientAdvice(c.ours("jwks")))
		}
		one := c.client()
		one.SecretHash = hash
		_, err := client.NewRegistry(one)
		for _, wrong := range each(err) {
			m, ok := errors.AsType[*client.Mistake](wrong)
			if !ok || m.Field == "secret_hash" && hashErr != nil || m.Field == "jwks" && keysErr != nil {
				continue // what the registry says of none is said already
			}
			field := c.ours(m.Field)
			r.wrong(path+"."+field, m.Why, clientAdvice(field))
		}
	}
}

// ours is the key by which the file says a field of the registry.
func (c Client) ours(field string) string {
	if rest, is := strings.CutPrefix(field, "jwks"); is && c.JWKSFile != "" {
		return "jwks_file" + rest
	}
	if field == "secret_hash" {
		return "secret_sha256"
	}
	return field
}

func clientAdvice(field string) string {
	field, _, _ = strings.Cut(field, "[")
	field, _, _ = strings.Cut(field, ".")
	const addresses = "write each address letter by letter as the site sends it: https, or http on a loopback host"
	const logout = "write the address the site gave you for it: https, or http on a loopback host; or remove it"
	const resource = "write each as the API's documentation names it, such as https://api.example.kr/v1"
	const page = "write the https address of the page, or remove it"
	advice := map[string]string{
		"id":                     "write the client_id the site uses",
		"secret_sha256":          "write the secret's SHA-256, or public: true for a client that can keep no secret; with private_key_jwt leave it out",
		"name":                   "write name: {ko: …, en: …}, as people shall read it",
		"redirect_uris":          addresses,
		"post_logout_uris":       addresses,
		"start":                  "write the page of the site that begins a login, or remove it",
		"sector":                 "write a host name that stays the same for ever: subjects are made from it",
		"scopes":                 "write openid and what else it may ask for, or remove scopes",
		"algorithm":              "write ES256, RS256, PS256 or EdDSA, or remove it",
		"auth_method":            "write client_secret_basic or client_secret_post with secret_sha256, private_key_jwt with jwks, or none with public: true",
		"jwks":                   "write the site's public keys, as its jwks_uri shows them, or name a file of them with jwks_file",
		"jwks_file":              "put the site's public keys there, as its jwks_uri shows them",
		"assertion_audience":     "write issuer or token_endpoint beside auth_method: private_key_jwt, or remove it",
		"refresh":                "write none, rotating or constant; for a public client none or rotating",
		"refresh_lifetime":       "write 1h to 8760h beside refresh: rotating or constant, or remove it",
		"session":                "write shared or none, or remove it",
		"push":                   "write allowed or none, or remove it",
		"rota":                   "write min_assurance: verified too, for it decides by a verified date of birth",
		"one_device":             "write end_older or refuse beside min_assurance: verified, or remove it",
		"device_group":           "write the same short name at each client of the group, such as booking, beside the same one_device and device_lock; or remove it",
		"people_per_device":      "write 1 to 10, or remove it",
		"people_window":          "write 1h to 168h beside people_per_device, or remove it",
		"device_lock":            "write 1m to 12h beside one_device, or remove it",
		"backchannel_logout_uri": logout, "frontchannel_logout_uri": logout,
		"backchannel_logout_session_required":  "write backchannel_logout_uri too, or remove it",
		"frontchannel_logout_session_required": "write frontchannel_logout_uri too, or remove it",
		"resources":                            resource,
		"serves":                               resource + ", for a client with a secret or a key",
		"policy_uri":                           page, "terms_uri": page,
	}
	if a := advice[field]; a != "" {
		return a
	}
	return "shorten it to one plain line"
}
