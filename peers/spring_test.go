//go:build spring

package peers

import (
	"strings"
	"testing"

	"sinho/citizen"
)

// TestSpringSecurity is `make peers-spring`: Spring Security is a few hundred
// megabytes of Maven's downloads, too much for every run of the tests.
func TestSpringSecurity(t *testing.T) {
	one := peer{
		name: "spring-security", confidential: true, path: "/login/oauth2/code/sinho", run: runSpring, log: "login failed",
		silent:  func(v *visitor) *citizen.Page { return v.openWithPromptNone("/oauth2/authorization/sinho") },
		ignores: []string{"iss"},
		refuses: map[string]string{
			"state":     "[authorization_request_not_found]",
			"nonce":     "[invalid_nonce]",
			"audience":  "ID Token contains invalid claims: {aud=",
			"signature": "Invalid signature",
			"at_hash":   "[invalid_user_info_response]", // not the hash: userinfo knows no such token
			"userinfo":  "[invalid_user_info_response]",
			"challenge": "[invalid_grant] code_verifier does not match code_challenge",
			"code":      "[invalid_grant] the code is",
			"secret":    "[invalid_token_response]",
		},
	}
	parties := one.parties(ports(t, 1)[0])
	for i := range parties {
		parties[i].more = []string{"algorithm: RS256"} // docs/integrate/spring-security.md
	}
	w := newWorld(t, parties...)
	t.Run("confidential client", func(t *testing.T) { testWalk(t, w, one, w.parties[one.name]) })
	t.Run("refuses", func(t *testing.T) { testAttacks(t, w, one) })
}

func runSpring(t *testing.T, env []string) *process {
	t.Helper()
	return start(t, "spring-security", t.TempDir(), env, func(s string) bool { return strings.Contains(s, "Started Site") },
		"java", "-jar", installed(t, "spring", "target", "site.jar"))
}
