package broker

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

// idToken are the claims of an ID token (OpenID Connect Core §2). Profile data
// is in userinfo only.
type idToken struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	Issued   int64  `json:"iat"`
	AuthTime int64  `json:"auth_time,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	ACR      string `json:"acr"`
	Session  string `json:"sid"`
	AtHash   string `json:"at_hash,omitempty"`
	Txn      string `json:"txn"` // for disputes: 문의번호, then what makes it unique
}

// signIDToken makes the one signature of a login.
func (b *Broker) signIDToken(c client.Client, g *grant, subject, access string, now time.Time) (string, error) {
	sum := sha256.Sum256([]byte(access)) // ES256 and RS256 both hash with SHA-256
	claims, err := json.Marshal(&idToken{
		Issuer: b.issuer, Subject: subject, Audience: c.ID,
		Expires: now.Add(idTokenTTL).Unix(), Issued: now.Unix(), AuthTime: g.authTime(),
		Nonce: g.Nonce, ACR: acrOf(g.Who.Assurance, g.Fresh, g.ACR), Session: g.SID, AtHash: encode(sum[:16]), Txn: g.Txn,
	})
	if err != nil {
		return "", fmt.Errorf("sign ID token: %w", err)
	}
	signed, err := b.keys.Sign(c.Algorithm, claims, "JWT")
	if err != nil {
		return "", fmt.Errorf("sign ID token: %w", err)
	}
	return signed, nil
}

// userClaims are what userinfo answers: the snapshot of the login, by granted
// scope. Absent means not known of this person.
type userClaims struct {
	Subject       string `json:"sub"`
	Assurance     string `json:"assurance"` // asserted or verified
	Name          string `json:"name,omitempty"`
	Nickname      string `json:"nickname,omitempty"`
	Picture       string `json:"picture,omitempty"`
	Gender        string `json:"gender,omitempty"`
	Birthdate     string `json:"birthdate,omitempty"`
	UpdatedAt     int64  `json:"updated_at,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
	Phone         string `json:"phone_number,omitempty"`
	PhoneVerified *bool  `json:"phone_number_verified,omitempty"`
}

func claimsOf(g *grant, subject string) userClaims {
	u := userClaims{Subject: subject, Assurance: "asserted"}
	if g.Who.Assurance >= providers.Verified {
		u.Assurance = "verified"
	}
	if g.Scope.has(scopeProfile) {
		u.Name, u.Nickname, u.Picture = g.Who.Name, g.Who.Nickname, g.Who.Picture
		u.Gender, u.Birthdate, u.UpdatedAt = g.Who.Gender, g.Who.Birthdate, g.At.Unix()
	}
	if g.Scope.has(scopeEmail) && g.Who.Email != "" {
		u.Email, u.EmailVerified = g.Who.Email, &g.Who.EmailVerified
	}
	if g.Scope.has(scopePhone) && g.Who.Phone != "" {
		u.Phone, u.PhoneVerified = g.Who.Phone, &g.Who.PhoneVerified
	}
	return u
}
