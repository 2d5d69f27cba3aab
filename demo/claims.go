package demo

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// kst is the clock on every page here.
func kst(t time.Time) time.Time { return t.In(time.FixedZone("KST", 9*60*60)) }

// claims are what the issuer says of a person: ID token and userinfo together.
type claims map[string]any

func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// time reads a NumericDate (RFC 7519 section 2); zero when there is none.
func (c claims) time(name string) time.Time {
	switch n := c[name].(type) {
	case float64:
		return time.Unix(int64(n), 0)
	case json.Number:
		if i, err := n.Int64(); err == nil {
			return time.Unix(i, 0)
		}
	}
	return time.Time{}
}

// person is who somebody is, as pages show it.
type person struct {
	Name      string
	Birthdate string // 1990년 5월 12일
	ISO       string // 1990-05-12
	Verified  bool   // vouched for by an identity verification agency
	Assurance string // as the claim spells it
	At        string // time of the login in KST, "" when not told
	Sub       string
	Claims    []claim
}

// claim is one line of the table for developers.
type claim struct{ Name, Value string }

func (c claims) person() person {
	p := person{
		Name: c.text("name"), ISO: c.text("birthdate"), Birthdate: c.text("birthdate"),
		Assurance: c.text("assurance"), Verified: c.text("assurance") == "verified", Sub: c.text("sub"),
	}
	if day, err := time.Parse(time.DateOnly, p.ISO); err == nil {
		p.Birthdate = day.Format("2006년 1월 2일")
	}
	if at := c.time("auth_time"); !at.IsZero() {
		p.At = kst(at).Format("15:04:05")
	}
	for name, value := range c {
		line, ok := value.(string)
		if !ok {
			raw, err := json.Marshal(value)
			if err != nil {
				continue
			}
			line = string(raw)
		}
		p.Claims = append(p.Claims, claim{name, line})
	}
	slices.SortFunc(p.Claims, func(a, b claim) int { return strings.Compare(a.Name, b.Name) })
	return p
}
