package broker

import (
	"context"
	"time"

	"sinho/providers"
)

// Login is an authorization request, opened from its sealed form and bound to
// the browser that shows it. It is a value; copying it is fine.
type Login struct {
	// Sealed is the form that travels: the r of /login?r=…, at most 2.4 KB.
	Sealed string
	// Ref is the 문의번호 of the request.
	Ref     string
	Expires time.Time
	Site    Site
	// Locale asked for by ui_locales: ko, en or "".
	Locale string
	// Seed for this browser's own order: opaque, stable over reloads.
	Seed string
	// Routes that can meet what the site asks, in configured order.
	Routes []providers.Info
	// Continue is set when a live session may be used after one "Continue".
	Continue bool
	// Agreement is what going on means to agree to, nil for nothing to be asked.
	Agreement *Agreement
	// Hint is the provider the site asked for ("" for none).
	Hint string
	// Today is whose turn it is, nil for a site without a rota; ahead of the opening
	// of a waiting room whose it will be then.
	Today *Today
	// Queue is where to go instead: QueueURL, "" for nowhere else.
	Queue string
	// Early: whoever logs in now does so ahead of the opening of a waiting room, and
	// is not let in yet.
	Early bool
}

// Site is what a person may see of the client that sent them.
type Site struct {
	ID     string
	Name   providers.Text
	Origin string // of the redirect URI in use, for CSP form-action
	Start  string // initiate_login_uri, "" when unknown
}

// Notice is what happened on the way, told on the chooser. It travels in the
// URL as plain enumerated words, so it can claim nothing else.
type Notice struct {
	Code string // see the Notice… constants
	From string // provider id, or ""
	// Wait is how long NoticeOften and NoticeCrowd last, up to two minutes; 0: not
	// known. It travels as a whole number of 10 s.
	Wait time.Duration
}

// What can have happened.
const (
	NoticeCancelled = "cancelled" // the person said no there
	NoticeFailed    = "failed"    // the provider failed or timed out
	NoticeBusy      = "busy"      // the provider throttled, or we do not ask it now
	NoticeAgain     = "again"     // the proof was already used or lost: one more tap
	NoticeConsent   = "consent"   // something needed was not agreed to
	NoticePolicy    = "policy"    // the provider may not serve this person
	NoticeUnder14   = "under14"   // the provider serves nobody so young
	NoticeGuardian  = "guardian"  // a parent or guardian has to agree there first
	NoticeSetup     = "setup"     // our own settings towards it are wrong
	NoticeExpired   = "expired"   // a push was not answered in time
	NoticeClosed    = "closed"    // grey or disabled: it cannot be chosen now
	NoticeContact   = "contact"   // name, birthdate or phone mistyped
	NoticeStore     = "store"     // our own store is away: try again
	NoticeSession   = "session"   // the session has ended: log in again
	NoticeOften     = "often"     // this phone number was reached too often
	NoticeCrowd     = "crowd"     // too many pushes were asked for from this network
	NoticeUnpushed  = "unpushed"  // the site takes no login that a push approves
	NoticeBirthdate = "birthdate" // the provider vouches for no birthdate, and a rota needs one
	NoticePeople    = "people"    // too many people have logged in with this browser
	NoticeDevice    = "device"    // another device is in; a login here takes its place
)

// Step is what the page layer does next. Exactly one field is set.
type Step struct {
	// Redirect is a URL to answer 303 to: the provider, the site, or the chooser
	// (ChooserURL) with a notice.
	Redirect string
	// Wait is a push under way, to be shown as a waiting page.
	Wait *Wait
	// Post is an answer to the site that travels in a form (form_post), to be
	// shown as a page that sends it.
	Post *FormPost
	// Proved is the provider by which this browser's person has just got in, ""
	// for every other step. A reload of that one may have none.
	Proved string
}

// FormPost is an answer to a site by OAuth 2.0 Form Post Response Mode: a page
// posts the fields to the action, by itself or by its button.
type FormPost struct {
	Action string // the redirect URI, registered exactly so
	Origin string // of Action, for CSP form-action
	Site   providers.Text
	Locale string // asked for by ui_locales: ko, en or ""
	Fields []Field
}

