package broker

import (
	"math/bits"
	"slices"
	"strings"

	"sinho/providers"
)

// Authentication context classes a site may ask for by acr_values or by claims,
// and gets as acr. Each says more than the one before.
const (
	ACRAsserted      = "urn:sinho:acr:asserted"       // the provider says so
	ACRVerified      = "urn:sinho:acr:verified"       // an identity verification agency vouches
	ACRVerifiedFresh = "urn:sinho:acr:verified:fresh" // and the person has proven themselves for this very login
)

// acrSet is a set of them.
type acrSet uint8

const (
	acrAsserted acrSet = 1 << iota
	acrVerified
	acrFresh
)

func (s acrSet) has(x acrSet) bool { return s&x != 0 }

var acrNames = [...]string{ACRAsserted, ACRVerified, ACRVerifiedFresh}

// acrNamed is the set of one, empty for a name nobody knows.
func acrNamed(name string) acrSet {
	if i := slices.Index(acrNames[:], name); i >= 0 {
		return 1 << i
	}
	return 0
}

// acrsIn are the known ones of acr_values. Those nobody knows ask for nothing,
// for acr_values is a wish (OpenID Connect Core §3.1.2.1).
func acrsIn(values string) (s acrSet) {
	for v := range strings.FieldsSeq(values) {
		s |= acrNamed(v)
	}
	return s
}

// acrOfLogin are all that are true of a login.
func acrOfLogin(a providers.Assurance, fresh bool) acrSet {
	switch {
	case a >= providers.Verified && fresh:
		return acrAsserted | acrVerified | acrFresh
	case a >= providers.Verified:
		return acrAsserted | acrVerified
	}
	return acrAsserted
}

// acrOf is the acr of an ID token: the best that is true among those asked for,
// for sites compare (Core §5.5.1.1), or the best that is true when none of them
// is. fresh says that the person has proven themselves for this very login.
func acrOf(a providers.Assurance, fresh bool, asked acrSet) string {
	is := acrOfLogin(a, fresh)
	if is&asked != 0 {
		is &= asked
	}
	return acrNames[bits.Len8(uint8(is))-1]
}

// attainable makes the least of what q asks a condition, where a provider here
// can meet it. An acr nobody can meet is an error only when it is essential.
func (b *Broker) attainable(q *request) *refusal {
	strict := *q
	if q.ACR != 0 && !q.ACR.has(acrAsserted) {
		strict.Need = max(strict.Need, providers.Verified)
	}
	if q.ACR == acrFresh {
		strict.Prompt |= promptLogin // as if asked for: no session will do
	}
	switch {
	case b.possible(&strict):
		*q = strict
	case q.NeedOnly:
		return refuse("unmet_authentication_requirements", "no identity provider here can meet the acr and the freshness asked for together")
	default:
		if q.ACR = 0; !b.possible(q) {
			return refuse("unmet_authentication_requirements", "no identity provider here can meet the freshness and the assurance asked for together")
		}
	}
	return nil
}
