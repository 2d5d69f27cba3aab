// Package broker is the OpenID Provider: it turns a site's authorization
// request into one login at one identity provider, and that into a code, an ID
// token and claims.
//
// # States of a login
//
// All state before a verified person travels sealed in the browser; this
// package writes nothing for strangers.
//
//	requested  the r of /login?r=…, bound to the browser cookie     (no record)
//	chosen     Begin: provider picked, admission passed             (no record)
//	away       journey cookie; the browser is at the provider,
//	           or a push is on its way to a phone                   (no record)
//	back       callback, or the vendor says "approved": the proof
//	           is being exchanged, once, detached from the browser  (push: one lease)
//	finished   code and session written by one Apply; the journey
//	           cookie now only repeats that answer                  (code, session)
//	redeemed   the code is a tombstone, the access record lives     (access)
//	over       a way that led back to the chooser; the journey
//	           cookie only repeats the notice                       (no record)
//
// Who races whom, and who wins, is told in
// docs/decisions/0004-states-of-a-login.md.
//
// # What is kept out
//
// Pages (package web renders every *Problem and every Step), lights and the
// waiting room (they look in through Hooks), how records are kept (package
// store) and how vendors speak (package providers).
package broker
