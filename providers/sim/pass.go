package sim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// pass speaks like a broker of carrier verification: request, status, verify.
type pass struct {
	sim *Sim
}

// passLife is how long a request is remembered, its validity included.
const passLife = 30 * time.Minute

// codes of the vendor.
const (
	passBadRequest   = -10000
	passUnauthorized = -10001
	passNotFound     = -10002
	passStranger     = -10004
	passUnverifiable = -10006 // not completed, verified already, or too late
	passInternal     = -99999
)

func newPass(s *Sim) *pass {
	s.pushes = newPushes(s.desk, passLife)
	return &pass{sim: s}
}

func (p *pass) names() (ko, en string) { return "패스", "PASS" }
func (p *pass) home() string           { return "/phone" }

func (p *pass) mount(rt *routes) {
	rt.leg("POST /pass/requests", p.known(p.request))
	rt.leg("GET /pass/requests/{receipt}", p.known(p.status))
	rt.leg("POST /pass/requests/{receipt}/verify", p.known(p.verify))
	rt.sim.mountPhone(rt)
}

// known lets only the client in (Basic).
func (p *pass) known(next call) call {
	return func(r *http.Request) (any, error) {
		id, secret, ok := r.BasicAuth()
		if right := same(id, p.sim.cfg.ClientID); !same(secret, p.sim.cfg.ClientSecret) || !right || !ok {
			return nil, p.refuse(http.StatusUnauthorized, passUnauthorized, "인증 정보가 올바르지 않습니다.")
		}
		return next(r)
	}
}

func (p *pass) refuse(status, code int, message string) *refusal {
	return &refusal{status: status, body: map[string]any{"code": code, "message": message}}
}

type passRequest struct {
	Name     string `json:"receiverName"`
	Birthday string `json:"receiverBirthday"` // YYYYMMDD
	Phone    string `json:"receiverHP"`
	Title    string `json:"reqTitle"`
	Message  string `json:"reqMessage"` // the phrase on both screens
	ExpireIn int    `json:"expireIn"`   // seconds, 1 to 1000
	Token    string `json:"token"`      // echoed by verify
}

func (p *pass) request(r *http.Request) (any, error) {
	var q passRequest
	if json.NewDecoder(r.Body).Decode(&q) != nil || q.Title == "" || q.ExpireIn < 1 || q.ExpireIn > 1000 || len(q.Token) > 1024 {
		return nil, p.refuse(http.StatusBadRequest, passBadRequest, "요청 값이 올바르지 않습니다.")
	}
	person, ok := find(p.sim.populace().all, q.Name, q.Birthday, q.Phone)
	if !ok {
		return nil, p.refuse(http.StatusBadRequest, passStranger, "가입자 정보가 일치하지 않습니다.")
	}
	one := p.sim.pushes.begin(receipt(), person, clip(q.Title), clip(q.Message), q.Token, time.Duration(q.ExpireIn)*time.Second)
	return map[string]any{"receiptID": one.ref}, nil
}

// clip bounds what is kept of a text for the phone.
func clip(s string) string {
	if r := []rune(s); len(r) > 200 {
		return string(r[:200])
	}
	return s
}

func (p *pass) status(r *http.Request) (any, error) {
	var state int
	ref := r.PathValue("receipt")
	if !p.sim.pushes.on(ref, func(one *push) { state = passState(one.state) }) {
		return nil, p.refuse(http.StatusNotFound, passNotFound, "접수번호가 없습니다.")
	}
	answer := map[string]any{"receiptID": ref, "state": state}
	return p.sim.twist(answer, answer), nil
}

// passState is the vendor's number of a decision.
func passState(d decision) int {
	switch d {
	case approved:
		return 1
	case expired:
		return 2
	case rejected:
		return 3
	case undecided:
	}
	return 0
}

// verify works once, until 23:59:59 in Korea of the day of the approval.
func (p *pass) verify(r *http.Request) (any, error) {
	var one push
	var no *refusal
	found := p.sim.pushes.on(r.PathValue("receipt"), func(kept *push) {
		switch {
		case kept.state != approved:
			no = p.refuse(http.StatusBadRequest, passUnverifiable, "아직 완료되지 않은 요청입니다.")
		case kept.reads > 0:
			no = p.refuse(http.StatusBadRequest, passUnverifiable, "이미 검증한 요청입니다.")
		case time.Now().In(seoul()).Format(time.DateOnly) != kept.decided.In(seoul()).Format(time.DateOnly):
			no = p.refuse(http.StatusBadRequest, passUnverifiable, "검증할 수 있는 시간이 지났습니다.")
		default:
			kept.reads++
			one = *kept
		}
	})
	if !found {
		return nil, p.refuse(http.StatusNotFound, passNotFound, "접수번호가 없습니다.")
	}
	if no != nil {
		return nil, no
	}
	p.sim.agreed()
	who := p.sim.populace().all[one.person]
	signed := sha256.Sum256([]byte("sinho-sim-signed-" + one.ref))
	answer := map[string]any{
		"receiptID": one.ref, "state": 1,
		"receiverName": who.Name, "receiverYear": who.year(), "receiverDay": who.month() + who.day(),
		"receiverHP":     who.Phone,
		"receiverGender": map[string]string{"male": "1", "female": "2"}[who.Gender], "receiverForeign": map[bool]string{true: "Y", false: "N"}[who.Foreigner],
		"receiverTelcoType": who.Carrier, "signedData": base64.StdEncoding.EncodeToString(signed[:]),
		"ci": who.CI, "token": one.nonce,
	}
	return p.sim.twist(answer, answer, "receiverForeign", "receiverTelcoType", "receiverHP"), nil
}

func (p *pass) trouble(_ string, status int) *refusal {
	return p.refuse(status, passInternal, "일시적인 오류입니다. 잠시 후 다시 시도해 주세요.")
}
