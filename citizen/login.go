package citizen

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"
)

// Walk is how one person logs in.
type Walk struct {
	// Start is the site's page; Form the login form on it ("" the first).
	Start string
	Form  string
	// Choose picks a provider; nil is First.
	Choose Policy
	// Again picks after a failure, among those that did not just fail (all of
	// them when that leaves none); nil is First.
	Again Policy
	// Retries is how often the person tries again from the chooser.
	Retries int
	// Continue takes single sign-on when the chooser offers it.
	Continue bool
	// Person fills push forms in.
	Person Person
	// Think is how long the person looks at a provider's page; nil is not at all.
	Think func() time.Duration
	// Chosen, when set, hears of every choice as it is made, Tried of every try
	// as it ends.
	Chosen func(provider string, again bool)
	Tried  func(Try)
}

// Why a walk ended without being in: a closed list, fit for counting. Notices
// of the chooser end a walk as "notice-" and their code.
const (
	WhySite    = "site"    // the site's own page or form failed
	WhyRefused = "refused" // back at the site, which shows an error
	WhyProblem = "problem" // an error page between site and provider
	WhyNothing = "nothing" // the chooser offers nothing the policy takes
	WhyPage    = "page"    // the provider's page failed or never came
	WhyStuck   = "stuck"   // a page with no way on
	WhyTime    = "time"    // the person's patience (ctx deadline) ended
	WhyStopped = "stopped" // ctx was cancelled
	WhyAgain   = "again"   // the chooser came back without saying why
)

const noticePrefix = "notice-"

// notices are the codes a chooser may show; others count as "notice-other".
var notices = []string{
	"cancelled", "failed", "busy", "again", "consent", "policy", "setup",
	"expired", "closed", "contact", "store", "session",
}

// Try is one choice and what came of it.
type Try struct {
	Provider string
	Took     time.Duration
	Why      string // "" for the one that got in
}

// Outcome of a walk.
type Outcome struct {
	In bool
	// Provider of the last try, "continue" for single sign-on, "" before any.
	Provider string
	Retried  bool
	Tries    []Try
	// Why and Err say what ended a walk that is not in. Err may be nil.
	Why string
	Err error
	// Took is from the first request to the last page.
	Took time.Duration
	// Page is the last one seen; nil when none came.
	Page *Page
}

// Login walks a whole login: the site's page, its login form, the chooser, the
// provider's page (first button: approve) or the waiting page of a push, back to
// the site. When the chooser comes back with a notice, or a page after it fails,
// the person goes back to the chooser and tries again as often as w allows.
// The walk ends at the latest with ctx.
func Login(ctx context.Context, b *Browser, w Walk) Outcome {
	l := &login{b: b, w: w, began: time.Now()}
	if l.w.Choose == nil {
		l.w.Choose = First()
	}
	if l.w.Again == nil {
		l.w.Again = First()
	}
	l.run(ctx)
	l.out.Took = time.Since(l.began)
	l.out.Retried = len(l.out.Tries) > 1
	if l.out.In {
		return l.out
	}
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		l.out.Why = WhyTime
	case err != nil:
		l.out.Why = WhyStopped
	}
	return l.out
}

// login is a walk under way.
type login struct {
	b     *Browser
	w     Walk
	out   Outcome
	began time.Time
	tried time.Time // the current try began

	site    *url.URL
	chooser *url.URL // last seen: where "back" leads
}

// mostSteps bounds a walk that never arrives, also without a deadline.
const mostSteps = 400

func (l *login) run(ctx context.Context) {
	page, err := l.start(ctx)
	for range mostSteps {
		switch {
		case err != nil && l.chooser == nil:
			l.fail(WhySite, err)
			return
		case err != nil:
			if page, err = l.back(ctx, err); err != nil {
				return
			}
			continue
		}
		l.out.Page = page
		next, done := l.step(page)
		if done {
			return
		}
		page, err = next(ctx)
		if errors.Is(err, errOver) {
			return
		}
	}
	l.fail(WhyStuck, nil)
}

// errOver ends a walk that step functions have already reported on.
var errOver = errors.New("citizen: walk over")

// start opens the site and sends its login form.
func (l *login) start(ctx context.Context) (*Page, error) {
	page, err := l.b.Open(ctx, l.w.Start)
	if err != nil {
		return nil, err
	}
	l.out.Page, l.site = page, page.URL
	form, err := page.Form(l.w.Form)
	if err != nil {
		return nil, err
	}
	return l.b.Submit(ctx, form, "")
}

