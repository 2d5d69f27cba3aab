package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"slices"
	"strings"
	"sync"

	"sinho/operator"
)

// Ways are how people sign in; one at least.
type Ways struct {
	Operators []Operator
	Once      *Once // nil: none
	OIDC      *OIDC // nil: none
}

// Operator signs in by name and password.
type Operator struct {
	Name string
	Hash operator.Hash
}

// The ways as sessions and the trail name them.
const (
	byPassword = "password"
	byOnce     = "one-time"
	byOIDC     = "oidc"
)

func (ws Ways) any() bool { return len(ws.Operators) > 0 || ws.Once != nil || ws.OIDC != nil }

// still reports whether whoever signed in could do so now.
func (ws Ways) still(s sealedSession) bool {
	switch s.How {
	case byPassword:
		return slices.ContainsFunc(ws.Operators, func(o Operator) bool { return o.Name == s.By })
	case byOnce:
		return ws.Once != nil
	case byOIDC:
		return ws.OIDC != nil && ws.OIDC.cfg.allows(s.Via)
	}
	return false
}

// Once is a password that is good for one sign-in of this process.
type Once struct {
	name string

	mu       sync.Mutex // guards password
	password string     // "" once it is used
}

// NewOnce makes a random one for whoever is called name in the trail.
func NewOnce(name string) *Once {
	text := strings.ToLower(rand.Text())
	return &Once{name: name, password: text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:16]}
}

// Password is what to print; "" once it is used.
func (o *Once) Password() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.password
}

// take uses the password up if it is this one.
func (o *Once) take(password string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.password == "" || subtle.ConstantTimeCompare([]byte(strings.TrimSpace(password)), []byte(o.password)) != 1 {
		return false
	}
	o.password = ""
	return true
}

// giveBack makes the password good again: its sign-in came to nothing.
func (o *Once) giveBack(password string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.password = strings.TrimSpace(password)
}

// nobody costs as much to compare with as somebody, so that names cannot be
// found out by the clock.
var nobody = sync.OnceValue(func() operator.Hash {
	h, _ := operator.NewHash(rand.Text())
	return h
})

// check finds who has this name and password. known is the name when there is
// such an operator, whether or not the password is right.
func (c *Console) check(ctx context.Context, name, password string) (known string, good bool) {
	hash := nobody()
	for _, o := range c.cfg.Ways.Operators {
		if o.Name == name {
			known, hash = o.Name, o.Hash
		}
	}
	// One at a time: each takes the memory of a hash.
	select {
	case c.limits.hashing <- struct{}{}:
		defer func() { <-c.limits.hashing }()
	case <-ctx.Done():
		return known, false
	}
	return known, hash.Matches(password) && known != ""
}
