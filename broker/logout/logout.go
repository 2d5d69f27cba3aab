// Package logout tells sites that a session has ended: OpenID Connect
// Back-Channel Logout 1.0. What is to be told waits in a durable queue that all
// nodes share; each takes some of it, and whoever dies gives it back by time.
//
// It decides nothing about sessions: package broker says what has ended. It
// colours no light and is measured by none.
package logout

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"sinho/reach"
	"sinho/seal"
	"sinho/store"
)

// queue is the queue's name in the store.
const queue = "logout"

// How messages are sent.
const (
	callWait   = 5 * time.Second  // one request, from dialling to the answer's end
	leaseFor   = time.Minute      // nobody else tries meanwhile
	lookEvery  = 2 * time.Second  // when there is nothing to do
	atOnce     = 16               // messages a node has under way
	firstRetry = 10 * time.Second // doubled from then on
	lastRetry  = time.Hour
	giveUp     = 24 * time.Hour
	tokenTTL   = 2 * time.Minute // a logout token's life (§2.4 recommends this much)
)

// Results, as Config.Delivered is told them.
const (
	ResultTold    = "told"    // the site has answered 200 or 204
	ResultRefused = "refused" // 400: it cannot log out, ever (§2.8)
	ResultRetry   = "retry"   // no answer, or another one: to be tried again
	ResultGivenUp = "given_up"
)

// Results are all of them.
func Results() []string {
	return []string{ResultTold, ResultRefused, ResultRetry, ResultGivenUp}
}

// Config is everything deliveries depend on. Issuer, Site, Sign, Ring and Queue
// are needed.
type Config struct {
	Issuer string
	// Site is where a client wants to be told now, and the algorithm of its tokens;
	// wants is false for one that does not, or is not registered any more.
	Site func(client string) (uri, algorithm string, wants bool)
	// Sign makes a compact JWS of claims with the key of an algorithm and this typ.
	Sign func(algorithm string, claims []byte, typ string) (string, error)
	// Ring seals what waits: the keys in use now.
	Ring func() *seal.Ring
	// Queue keeps what has not been told yet.
	Queue store.Queue
	// Transport carries the requests (nil: one of TLS 1.2 and 1.3 that reaches sites
	// only, see package reach).
	Transport http.RoundTripper
	// Delivered counts what became of a try, by client and Result (nil: nobody).
	Delivered func(client, result string)
	Log       *slog.Logger     // nil: none
	Now       func() time.Time // nil: time.Now
}

// Deliveries tells sites. It is safe for concurrent use.
type Deliveries struct {
	cfg   Config
	http  *http.Client
	nudge chan struct{}
}

// New checks cfg.
func New(cfg Config) (*Deliveries, error) {
	if cfg.Issuer == "" || cfg.Site == nil || cfg.Sign == nil || cfg.Ring == nil || cfg.Queue == nil {
		return nil, errors.New("new deliveries: Issuer, Site, Sign, Ring and Queue are needed")
	}
	if cfg.Delivered == nil {
		cfg.Delivered = func(string, string) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Deliveries{
		cfg: cfg, nudge: make(chan struct{}, 1),
		http: reach.Client(cfg.Transport, callWait),
	}, nil
}

func (d *Deliveries) box() *seal.Box { return d.cfg.Ring().Box("logout delivery") }

// message is what a site is to be told, as it waits in the queue, sealed.
type message struct {
	Client  string `json:"c"`
	Subject string `json:"s"`
	Session string `json:"n"`
}

// Tell queues that a session has ended, under the names one client knows it by.
// The same again, while it waits, changes nothing. It returns when the message
// is safe.
func (d *Deliveries) Tell(ctx context.Context, clientID, subject, session string) error {
	plain, err := json.Marshal(message{clientID, subject, session})
	if err != nil {
		return fmt.Errorf("queue logout: %w", err)
	}
	now := d.cfg.Now()
	item, err := d.box().Seal(plain, now.Add(giveUp+lastRetry), d.cfg.Issuer)
	if err != nil {
		return fmt.Errorf("queue logout: %w", err)
	}
	name := sha256.Sum256([]byte(clientID + "\x00" + session))
	if err := d.cfg.Queue.Push(ctx, queue, base64.RawURLEncoding.EncodeToString(name[:16]), []byte(item), now); err != nil {
		return fmt.Errorf("queue logout: %w", err)
	}
	select {
	case d.nudge <- struct{}{}:
	default:
	}
	return nil
}

// Waiting is how many messages wait and since when the oldest does.
func (d *Deliveries) Waiting(ctx context.Context) (n int, oldest time.Time, err error) {
	return d.cfg.Queue.Len(ctx, queue)
}
