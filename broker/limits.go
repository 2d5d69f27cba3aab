package broker

import "time"

// Limits of what strangers may send, in bytes unless said otherwise. Each is
// named in the error that enforces it.
const (
	maxState         = 1024
	maxNonce         = 1024
	maxSealedRequest = 2400     // the r of /login?r=…, as it leaves /authorize
	maxSealedGrowth  = 96       // what is added to it on the way
	maxContact       = 512      // what a person types for a push
	maxURL           = 8 << 10  // request target of any endpoint here
	maxForm          = 16 << 10 // body of any endpoint here
	maxScope         = 512
	maxClaims        = 2 << 10 // the claims parameter, and
	maxClaimsDepth   = 5       // objects and arrays within each other
	maxClaimValues   = 16      // named for one claim
	maxClaimValue    = 200
	maxResources     = 4       // of one request
	maxHint          = 200     // login_hint, longer ones are ignored
	maxHintToken     = 4 << 10 // id_token_hint, longer ones are ignored
	maxPass          = 160     // of a waiting room, within a journey
	maxCookie        = 4000    // name and value; browsers drop what exceeds 4,096
	maxCookies       = 12 << 10
	maxJourneys      = 4       // a browser
	maxContinued     = 16      // sites a session remembers
	maxMet           = 32      // people a browser remembers, each at one client or group
	maxVisits        = 32      // sites, of one session each, a person's list has
	maxStrikes       = 5       // a list that changes meanwhile is changed anew
	maxFrames        = 12      // sites told in the browser at one log-out
	maxFrameBytes    = 4 << 10 // of their addresses together

	// Pushes within a minute and a node, where settings say nothing else.
	pushesPerPhone   = 3
	pushesPerAddress = 60
	pushesPerNetwork = 1200
)

// Lifetimes.
const (
	requestTTL   = 30 * time.Minute
	requestFresh = 10 * time.Minute // with less left, a request is sealed anew
	requestMost  = 2 * time.Hour    // from /authorize, however often sealed anew
	queueMost    = 12 * time.Hour   // the same, from the waiting room
	journeyTTL   = 30 * time.Minute
	bounceTTL    = 60 * time.Second // a POST on its way to becoming a GET
	pushedTTL    = 60 * time.Second // a pushed request on its way to /authorize
	codeTTL      = 60 * time.Second
	tombstoneTTL = 2 * time.Minute // outlives the code it marks
	accessTTL    = 10 * time.Minute
	idTokenTTL   = time.Hour
	refreshTTL   = 365 * 24 * time.Hour // the longest a client may have
	sessionTTL   = 12 * time.Hour
	browserTTL   = 24 * time.Hour
	agreedFor    = 365 * 24 * time.Hour
	provedTTL    = 10 * time.Minute // to agree, after the login that was asked for
	leaseTTL     = 20 * time.Second // longer than reading a result and writing what follows take
	pushTwice    = 5 * time.Second  // a second click within this is the same push
	pushGrace    = 10 * time.Minute // a push that expired can still say so
	answerTTL    = 60 * time.Second
	confirmTTL   = 10 * time.Minute // a question whether to log out
	refusalTTL   = time.Hour        // a reference that an operator can release by

	refreshSlot = 10 * time.Second // a refresh within is the same one
	nodeDrift   = 2 * time.Second  // between the clocks of nodes

	providerWait = 10 * time.Second // one exchange, push or result
	abandonedIn  = 5 * time.Second  // an exchange whose browsers have all gone
	storeWait    = 8 * time.Second  // what follows a spent proof; a restart of Redis takes less
	storePause   = 100 * time.Millisecond
	pollWait     = 4 * time.Second // one look at a push
	pollEvery    = time.Second     // at most one look a journey
	draggingAt   = 15 * time.Second
	pollFailures = 3 // looks in a row that fail end the push

	authSkew = 30 * time.Second // between a provider's clock and ours
)

// What the keys of a broker must outlive.
const (
	// JWKSAge is how long a client may keep /jwks without asking again: a key that
	// is to sign must have been published so long before.
	JWKSAge = 5 * time.Minute
	// OpensFor is the longest life of anything sealed: a key that seals no more
	// must open for so long.
	OpensFor = max(requestMost, queueMost, journeyTTL+pushGrace, sessionTTL, browserTTL, accessTTL, refreshTTL) + keySkew
	// VerifiesFor is how long anybody may want to verify what a key has signed: an
	// ID token within its hour, our own hint at log-out as long as its session.
	VerifiesFor = max(idTokenTTL, sessionTTL) + JWKSAge + keySkew

	keySkew = time.Minute // between the clocks of nodes and clients
)

// Bounds of what is remembered in memory, in entries.
const (
	rememberAnswers = 16384
	rememberPushes  = 4096
	rememberFirsts  = 16384
	rememberLooks   = 8192
)
