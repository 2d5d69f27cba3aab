package sim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// toss speaks the certificate service: a client_credentials token, then sign
// request, status and result, with personal values encrypted under a session
// key of the caller's.
type toss struct {
	sim     *Sim
	private *rsa.PrivateKey
	public  []byte // PEM, PKIX
	tokens  *shelf[struct{}]
}

const (
	tossSign = "/api/v2/sign/user/auth/id/"
	// tossLife is how long an unanswered request stays on the phone.
	tossLife = 5 * time.Minute
	// tossReadable is how long after its completion a result can be read.
	tossReadable = 60 * time.Minute
	tossReads    = 2
	tossTokens   = 365 * 24 * time.Hour
)

// codes of the vendor; CE1000, CE3100 and CE3102 are its own, the others ours.
const (
	tossStranger     = "CE1000"
	tossBadRequest   = "CE1001"
	tossUnauthorized = "CE1002"
	tossGone         = "CE3100" // read twice, too late, or never was
	tossNotYet       = "CE3102"
	tossInternal     = "CE9999"
)

func newToss(s *Sim) (*toss, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("generate vendor key: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("publish vendor key: %w", err)
	}
	s.pushes = newPushes(s.desk, tossLife+tossReadable)
	return &toss{
		sim: s, private: private, tokens: newShelf[struct{}](tossTokens, 256),
		public: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
	}, nil
}

// TossPublicKey is the vendor's public key (PEM, PKIX) session keys are sealed
// to; nil at the other simulators.
func (s *Sim) TossPublicKey() []byte {
	if t, ok := s.vendor.(*toss); ok {
		return append([]byte(nil), t.public...)
	}
	return nil
}

func (t *toss) names() (ko, en string) { return "토스", "Toss" }
func (t *toss) home() string           { return "/phone" }

func (t *toss) mount(rt *routes) {
	rt.cheap("GET /.well-known/toss-public-key.pem", func(*http.Request) (any, error) {
		return raw{"application/x-pem-file", t.public}, nil
	})
	rt.leg("POST /token", t.token)
	rt.leg("POST "+tossSign+"request", t.known(t.request))
	rt.leg("POST "+tossSign+"status", t.known(t.status))
	rt.leg("POST "+tossSign+"result", t.known(t.result))
	rt.sim.mountPhone(rt)
}

func (t *toss) token(r *http.Request) (any, error) {
	form := posted(r)
	refuse := func(status int, code string) error {
		return &refusal{status: status, body: map[string]any{"error": code}}
	}
	right := same(form.Get("client_id"), t.sim.cfg.ClientID)
	switch {
	case !same(form.Get("client_secret"), t.sim.cfg.ClientSecret) || !right:
		return nil, refuse(http.StatusUnauthorized, "invalid_client")
	case form.Get("grant_type") != "client_credentials":
		return nil, refuse(http.StatusBadRequest, "unsupported_grant_type")
	case form.Get("scope") != "ca":
		return nil, refuse(http.StatusBadRequest, "invalid_scope")
	}
	access := token()
	t.tokens.put(access, struct{}{})
	return map[string]any{
		"access_token": access, "scope": "ca", "token_type": "Bearer", "expires_in": int(tossTokens.Seconds()),
	}, nil
}

// known lets only holders of a token in.
func (t *toss) known(next call) call {
	return func(r *http.Request) (any, error) {
		access, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if _, ok := t.tokens.look(access); !ok {
			return nil, t.fail(http.StatusUnauthorized, tossUnauthorized, "접근 토큰이 올바르지 않습니다.")
		}
		return next(r)
	}
}

// fail is a FAIL; the vendor's own refusals come with HTTP 200.
func (t *toss) fail(status int, code, reason string) *refusal {
	return &refusal{status: status, body: map[string]any{
		"resultType": "FAIL", "success": nil,
		"error": map[string]any{"errorType": 0, "errorCode": code, "reason": reason, "data": map[string]any{}, "title": nil},
	}}
}

func succeed(body map[string]any) map[string]any {
	return map[string]any{"resultType": "SUCCESS", "success": body}
}

type tossRequest struct {
	RequestType string `json:"requestType"`
	TriggerType string `json:"triggerType"`
	Name        string `json:"userName"`     // encrypted
	Phone       string `json:"userPhone"`    // encrypted
	Birthday    string `json:"userBirthday"` // encrypted, YYYYMMDD
	SessionKey  string `json:"sessionKey"`
	Title       string `json:"requestTitle"` // the phrase on both screens
}

