package client

import (
	"encoding/json"
	"testing"
	"time"
)

// FuzzCheckAssertion: what is taken is what the client's key has signed, says who
// and for whom, ends soon and has one encoding.
func FuzzCheckAssertion(f *testing.F) {
	payload := string(bytesOf(f, said()))
	f.Add(`{"alg":"EdDSA","kid":"ed"}`, payload, "")
	f.Add(`{"alg":"EdDSA","typ":"JWT"}`, payload, "=")
	f.Add(`{"alg":"none"}`, payload, "\n")
	f.Add(`{"alg":"EdDSA","jwk":{}}`, `{"aud":["https://id.example.kr","https://evil.example"]}`, ".")
	f.Add(`{"alg":"HS256","crit":[]}`, `{"exp":1e999,"iat":-1,"nbf":"1","jti":null}`, "..")
	f.Add(`{"alg":"EdDSA","alg":"none"}`, `{"iss":"shop","iss":"shop","sub":["shop"]}`, "A")
	f.Add(`[]`, `{"a":[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]}`, "\x00")
	f.Fuzz(func(t *testing.T, header, payload, tail string) {
		for _, audience := range []string{AudienceIssuer, AudienceTokenEndpoint} {
			c := keyed()
			c.AssertionAudience = audience
			text := forge(t, header, payload, byEd) + tail
			got, err := c.CheckAssertion(text, addresses, noon)
			if err != nil {
				continue
			}
			if tail != "" || len(text) > maxSigned {
				t.Errorf("got it taken with %q behind, of %d bytes", tail, len(text))
			}
			head, body := map[string]any{}, map[string]any{}
			if json.Unmarshal([]byte(header), &head) != nil || head["alg"] != "EdDSA" || head["jwk"] != nil || head["crit"] != nil {
				t.Errorf("got header %s taken", header)
			}
			if json.Unmarshal([]byte(payload), &body) != nil || body["iss"] != "shop" || body["sub"] != "shop" || body["jti"] != got.JTI {
				t.Errorf("got %+v of %s", got, payload)
			}
			if got.Expires.Before(noon) || got.Expires.After(noon.Add(6*time.Minute)) {
				t.Errorf("got an end at %v", got.Expires)
			}
			if audience == AudienceIssuer && body["aud"] != issuer {
				t.Errorf("got aud %v taken for the issuer", body["aud"])
			}
		}
	})
}

// FuzzAssertionToken: no bytes but those that were signed are taken.
func FuzzAssertionToken(f *testing.F) {
	good := map[string]bool{}
	for _, header := range []string{`{"alg":"EdDSA","kid":"ed"}`, `{"alg":"EdDSA","typ":"JWT"}`, `{"kid":"ed", "alg":"EdDSA"}`} {
		text := forge(f, header, said(), byEd)
		good[text] = true
		f.Add(text)
	}
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := keyed().CheckAssertion(text, addresses, noon); err == nil && !good[text] {
			t.Errorf("got %+v of %q, which nobody has signed", got, text)
		}
	})
}

// FuzzOpenRequest: what is taken is this client's, for this issuer, and no bigger
// than it was; what it says about itself does not become a parameter.
func FuzzOpenRequest(f *testing.F) {
	f.Add(`{"alg":"EdDSA","kid":"ed"}`, string(bytesOf(f, asked())), "")
	f.Add(`{"alg":"EdDSA","typ":"oauth-authz-req+jwt"}`, `{"claims":{"userinfo":{"email":{"essential":true}}},"resource":["a","b"],"max_age":0}`, "=")
	f.Add(`{"alg":"none"}`, `{"client_id":"shop"}`, "")
	f.Add(`{"alg":"EdDSA","enc":"A256GCM"}`, `{"request":"x","request_uri":"y"}`, "..")
	f.Add(`{"alg":"EdDSA"}`, `{"":"","a":[null],"b":[[]],"c":{},"d":1e5,"e":-0,"f":"\ud800"}`, "")
	f.Add(`{"alg":"EdDSA"}`, `{"a":1,"a":2}`, "\n")
	f.Add(`{"alg":"EdDSA"}`, `{"nbf":1795435200,"exp":1795435500,"aud":["https://id.example.kr"],"iss":"shop","client_id":"shop"}`, "")
	f.Fuzz(func(t *testing.T, header, payload, tail string) {
		text := forge(t, header, payload, byEd) + tail
		for _, c := range []Client{keyed(), required()} {
			got, err := c.OpenRequest(text, issuer, noon)
			if err != nil {
				continue
			}
			said := map[string]any{}
			if tail != "" || json.Unmarshal([]byte(payload), &said) != nil {
				t.Fatalf("got %q with %q behind taken", payload, tail)
			}
			size := 0
			for name, values := range got {
				for _, v := range values {
					size += len(v)
				}
				if _, there := said[name]; !there {
					t.Errorf("got %q, which nobody said", name)
				}
			}
			if size > len(payload)*3 { // U+FFFD stands for less
				t.Errorf("got %d bytes of %d", size, len(payload))
			}
			for _, name := range []string{"iss", "aud", "exp", "nbf", "iat", "jti", "sub", "request", "request_uri"} {
				if got.Has(name) {
					t.Errorf("got %s as a parameter", name)
				}
			}
			if id, there := said["client_id"]; (there || c.RequireSignedRequest) && id != "shop" {
				t.Errorf("got a request of %v taken", id)
			}
			if c.RequireSignedRequest && (said["iss"] != "shop" || said["aud"] == nil || said["nbf"] == nil || said["exp"] == nil) {
				t.Errorf("got %s taken where more is required", payload)
			}
		}
	})
}
