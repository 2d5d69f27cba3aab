package providers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	maxPath  = 200 // bytes of a path
	maxSteps = 8   // dots in it
)

// ClaimPaths say where an oidc provider's values stand. A path is the name of a
// claim, or names with dots between them into objects and numbers into lists:
// user.phones.0. A claim whose own name has dots in it, as addresses have, is
// found too, and first. Empty: the standard name, where there is one.
type ClaimPaths struct {
	Name, Birthdate, Gender, Phone, PhoneVerified, Email, EmailVerified, Nickname, Carrier, Foreigner, DI string
}

type path struct {
	name, path string
	to         json.Unmarshaler
}

// all pairs every path with what it fills of c.
func (p ClaimPaths) all(c *claims) []path {
	return []path{
		{"Name", p.Name, &c.Name},
		{"Birthdate", p.Birthdate, &c.Birthdate},
		{"Gender", p.Gender, &c.Gender},
		{"Phone", p.Phone, &c.Phone},
		{"PhoneVerified", p.PhoneVerified, &c.PhoneVerified},
		{"Email", p.Email, &c.Email},
		{"EmailVerified", p.EmailVerified, &c.EmailVerified},
		{"Nickname", p.Nickname, &c.Nickname},
		{"Carrier", p.Carrier, &c.Carrier},
		{"Foreigner", p.Foreigner, &c.Foreigner},
		{"DI", p.DI, &c.DI},
	}
}

// check reports paths that could lead nowhere, that to CI among them.
func (p ClaimPaths) check(ci string) []error {
	var wrong []error
	for _, one := range append(p.all(&claims{}), path{"CIClaim", ci, nil}) {
		if len(one.path) > maxPath || strings.Count(one.path, ".") > maxSteps || slices.Contains(strings.Split("x."+one.path+".x", "."), "") && one.path != "" {
			wrong = append(wrong, fmt.Errorf("setting Claims: the path %.200q to %s must be names with single dots between them, %d at most", one.path, one.name, maxSteps))
		}
	}
	return wrong
}

// mapped reads the standard claims, those with a path by their path alone.
func (s claimSet) mapped(p ClaimPaths) claims {
	c := s.standard()
	for _, one := range p.all(&c) {
		if one.path == "" {
			continue
		}
		raw := s.at(one.path)
		if raw == nil {
			raw = json.RawMessage("null") // absent, whatever the standard name says
		}
		_ = one.to.UnmarshalJSON(raw)
	}
	if p.Gender != "" && asGender(string(c.Gender)) == "" {
		c.Gender = text(asGenderDigit(string(c.Gender)))
	}
	return c
}

// at is what a path leads to, nil where that is nothing. Longer names are tried
// before shorter ones, so each step has one meaning.
func (s claimSet) at(path string) json.RawMessage {
	if raw, ok := s[path]; ok {
		return raw
	}
	for end := strings.LastIndexByte(path, '.'); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		raw, ok := s[path[:end]]
		if !ok {
			continue
		}
		return within(raw, path[end+1:])
	}
	return nil
}

// within follows the rest of a path into an object or a list.
func within(raw json.RawMessage, path string) json.RawMessage {
	var inner claimSet
	if json.Unmarshal(raw, &inner) == nil {
		return inner.at(path)
	}
	var list []json.RawMessage
	step, rest, more := strings.Cut(path, ".")
	i, err := strconv.Atoi(step)
	if err != nil || i < 0 || json.Unmarshal(raw, &list) != nil || i >= len(list) {
		return nil
	}
	if !more {
		return list[i]
	}
	return within(list[i], rest)
}
