package live

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"sinho/broadcast"
	"sinho/signal"
)

// FeedType is the typ of the signed board (RFC 8725 §3.11): nothing that wants
// an ID token, a logout token or an assertion takes it for one.
const FeedType = "signal+jwt"

// How the board is signed.
const (
	signEvery = time.Second      // at most so often, whoever asks
	signAnew  = 10 * time.Second // a board that stays as it is, so that it is seen to be alive
	feedTTL   = time.Minute      // a signed board's life: one from before cannot be shown for today's
)

// Feed serves the board as a JWT (RFC 7519), so that whoever passes it on, or
// keeps it, can show whose word it is. It holds what it signed last. It is safe
// for concurrent use.
type Feed struct {
	live   *Live
	issuer string
	sign   func(claims []byte, typ string) (string, error)

	mu   sync.Mutex // guards last, and is held while signing
	last signedBoard
}

// signedBoard is a board as it was signed.
type signedBoard struct {
	at      time.Time
	content string // the board's own entity tag
	etag    string
	token   []byte
}

// feedClaims are the board's own members with who says so and when. There is no
// aud and no sub: it is for everybody and about nobody.
type feedClaims struct {
	Issuer  string `json:"iss"`
	Issued  int64  `json:"iat"`
	Expires int64  `json:"exp"`
	signal.Board
}

// NewFeed signs l's board as issuer. sign makes a compact JWS of claims with this
// typ; the feed lives as long as its keys do.
func NewFeed(l *Live, issuer string, sign func(claims []byte, typ string) (string, error)) (*Feed, error) {
	if l == nil || issuer == "" || sign == nil {
		return nil, errors.New("new feed: lights, issuer and sign are needed")
	}
	return &Feed{live: l, issuer: issuer, sign: sign}, nil
}

// Handler serves GET /signal.jws (ETag, If-None-Match). It sets and reads no
// cookie, and any origin may read.
func (f *Feed) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signal.jws", f.serve)
	mux.HandleFunc("OPTIONS /signal.jws", broadcast.Preflight)
	return mux
}

func (f *Feed) serve(w http.ResponseWriter, r *http.Request) {
	broadcast.Open(w.Header())
	signed, err := f.signed()
	if err != nil {
		f.live.log.ErrorContext(r.Context(), "lights: sign", "error", err)
		http.Error(w, "the board cannot be signed; GET /signal instead", http.StatusInternalServerError)
		return
	}
	if broadcast.Unchanged(w, r, signed.etag) {
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	w.Header().Set("Content-Length", strconv.Itoa(len(signed.token)))
	_, _ = w.Write(signed.token)
}

// signed is the board as signed last, or anew when it has changed or that was a
// while ago.
func (f *Feed) signed() (signedBoard, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, shown := f.live.now(), f.live.hub.latest()
	old := now.Sub(f.last.at).Abs() // also when the clock went back
	if f.last.token != nil && (old < signEvery || old < signAnew && f.last.content == shown.etag) {
		return f.last, nil
	}
	claims, err := json.Marshal(feedClaims{
		Issuer: f.issuer, Issued: now.Unix(), Expires: now.Add(feedTTL).Unix(), Board: shown.board,
	})
	if err != nil {
		return signedBoard{}, fmt.Errorf("marshal board: %w", err)
	}
	token, err := f.sign(claims, FeedType)
	if err != nil {
		return signedBoard{}, fmt.Errorf("sign board: %w", err)
	}
	sum := sha256.Sum256([]byte(token))
	f.last = signedBoard{
		at: now, content: shown.etag, token: []byte(token),
		etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
	}
	return f.last, nil
}
