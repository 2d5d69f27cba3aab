package providers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// pushLife is how long a person has to approve, as asked of the vendors.
const pushLife = 5 * time.Minute

// maxOpaque bytes of a Pending are promised to whoever keeps it.
const maxOpaque = 512

// carried is what a push adapter gets back in Pending.Opaque: whoever keeps a
// Pending must seal it, a phone number is in it.
type carried struct {
	Token     string `json:"t,omitempty"` // echoed by the vendor
	Phone     string `json:"p"`
	Birthdate string `json:"b"`
}

func (c carried) opaque() string {
	raw, err := json.Marshal(c)
	if err != nil {
		return "" // strings alone always marshal
	}
	return string(raw)
}

// recall reads a Pending of ours; one that is not is refused.
func (l line) recall(p Pending, ref func(string) bool) (carried, error) {
	var c carried
	if !ref(p.Ref) || len(p.Opaque) > maxOpaque || json.Unmarshal([]byte(p.Opaque), &c) != nil {
		return carried{}, l.fail(BadCode, "pending", errors.New("recall push: not one of ours"))
	}
	return c, nil
}

// pushSubject is a person's name within one push vendor, who gives none: a
// digest of the CI, or of the DI where no CI comes. It links nothing across
// providers, whatever AssertsCI says.
func pushSubject(kind string, ci CI, di DI) string {
	value := "ci:" + ci.Reveal()
	if ci == (CI{}) {
		value = "di:" + di.Reveal()
	}
	sum := sha256.Sum256([]byte("sinho push subject\x00" + kind + "\x00" + value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// finish fills what every push identity shares and refuses an answer about
// another person than the one whose phone was reached.
func (l line) finish(set Settings, kind string, id Identity, c carried) (Identity, error) {
	const op = "read result"
	if id.CI == (CI{}) && id.DI == (DI{}) {
		return Identity{}, l.nonsense(op, "no-subject")
	}
	if id.Birthdate == "" || id.Birthdate != asBirthdate(c.Birthdate) {
		return Identity{}, l.fail(BadCode, "person", errors.New(op+": not the person who was asked"))
	}
	id.Provider, id.Issuer, id.Subject = set.ID, set.Issuer, pushSubject(kind, id.CI, id.DI)
	id.Assurance = set.Assurance
	id.Phone = asPhone(c.Phone)
	id.PhoneVerified = id.Phone != "" && set.Assurance == Verified
	if !set.AssertsCI {
		id.CI = CI{}
	}
	id.from(FromResult, set.Assurance, AttrName, AttrBirthdate, AttrGender, AttrCarrier, AttrForeigner, AttrCI, AttrDI)
	id.from(FromContact, set.Assurance, AttrPhone)
	return id, nil
}

// pushChecks are what push vendors share.
func pushChecks(s Settings) []error {
	var wrong []error
	if s.Base == "" {
		wrong = append(wrong, errors.New("setting Base is needed"))
	}
	if s.ClientSecret == "" {
		wrong = append(wrong, errors.New("setting ClientSecret is needed"))
	}
	return wrong
}

// pushInfo is an Info without pages.
func pushInfo(s Settings, probe string) Info {
	info := s.info(Push)
	info.Probes = []Probe{{Name: "status", URL: probe}}
	return info
}