// step looks at a page and says how to go on.
func (l *login) step(page *Page) (next func(context.Context) (*Page, error), done bool) {
	if sso, ok := page.Continue(); ok && l.w.Continue {
		return func(ctx context.Context) (*Page, error) { return l.take(ctx, page, sso) }, false
	}
	if choices := page.Choices(); len(choices) > 0 {
		return func(ctx context.Context) (*Page, error) { return l.choose(ctx, page, choices) }, false
	}
	if relate(l.site, page.URL) == siteSameOrigin {
		if page.Status < 400 {
			l.settle("")
			l.out.In = true
			return nil, true
		}
		why := WhyRefused
		if l.chooser == nil {
			why = WhySite
		}
		l.fail(why, nil)
		return nil, true
	}
	switch atBroker := l.chooser == nil || relate(l.chooser, page.URL) == siteSameOrigin; {
	case page.Status >= 400 && atBroker:
		l.fail(WhyProblem, nil)
		return nil, true
	case page.Status >= 400:
		return func(ctx context.Context) (*Page, error) { return l.back(ctx, nil) }, false
	}
	if _, ok := page.Refresh(); ok {
		return func(ctx context.Context) (*Page, error) { return l.b.Refresh(ctx, page) }, false
	}
	if form, err := page.Form(""); err == nil && l.chooser != nil && relate(l.chooser, page.URL) != siteSameOrigin {
		return func(ctx context.Context) (*Page, error) { return l.approve(ctx, form) }, false
	}
	why := WhyStuck
	if l.chooser == nil {
		why = WhyNothing
	}
	l.fail(why, nil)
	return nil, true
}

// choose picks a provider on the chooser, or gives up there.
func (l *login) choose(ctx context.Context, page *Page, choices []Choice) (*Page, error) {
	l.chooser = page.URL
	policy, again := l.w.Choose, len(l.out.Tries) > 0
	if again {
		l.settle(notice(page.URL))
		if len(l.out.Tries) > l.w.Retries {
			l.fail(l.out.Tries[len(l.out.Tries)-1].Why, nil)
			return nil, errOver
		}
		policy = l.w.Again
		failed := l.out.Provider
		others := slices.DeleteFunc(slices.Clone(choices), func(c Choice) bool { return c.Provider == failed })
		if len(others) > 0 {
			choices = others
		}
	}
	offered := make([]string, len(choices))
	for i, c := range choices {
		offered[i] = c.Provider
	}
	i := policy(offered)
	if i < 0 || i >= len(choices) {
		l.fail(WhyNothing, nil)
		return nil, errOver
	}
	return l.take(ctx, page, choices[i])
}

// take presses a choice and begins a try.
func (l *login) take(ctx context.Context, page *Page, c Choice) (*Page, error) {
	l.chooser = page.URL
	l.tried = time.Now()
	l.out.Provider = c.Provider
	l.out.Tries = append(l.out.Tries, Try{Provider: c.Provider})
	if l.w.Chosen != nil {
		l.w.Chosen(c.Provider, len(l.out.Tries) > 1)
	}
	return l.b.press(ctx, c, l.w.Person)
}

// approve looks at the provider's page for a while and presses its first button.
func (l *login) approve(ctx context.Context, form *Form) (*Page, error) {
	if l.w.Think != nil {
		if err := pause(ctx, l.w.Think()); err != nil {
			return nil, err
		}
	}
	return l.b.Submit(ctx, form, "")
}

// back is the browser's back button: to the chooser, if another try is left.
// An error it returns has been reported.
func (l *login) back(ctx context.Context, cause error) (*Page, error) {
	l.settle(WhyPage)
	if ctx.Err() != nil || len(l.out.Tries) > l.w.Retries {
		l.fail(WhyPage, cause)
		return nil, errOver
	}
	page, err := l.b.Open(ctx, l.chooser.String())
	if err != nil {
		l.fail(WhyPage, err)
		return nil, errOver
	}
	return page, nil
}

// settle closes the current try; the first word on it stands.
func (l *login) settle(why string) {
	n := len(l.out.Tries)
	if n == 0 || l.out.Tries[n-1].Took != 0 {
		return
	}
	l.out.Tries[n-1].Took = max(time.Since(l.tried), 1)
	l.out.Tries[n-1].Why = why
	if l.w.Tried != nil {
		l.w.Tried(l.out.Tries[n-1])
	}
}

func (l *login) fail(why string, err error) {
	l.settle(why)
	l.out.Why, l.out.Err = why, err
}

// notice reads what a chooser says happened, from its address.
func notice(chooser *url.URL) string {
	code := chooser.Query().Get("notice")
	switch {
	case code == "":
		return WhyAgain
	case slices.Contains(notices, code):
		return noticePrefix + code
	default:
		return noticePrefix + "other"
	}
}
