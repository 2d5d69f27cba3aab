// The OpenID Provider of github.com/zitadel/oidc, set up as its own example
// does it, with keys that rotate. peers runs it as an upstream of the broker.
//
// SIGHUP signs with a new key and goes on publishing the old ones; SIGUSR1
// withdraws them at once, as after a theft; SIGUSR2 is SIGHUP with a key of
// another algorithm.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// key is one key: to sign with, and to publish.
type key struct {
	id      string
	alg     jose.SignatureAlgorithm
	private crypto.Signer
}

// ID is the kid.
func (k key) ID() string { return k.id }

// SignatureAlgorithm of a key that signs.
func (k key) SignatureAlgorithm() jose.SignatureAlgorithm { return k.alg }

// Key that signs.
func (k key) Key() any { return k.private }

// published is the public half.
type published struct{ key }

// Algorithm of the public half.
func (p published) Algorithm() jose.SignatureAlgorithm { return p.alg }

// Use of the public half.
func (p published) Use() string { return "sig" }

// Key that verifies.
func (p published) Key() any { return p.private.Public() }

// rotating is the example's storage with keys of its own; the first signs.
type rotating struct {
	*storage.Storage

	mu   sync.Mutex // guards keys
	keys []key
}

// keyed is a client that proves itself by a key.
type keyed struct{ op.Client }

// AuthMethod of the client.
func (keyed) AuthMethod() oidc.AuthMethod { return oidc.AuthMethodPrivateKeyJWT }

// GetClientByClientID knows the client that proves itself by a key.
func (r *rotating) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	client, err := r.Storage.GetClientByClientID(ctx, id)
	if err != nil || id != os.Getenv("KEYED_ID") {
		return client, err
	}
	return keyed{client}, nil
}

// GetKeyByIDAndClientID is that client's public key.
func (r *rotating) GetKeyByIDAndClientID(ctx context.Context, kid, client string) (*jose.JSONWebKey, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(os.Getenv("KEYED_JWKS")), &set); err != nil {
		return nil, err
	}
	if found := set.Key(kid); client == os.Getenv("KEYED_ID") && len(found) == 1 {
		return &found[0], nil
	}
	return r.Storage.GetKeyByIDAndClientID(ctx, kid, client)
}

// SigningKey is asked for by every token.
func (r *rotating) SigningKey(context.Context) (op.SigningKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[0], nil
}

// KeySet is what jwks_uri answers.
func (r *rotating) KeySet(context.Context) ([]op.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []op.Key
	for _, k := range r.keys {
		all = append(all, published{k})
	}
	return all, nil
}

// SignatureAlgorithms is what the metadata says.
func (r *rotating) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []jose.SignatureAlgorithm
	for _, k := range r.keys {
		if !slices.Contains(all, k.alg) {
			all = append(all, k.alg)
		}
	}
	return all, nil
}

// rotate makes the key that signs from now on.
func (r *rotating) rotate(alg jose.SignatureAlgorithm, withdraw bool) {
	next := key{id: rand.Text(), alg: alg}
	var err error
	if alg == jose.ES256 {
		next.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		next.private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		log.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if withdraw {
		r.keys = nil
	}
	r.keys = append([]key{next}, r.keys...)
	fmt.Println("signing with", next.id)
}

func main() {
	issuer, port, redirects := os.Getenv("ISSUER"), os.Getenv("PORT"), strings.Fields(os.Getenv("REDIRECT_URIS"))
	storage.RegisterClients(
		storage.WebClient(os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"), redirects...),
		storage.WebClient(os.Getenv("OTHER_ID"), os.Getenv("CLIENT_SECRET"), redirects...),
		storage.NativeClient(os.Getenv("PUBLIC_ID"), redirects...),
		storage.WebClient(os.Getenv("KEYED_ID"), rand.Text(), redirects...),
	)
	keys := &rotating{Storage: storage.NewStorage(storage.NewUserStore(issuer))}
	keys.rotate(jose.RS256, false)
	handler := exampleop.SetupServer(issuer, keys, slog.New(slog.NewTextHandler(os.Stderr, nil)), false)

	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range told {
			alg := jose.RS256
			if s == syscall.SIGUSR2 {
				alg = jose.ES256
			}
			keys.rotate(alg, s == syscall.SIGUSR1)
		}
	}()
	fmt.Println("ready " + issuer)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, handler))
}
