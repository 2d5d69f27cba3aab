package providers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Codes of ours that say more than their class, whatever the vendor. What people
// read goes by class and these.
const (
	CodeExpired  = "expired"  // Cancelled: a push was not answered in time
	CodeContact  = "contact"  // BadCode: nobody has that name, birthdate and phone
	CodeUnder14  = "under-14" // Policy: the vendor serves nobody so young
	CodeGuardian = "guardian" // Policy: a parent or guardian has to agree first
)

// ErrorCode is one code of a vendor's, and what it means: a word of Meanings.
type ErrorCode struct{ Code, Means string }

// Meanings are what an ErrorCode can mean.
func Meanings() []string {
	return []string{
		"cancelled", CodeExpired, CodeContact, "consent", CodeUnder14, CodeGuardian, "policy", "bad-code", "configuration", "throttled", "down",
	}
}

// classOf is the class of a word of Meanings.
func classOf(meaning string) Class {
	switch meaning {
	case "cancelled", CodeExpired:
		return Cancelled
	case CodeContact, "bad-code":
		return BadCode
	case "consent":
		return Consent
	case CodeUnder14, CodeGuardian, "policy":
		return Policy
	case "throttled":
		return Throttled
	case "down":
		return Down
	}
	return Configuration
}

// meanings are those of the settings over those of the kind.
func (s Settings) meanings(k kind) map[string]string {
	all := map[string]string{}
	maps.Copy(all, k.errors)
	for _, e := range s.Errors {
		all[e.Code] = e.Means
	}
	return all
}

// errorMistakes reports codes that could never come and words that mean nothing.
func (s Settings) errorMistakes() []error {
	var wrong []error
	seen := map[string]bool{}
	for _, e := range s.Errors {
		if e.Code == "" || tidyCode(e.Code) != e.Code {
			wrong = append(wrong, fmt.Errorf("setting Errors: the code %.80q must be 1 to 40 letters, digits and . _ -", e.Code))
		}
		if !slices.Contains(Meanings(), e.Means) {
			wrong = append(wrong, fmt.Errorf("setting Errors: %.40q of the code %.80q must be one of %s", e.Means, e.Code, strings.Join(Meanings(), " ")))
		}
		if seen[e.Code] {
			wrong = append(wrong, fmt.Errorf("setting Errors: the code %.80q is there twice", e.Code))
		}
		seen[e.Code] = true
	}
	return wrong
}

// knows says that the settings have a meaning for a code.
func (l line) knows(code string) bool {
	_, known := l.meanings[tidyCode(code)]
	return known
}

// translated gives an error the meaning its code has by the settings. Codes that
// are ours take the vendor's place, which is kept in Said.
func (l line) translated(e *Error) *Error {
	means, known := l.meanings[e.Code]
	if !known {
		return e
	}
	e.Class = classOf(means)
	if slices.Contains([]string{CodeExpired, CodeContact, CodeUnder14, CodeGuardian}, means) {
		e.Code, e.Said = means, e.Code
	}
	return e
}
