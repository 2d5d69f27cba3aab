package providers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"sinho/providers/guard"
)

// line is the way to one vendor: the measuring client, and the words for what
// goes wrong on it. Causes never carry a body: what vendors answer is personal.
type line struct {
	provider string
	hc       *http.Client
	now      func() time.Time  // nil: the machine's clock
	meanings map[string]string // of the vendor's codes, to words of Meanings
}

// time is now, by the node's clock.
func (l line) time() time.Time {
	if l.now == nil {
		return time.Now()
	}
	return l.now()
}

// carry puts the client where go-oidc and oauth2 look for it.
func (l line) carry(ctx context.Context) context.Context { return oidc.ClientContext(ctx, l.hc) }

// fail is an *Error the transport has not counted.
func (l line) fail(class Class, code string, cause error) *Error {
	return l.translated(&Error{Provider: l.provider, Class: class, Code: tidyCode(code), Cause: cause})
}

// broken is what a request that got no answer means. The person having left
// (ctx cancelled) is nobody's fault, and so is our own refusal to ask; a time-out is
// the provider's. The
// transport counts a request until its body is read, so it has seen all this.
func (l line) broken(ctx context.Context, op string, err error) *Error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return l.fail(Cancelled, "gone", fmt.Errorf("%s: %w", op, ctx.Err()))
	}
	if errors.Is(err, guard.ErrRefused) {
		return l.fail(Shed, "not-asked", fmt.Errorf("%s: %w", op, err))
	}
	code := "connection"
	if timedOut(err) || ctx.Err() != nil {
		code = "timeout"
	}
	return &Error{
		Provider: l.provider, Class: Down, Code: code, Seen: true, Cause: fmt.Errorf("%s: %w", op, err),
	}
}

func timedOut(err error) bool {
	var slow net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout()
}

// counted says whether the measuring transport counts a status by itself.
func counted(status int) bool { return status >= 500 || status == http.StatusTooManyRequests }

// status is what an HTTP status alone means.
func (l line) status(op string, status int) *Error {
	class := Configuration
	switch {
	case status == http.StatusTooManyRequests:
		class = Throttled
	case status >= 500, status >= 300 && status < 400: // no redirect is followed
		class = Down
	}
	e := l.fail(class, "http-"+strconv.Itoa(status), fmt.Errorf("%s: HTTP status %d", op, status))
	e.Seen = counted(status)
	return e
}

// nonsense is an answer that cannot be what was agreed.
func (l line) nonsense(op, code string) *Error {
	return l.fail(Down, code, fmt.Errorf("%s: the answer is not what was agreed (%s)", op, code))
}

// reply is a vendor's answer, read whole.
type reply struct {
	status int
	body   []byte
}

// decode reads the body as JSON into v; extra fields are fine.
func (r reply) decode(v any) bool { return json.Unmarshal(r.body, v) == nil }

// send makes one request and reads its answer. A status is not judged
// here; the error is an *Error.
func (l line) send(ctx context.Context, op string, req *http.Request) (reply, error) {
	req.Header.Set("Accept", "application/json")
	resp, err := l.hc.Do(req.WithContext(ctx)) //nolint:gosec // every URL is configured, or discovered at a configured issuer
	if err != nil {
		return reply{}, l.broken(ctx, op, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case errors.Is(err, errTooLarge):
		return reply{}, l.nonsense(op, "too-large")
	case err != nil:
		return reply{}, l.broken(ctx, op, fmt.Errorf("read answer: %w", err))
	}
	return reply{status: resp.StatusCode, body: body}, nil
}

// get asks with a bearer token, or with none when it is empty.
func (l line) get(ctx context.Context, op, url, bearer string) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return reply{}, l.fail(Configuration, "url", fmt.Errorf("%s: %w", op, err))
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	return l.send(ctx, op, req)
}

// post sends v as JSON; sign adds the credentials.
func (l line) post(ctx context.Context, op, url string, v any, sign func(*http.Request)) (reply, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return reply{}, l.fail(Configuration, "json", fmt.Errorf("%s: %w", op, err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(string(body)))
	if err != nil {
		return reply{}, l.fail(Configuration, "url", fmt.Errorf("%s: %w", op, err))
	}
	req.Header.Set("Content-Type", "application/json")
	sign(req)
	return l.send(ctx, op, req)
}

// tidyCode makes a vendor's code safe for logs: [A-Za-z0-9_.-]{0,40}.
func tidyCode(code string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, code)
	return clean[:min(len(clean), 40)]
}
