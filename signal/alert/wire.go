package alert

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sinho/signal"
)

// Types of messages.
const (
	TypeChanged = "lights.changed"
	TypeSummary = "lights.summary" // of quiet hours: what had changed by their end
)

// envelope is a message on the wire, in the shape of Standard Webhooks.
type envelope struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // when it was seen
	Text      string    `json:"text"`      // a line for each change, for people
	Data      news      `json:"data"`
}

type news struct {
	Issuer  string     `json:"issuer"`
	Since   *time.Time `json:"quiet_since,omitempty"` // of a summary: the first change kept back
	Changes []told     `json:"changes"`
}

type told struct {
	Provider string        `json:"provider"`
	Name     signal.Text   `json:"name"`
	From     signal.Light  `json:"from"`
	To       signal.Light  `json:"to"`
	Since    time.Time     `json:"since"`
	Until    *time.Time    `json:"until"`
	Reason   signal.Reason `json:"reason"`
}

// render is the body: the same bytes at each try.
func (a *Alerts) render(t Target, m message) ([]byte, error) {
	e := envelope{Type: TypeChanged, Timestamp: m.At, Text: m.text(t.English), Data: news{Issuer: a.cfg.Issuer}}
	if !m.Quiet.IsZero() {
		e.Type, e.Data.Since = TypeSummary, &m.Quiet
	}
	for _, c := range m.Changes {
		e.Data.Changes = append(e.Data.Changes, told(c))
	}
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("render alert: %w", err)
	}
	return body, nil
}

// text is a line for each change.
func (m message) text(english bool) string {
	of := func(t signal.Text) string {
		if english && t.EN != "" || t.KO == "" {
			return t.EN
		}
		return t.KO
	}
	var lines []string
	if !m.Quiet.IsZero() {
		lines = append(lines, of(signal.Text{KO: "조용한 시간 동안 바뀐 내용입니다.", EN: "What changed during quiet hours:"}))
	}
	for _, c := range m.Changes {
		name := of(c.Name)
		if name == "" {
			name = c.Provider
		}
		line := fmt.Sprintf("%s %s: %s → %s", c.To.Shape(), name, of(c.From.Word()), of(c.To.Word()))
		if why := of(c.Reason.Text); why != "" {
			line += ". " + why
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// signature is that of Standard Webhooks: "v1," and HMAC-SHA256 over id, time and
// body, by each of the secrets, with blanks between.
func signature(secrets [][]byte, id, at string, body []byte) string {
	var all []string
	for _, s := range secrets {
		mac := hmac.New(sha256.New, s)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}

// secretPrefix begins a secret as Standard Webhooks writes it.
const secretPrefix = "whsec_"

// Bounds of a secret in bytes, and how many sign beside each other.
const (
	minSecret   = 24
	maxSecret   = 64
	mostSecrets = 3
)

// ParseSecrets reads one secret, or a few with blanks between while one takes
// over from another: whsec_ and base64 of 24 to 64 bytes each. The error quotes
// nothing of them.
func ParseSecrets(text string) ([][]byte, error) {
	var all [][]byte
	for one := range strings.FieldsSeq(text) {
		coded, is := strings.CutPrefix(one, secretPrefix)
		raw, err := base64.StdEncoding.DecodeString(coded)
		if !is || err != nil || len(raw) < minSecret || len(raw) > maxSecret {
			return nil, fmt.Errorf("is not %s and base64 of %d to %d bytes", secretPrefix, minSecret, maxSecret)
		}
		all = append(all, raw)
	}
	switch {
	case len(all) == 0:
		return nil, errors.New("is empty")
	case len(all) > mostSecrets:
		return nil, fmt.Errorf("has %d secrets, at most %d", len(all), mostSecrets)
	}
	return all, nil
}
