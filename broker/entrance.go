package broker

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"sinho/store"
)

// Purpose is what somebody wants at the door of a waiting room.
type Purpose int

// The purposes.
const (
	EnterLook    Purpose = iota // the chooser is about to be shown; nothing begins
	EnterLogin                  // a login begins at a provider
	EnterSession                // a live session is about to be used: no provider is asked
	EnterEarly                  // a login ahead of the opening begins; it makes a session and no code
)

// Entrance is somebody at the door of the waiting room of a client.
type Entrance struct {
	Client  string   // client_id
	Browser [16]byte // hash of the browser the request is bound to
	Purpose Purpose
}

// Entry is what the waiting room says.
type Entry struct {
	// Wait: not now. The way on is QueueURL.
	Wait bool
	// Pass travels with the journey and is spent when the person comes back: at most
	// 160 bytes, nil where none is needed.
	Pass []byte
}

// What Hooks.Spend can say of a pass that is not good. The person goes back to
// the waiting room, where their ticket gives them another.
var (
	ErrPassUsed = errors.New("the pass was spent by another login")
	ErrPassDead = errors.New("the pass is of before a restart of the store")
)

// Doors are the waiting rooms as the broker asks them. All fields are needed.
type Doors struct {
	// Enter judges who comes; it may set cookies on w. It asks the store seldom, and
	// for nobody in particular. The error wraps store.ErrUnavailable.
	Enter func(w http.ResponseWriter, r *http.Request, e Entrance) (Entry, error)
	// Spend spends the pass of a login that has come back: once, and again for the
	// same attempt. The error is, or wraps, ErrPassUsed, ErrPassDead or
	// store.ErrUnavailable.
	Spend func(ctx context.Context, client string, pass []byte, attempt store.Attempt) error
	// Opens is when the client's room will open; zero once it has, or where there is
	// none. Before it nobody gets a code.
	Opens func(client string) time.Time
}

// QueueURL is the waiting room for a sealed request.
func QueueURL(sealed string) string { return "/queue?r=" + url.QueryEscape(sealed) }

// Queueing is a request as the waiting room's page shows it.
type Queueing struct {
	Login    // Sealed is fresh: the page and its reloads go on with it
	Entrance Entrance
	// Opens is when the room will open, zero once it has.
	Opens time.Time
	// Verified: this browser's person has logged in ahead of the opening, or before,
	// and will be let through on the session.
	Verified bool
}
