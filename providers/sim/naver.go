package sim

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// naver speaks OpenID Connect under /oauth2/ and the older OAuth 2 under
// /oauth2.0/, whose errors come with HTTP 200 and whose expires_in is a
// string. The profile is only at /v1/nid/me, nested under "response".
type naver struct {
	*flow
	signer *signer
}

const (
	naverDoor  = "/oauth2/authorize"
	naverPlain = "/oauth2.0/authorize"
)

func newNaver(s *Sim) (*naver, error) {
	signer, err := newSigner(jose.RS256)
	if err != nil {
		return nil, err
	}
	n := &naver{flow: newFlow(s), signer: signer}
	n.hasty = true
	return n, nil
}

func (n *naver) names() (ko, en string) { return "네이버", "Naver" }
func (n *naver) home() string           { return naverDoor }

func (n *naver) mount(rt *routes) {
	n.enter(rt, door{path: naverDoor, unknownClient: "invalid_client", wrongRedirect: "invalid_redirect_uri"})
	n.enter(rt, door{path: naverPlain, plain: true, unknownClient: "invalid_client", wrongRedirect: "invalid_redirect_uri"})
	rt.cheap("GET /.well-known/openid-configuration", n.discovery)
	rt.cheap("GET /oauth2/jwks", func(*http.Request) (any, error) { return raw{"application/json", n.signer.keys}, nil })
	rt.leg("POST /oauth2/token", n.token)
	rt.leg("GET /oauth2.0/token", n.plainToken)
	rt.leg("POST /oauth2.0/token", n.plainToken)
	rt.leg("GET /v1/nid/me", n.me)
}

func (n *naver) discovery(*http.Request) (any, error) {
	base := n.sim.cfg.Base
	return map[string]any{
		"issuer":                                base,
		"authorization_endpoint":                base + naverDoor,
		"token_endpoint":                        base + "/oauth2/token",
		"jwks_uri":                              base + "/oauth2/jwks",
		"userinfo_endpoint":                     base + "/v1/nid/me",
		"response_types_supported":              []string{"code"},
		"scopes_supported":                      []string{"openid", "profile"},
		"grant_types_supported":                 []string{"authorization_code"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "none"},
		"code_challenge_methods_supported":      []string{"S256"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	}, nil
}

// subject is pairwise: another client sees another one.
func (n *naver) subject(person int) string {
	sum := sha256.Sum256([]byte("sinho-sim-naver-" + n.sim.cfg.ClientID + "-" + strconv.Itoa(person)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (n *naver) token(r *http.Request) (any, error) {
	form := posted(r)
	g, why := n.redeem(form, form.Get("client_id"), form.Get("client_secret"), naverDoor)
	if why != sound {
		no := n.word(why)
		if n.sim.odd(QuirkErrors200) {
			return no.body, nil
		}
		return nil, no
	}
	answer := map[string]any{
		"access_token": n.access(g), "token_type": "bearer", "expires_in": int(tokenLife.Seconds()),
	}
	n.sim.twist(answer, answer)
	if has(g.scope, "openid") {
		id, err := n.signer.token(n.sim.proofClaims(n.idClaims(g, n.subject(g.person))))
		if err != nil {
			return nil, err
		}
		answer["id_token"] = id
	}
	return answer, nil
}

// word is an error of the OpenID Connect path: real status codes.
func (n *naver) word(why fault) *refusal {
	code, text := naverError(why)
	status := http.StatusBadRequest
	if why == unknownClient || why == wrongSecret {
		status = http.StatusUnauthorized
	}
	return &refusal{status: status, body: map[string]any{"error": code, "error_description": text}}
}

// plainToken answers every error with HTTP 200.
func (n *naver) plainToken(r *http.Request) (any, error) {
	if r.ParseForm() != nil {
		return map[string]any{"error": "invalid_request", "error_description": "the form could not be read"}, nil
	}
	form := r.Form // this path takes its parameters from the query too
	var g grant
	var why fault
	if form.Get("grant_type") == "refresh_token" {
		g, why = n.renew(form, form.Get("client_id"), form.Get("client_secret"))
	} else {
		if g, _ := n.codes.look(form.Get("code")); form.Get("redirect_uri") == "" && g.redirectURI != "" {
			form.Set("redirect_uri", g.redirectURI) // not asked for here
		}
		g, why = n.redeem(form, form.Get("client_id"), form.Get("client_secret"), naverPlain)
		if why == sound && form.Get("state") == "" {
			return map[string]any{"error": "invalid_request", "error_description": "state is needed"}, nil
		}
	}
	if why != sound {
		code, text := naverError(why)
		return map[string]any{"error": code, "error_description": text}, nil
	}
	answer := map[string]any{
		"access_token": n.access(g), "token_type": "bearer", "expires_in": strconv.Itoa(int(tokenLife.Seconds())),
	}
	if form.Get("grant_type") != "refresh_token" {
		answer["refresh_token"] = n.renewal(g)
	}
	return answer, nil
}

func naverError(why fault) (code, text string) {
	switch why {
	case unknownClient:
		return "invalid_client", "client_id does not exist"
	case wrongSecret:
		return "invalid_client", "wrong client secret"
	case unsupportedGrant:
		return "unsupported_grant_type", "grant_type is not supported"
	case badVerifier:
		return "invalid_grant", "code_verifier does not fit"
	case wrongRedirect:
		return "invalid_grant", "redirect_uri does not fit"
	default:
		return "invalid_request", "no valid data in session"
	}
}

func (n *naver) me(r *http.Request) (any, error) {
	g, ok := n.bearer(r)
	if !ok {
		return nil, &refusal{
			status: http.StatusUnauthorized,
			body:   map[string]any{"resultcode": "024", "message": "Authentication failed"},
		}
	}
	if n.sim.odd(QuirkResultCode) {
		return map[string]any{"resultcode": "024", "message": "Authentication failed"}, nil
	}
	person := n.sim.shown(g.person)
	p := n.sim.populace().all[person]
	gender := map[string]string{"male": "M", "female": "F"}[p.Gender]
	decade := p.age(time.Now()) / 10 * 10
	known := map[string]any{
		"id": n.subject(person), "name": p.Name, "nickname": p.Nickname, "email": p.Email, "gender": gender,
		"age":      strconv.Itoa(decade) + "-" + strconv.Itoa(decade+9),
		"birthday": p.month() + "-" + p.day(), "birthyear": p.year(),
		"mobile": p.national(), "mobile_e164": p.e164(),
		"profile_image": n.sim.cfg.Base + "/static/person.svg",
	}
	if p.Shy {
		known = map[string]any{"id": known["id"]}
	}
	if n.sim.odd(QuirkSparse) && !p.Shy {
		known["gender"] = "U"
	}
	return n.sim.twist(map[string]any{"resultcode": "00", "message": "success", "response": known}, known,
		"birthyear", "mobile_e164", "nickname", "profile_image", "age"), nil
}

func (n *naver) trouble(path string, status int) *refusal {
	if path == "/v1/nid/me" {
		return &refusal{status: status, body: map[string]any{"resultcode": strconv.Itoa(status), "message": "Internal server error"}}
	}
	return &refusal{status: status, body: map[string]any{"error": "server_error", "error_description": "try again later"}}
}
