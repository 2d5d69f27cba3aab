package broker

import (
	"encoding/binary"
	"hash"
	"time"

	"sinho/broker/client"
	"sinho/providers"
	"sinho/store"
)

// login is a person as one provider has just shown them.
type login struct {
	who    providers.Identity
	person []byte // person key, 32 bytes
	at     time.Time
	// undated: at is when the person came back, and nobody knows when they proved
	// themselves.
	undated bool
	// fresh: they have proven themselves for this very login.
	fresh bool
}

// judge applies what the site asked to what the provider answered. A notice
// means the login cannot be used.
func (b *Broker) judge(j *journey, who providers.Identity) (l login, notice string) {
	now := b.now()
	info := b.infos[j.Provider]
	if !info.AssertsCI {
		who.CI = providers.CI{} // believed only from providers configured to assert it
	}
	// A provider's assurance is a setting; an answer can be worth less, never more.
	who.Assurance = min(max(who.Assurance, providers.Asserted), info.Assurance)
	who.Provider = j.Provider
	switch {
	case who.CI == (providers.CI{}) && (who.Issuer == "" || who.Subject == ""):
		return l, NoticeFailed
	case who.Assurance < j.Request.Need:
		return l, NoticePolicy
	}
	at := who.AuthTime
	told := !at.IsZero()
	if !told || at.After(now) {
		at = now
	}
	if j.Request.fresh() && at.Before(j.Began.Add(-authSkew)) {
		// An old session over there: it was asked for a fresh login and gave none.
		if within := j.Request.MaxAge >= 0 && now.Sub(at) <= time.Duration(j.Request.MaxAge)*time.Second; !within || j.Request.Prompt.has(promptLogin) {
			return l, NoticeAgain
		}
	}
	return login{
		who: who, person: b.personKey(&who), at: at,
		// Coming back proves a login only where a fresh one was asked for.
		undated: !told && !j.Request.fresh(), fresh: told && !at.Before(j.Began.Add(-authSkew)),
	}, ""
}

// personKey is the same for one citizen over every provider that carries CI;
// otherwise it is one provider's subject. Names, phones and e-mail addresses
// never link anybody.
func (b *Broker) personKey(who *providers.Identity) []byte {
	if who.CI != (providers.CI{}) {
		return b.pseudonym("person by ci", who.CI.Reveal())
	}
	return b.pseudonym("person by subject", who.Issuer, who.Subject)
}

// subject is what a client knows the person by: pairwise by sector (OpenID
// Connect Core §8.1) or, on request, public.
func (b *Broker) subject(c client.Client, person []byte) string {
	if c.PublicSubject {
		return encode(b.pseudonym("public subject", string(person)))
	}
	return encode(b.pseudonym("pairwise subject", c.Sector, string(person)))
}

// shard groups a person's records.
func (b *Broker) shard(person []byte) store.Shard {
	return store.Shard(encode(b.pseudonym("shard", string(person))[:16]))
}

// sid names a session towards one client; two clients cannot compare theirs.
func (b *Broker) sid(session id, client string) string {
	return encode(b.pseudonym("sid", string(session[:]), client)[:16])
}

// pseudonym is HMAC-SHA256 under the pepper of length-prefixed parts.
func (b *Broker) pseudonym(use string, parts ...string) []byte {
	mac := b.peppered.Get().(hash.Hash)
	defer b.peppered.Put(mac)
	mac.Reset()
	var n [4]byte
	put := func(s string) {
		binary.BigEndian.PutUint32(n[:], uint32(len(s))) //nolint:gosec // far below 4 GiB
		mac.Write(n[:])
		mac.Write([]byte(s))
	}
	put("sinho " + use)
	for _, p := range parts {
		put(p)
	}
	return mac.Sum(nil)
}
