package main

import "sinho/broker/keys"

// signFeed signs the lights for everybody. ES256, which every set of keys has and
// every JOSE library knows.
func (s secrets) signFeed(claims []byte, typ string) (string, error) {
	return s.keys.Sign(keys.ES256, claims, typ)
}