func (t *toss) request(r *http.Request) (any, error) {
	bad := t.fail(http.StatusOK, tossBadRequest, "요청 값이 올바르지 않습니다.")
	var q tossRequest
	if json.NewDecoder(r.Body).Decode(&q) != nil || q.RequestType != "USER_PERSONAL" || q.TriggerType != "PUSH" {
		return nil, bad
	}
	key, err := openKey(t.private, q.SessionKey)
	if err != nil {
		return nil, bad
	}
	values := [3]string{q.Name, q.Birthday, q.Phone}
	for i, sealed := range values {
		if values[i], err = key.open(sealed); err != nil {
			return nil, bad
		}
	}
	person, ok := find(t.sim.populace().all, values[0], values[1], values[2])
	if !ok {
		return nil, t.fail(http.StatusOK, tossStranger, "토스에 가입한 사용자가 아닙니다.")
	}
	one := t.sim.pushes.begin(uuid(), person, "본인 확인", clip(q.Title), "", tossLife)
	return succeed(map[string]any{"txId": one.ref, "requestedDt": korean(one.begun)}), nil
}

type tossLook struct {
	TxID       string `json:"txId"`
	SessionKey string `json:"sessionKey"`
}

func (t *toss) status(r *http.Request) (any, error) {
	var q tossLook
	var one push
	if json.NewDecoder(r.Body).Decode(&q) != nil || !t.sim.pushes.on(q.TxID, func(kept *push) { one = *kept }) {
		return nil, t.fail(http.StatusOK, tossGone, "요청을 찾을 수 없습니다.")
	}
	return succeed(map[string]any{
		"txId": one.ref, "status": tossStatus(one), "requestedDt": korean(one.begun),
	}), nil
}

// tossStatus words a decision; a request somebody has seen is in progress.
func tossStatus(one push) string {
	switch one.state {
	case approved:
		return "COMPLETED"
	case rejected:
		return "REJECTED"
	case expired:
		return "EXPIRED"
	case undecided:
	}
	if one.shown {
		return "IN_PROGRESS"
	}
	return "REQUESTED"
}

// result can be read twice within an hour, each time under a fresh key.
func (t *toss) result(r *http.Request) (any, error) {
	var q tossLook
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		return nil, t.fail(http.StatusOK, tossBadRequest, "요청 값이 올바르지 않습니다.")
	}
	key, err := openKey(t.private, q.SessionKey)
	if err != nil {
		return nil, t.fail(http.StatusOK, tossBadRequest, "세션 키가 올바르지 않습니다.")
	}
	var one push
	var no *refusal
	found := t.sim.pushes.on(q.TxID, func(kept *push) {
		switch {
		case kept.state != approved, t.sim.odd(QuirkNotFinal) && !kept.late:
			kept.late = kept.state == approved
			no = t.fail(http.StatusOK, tossNotYet, "요청이 아직 완료되지 않았습니다.")
		case kept.reads >= tossReads, time.Since(kept.decided) > tossReadable:
			no = t.fail(http.StatusOK, tossGone, "결과를 더 조회할 수 없습니다.")
		case kept.keys[key.id]:
			no = t.fail(http.StatusOK, tossBadRequest, "이미 사용한 세션 키입니다.")
		default:
			kept.reads++
			if kept.keys == nil {
				kept.keys = make(map[string]bool, tossReads)
			}
			kept.keys[key.id] = true
			one = *kept
		}
	})
	if !found {
		return nil, t.fail(http.StatusOK, tossGone, "요청을 찾을 수 없습니다.")
	}
	if no != nil {
		return nil, no
	}
	if one.reads == 1 {
		t.sim.agreed()
	}
	return succeed(t.personal(one, key)), nil
}

func (t *toss) personal(one push, key tossKey) map[string]any {
	who := t.sim.populace().all[one.person]
	di := sha512.Sum384([]byte("sinho-sim-di-" + t.sim.cfg.ClientID + "-" + strconv.Itoa(one.person)))
	signature := sha256.Sum256([]byte("sinho-sim-signed-" + one.ref))
	group := "ADULT"
	if who.age(time.Now()) < 19 {
		group = "MINOR"
	}
	nationality := "LOCAL"
	if who.Foreigner {
		nationality = "FOREIGNER"
	}
	person := map[string]any{
		"ci": key.seal(who.CI), "di": key.seal(base64.StdEncoding.EncodeToString(di[:])),
		"name": key.seal(who.Name), "birthday": key.seal(who.digits()), "gender": key.seal(strings.ToUpper(who.Gender)),
		"nationality": key.seal(nationality), "ageGroup": key.seal(group), "ci2": nil, "ciUpdate": nil,
	}
	if who.NoCI {
		person["ci"] = nil
	}
	answer := map[string]any{
		"txId": one.ref, "status": "COMPLETED", "completedDt": korean(one.decided),
		"signature":    base64.StdEncoding.EncodeToString(signature[:]),
		"personalData": person,
	}
	return t.sim.twist(answer, person, "nationality", "ageGroup", "gender")
}

func (t *toss) trouble(path string, status int) *refusal {
	if path == "/token" {
		return &refusal{status: status, body: map[string]any{"error": "server_error"}}
	}
	return t.fail(status, tossInternal, "일시적인 오류입니다. 잠시 후 다시 시도해 주세요.")
}

// korean is the vendor's way to write a moment: 2021-08-09T20:01:53+09:00.
func korean(at time.Time) string { return at.In(seoul()).Format(time.RFC3339) }

// uuid is a random one (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