// Field is one hidden field.
type Field struct{ Name, Value string }

// Wait is a push under way in this browser.
type Wait struct {
	Journey  string // goes into /wait/{journey}
	Login    Login
	Provider providers.Info
	Phrase   string // shown on both screens
	Began    time.Time
	Expires  time.Time
	// Dragging: it takes longer than it should, offer the next route.
	Dragging bool
	// Resend: Broker.Resend would send another now.
	Resend bool
	// Resent: this push was sent in place of an earlier one, whose phrase is
	// another.
	Resent bool
	// Approved: the phone has said yes, and somebody reads who it was.
	Approved bool
}

// Problem is every failure that has no way back to the site or the chooser: a
// page for the person, with a reference and a way on.
type Problem struct {
	Status int    // HTTP status
	Code   string // see the Problem… constants
	Ref    string // 문의번호
	Site   *Site  // when known, Site.Start is the way on
	// Developer lines are shown to whoever integrates: received against registered.
	Developer []string
	Cause     error // for the log only
}

// Error makes a Problem an error.
func (p *Problem) Error() string {
	if p.Cause != nil {
		return "broker: " + p.Code + ": " + p.Cause.Error()
	}
	return "broker: " + p.Code
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// What a Problem can be.
const (
	ProblemClient       = "unknown_client" // client_id missing or not registered
	ProblemRedirect     = "redirect_uri"   // not registered exactly so
	ProblemRequest      = "bad_request"    // a request we cannot even answer to the site
	ProblemTooLarge     = "too_large"      // over a named limit
	ProblemExpired      = "expired"        // the sealed request is too old
	ProblemTampered     = "tampered"       // the sealed value is not ours
	ProblemCookies      = "cookies"        // the browser keeps no cookies
	ProblemOtherBrowser = "other_browser"  // begun in another browser
	ProblemProvider     = "unknown_provider"
	ProblemMismatch     = "mismatch" // callback does not fit its journey (state, iss)
	ProblemStore        = "store"    // our store is away
	ProblemInternal     = "internal"
	ProblemNotFound     = "not_found"
)

// Trip is one journey as measured: what broker tells whoever watches.
type Trip struct {
	Provider string
	Light    string    // colour shown when it began
	Began    time.Time // person sent away, or push asked for
	Returned time.Time // zero: not (yet)
	Ended    time.Time // zero: not (yet)
	// Err is nil for a completed login.
	Err *providers.Error
}

// Ending is the end of a session as one site knows it (OpenID Connect
// Back-Channel Logout 1.0).
type Ending struct {
	Client  string // client_id
	Subject string // sub towards it
	Session string // sid towards it
}

// Hooks let the signal and the lobby see and admit journeys without broker
// knowing them. Every field may be nil. They must not block,
// but for Tell.
type Hooks struct {
	// Admit refuses a provider at Begin with a Notice code ("" admits).
	Admit func(provider string) (notice string)
	// Doors are the waiting rooms; nil for none anywhere.
	Doors *Doors
	// Disabled refuses at Begin, at the callback and at session reuse.
	Disabled func(provider string) bool
	// Rota decides whether somebody born on a day (YYYY-MM-DD, verified) may log in
	// at now, who came from the site at came; Today says whose turn it is. name is the
	// rota's, of a client that has one. Both are needed where any client has.
	Rota  func(name, born string, came, now time.Time) Verdict
	Today func(name string, now time.Time) Today
	// RotaRefused is told of each login that a rota refuses, once for one that comes
	// back from a provider, however often that answer is shown again; nil: nobody is.
	RotaRefused func(RotaRefusal)
	// Light is the colour shown now, sealed into the journey.
	Light    func(provider string) string
	Started  func(Trip)
	Returned func(Trip) // the person came back (with whatever)
	Ended    func(Trip) // identity read, or failed
	// Tell queues that a session has ended, for a site that asked to be told by
	// the broker itself; the same Ending may come again. nil tells nobody. It
	// blocks until the message is safe, or says why it is not.
	Tell func(context.Context, Ending) error
	// Noted says whose request ctx is of, as far as it is known by now: its
	// 문의번호 and its client, either "" for not known.
	Noted func(ctx context.Context, ref, client string)
}
