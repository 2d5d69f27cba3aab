package console

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
)

// changeID names what a form asks for, by the form's own id. The same form sent
// twice is one change; sent again with another wish, from a page of before, it is
// another change, over something that is not so any more. What is no id stays none.
func changeID(form string, wish ...string) string {
	if form == "" || len(form) > 32 {
		return form
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", form, wish))
	return base32.StdEncoding.EncodeToString(sum[:])[:26]
}
