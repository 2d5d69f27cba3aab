package broker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"

	"sinho/broker/client"
	"sinho/providers"
)

// siteError is told to the site at its proven redirect URI (RFC 6749 §4.1.2.1).
type siteError struct {
	q          *request
	code, desc string
	cause      error
}

func (e *siteError) Error() string { return "broker: answer " + e.code + ": " + e.desc }
func (e *siteError) Unwrap() error { return e.cause }

// level: only what is wrong with us is an error; a site's mistake is its own.
func (e *siteError) level() slog.Level {
	if e.code == "temporarily_unavailable" || e.code == "server_error" {
		return level(e.cause)
	}
	return slog.LevelInfo
}

// refusedLogins says why a login is not given to the site, by OAuth error.
var refusedLogins = map[string]string{
	"login_required":                    "the person who logged in is not the one asked for",
	"access_denied":                     "the person who logged in is not as the claims parameter demands",
	"unmet_authentication_requirements": "the login does not reach the acr that is essential",
}

// clientError is told to a machine as JSON (RFC 6749 §5.2, RFC 6750 §3).
type clientError struct {
	status     int
	code, desc string
	challenge  string // WWW-Authenticate, "" for none
	cause      error
}

func (e *clientError) Error() string { return "broker: answer " + e.code + ": " + e.desc }
func (e *clientError) Unwrap() error { return e.cause }

// unavailable is the answer to a machine while the store is away.
func unavailable(cause error) *clientError {
	return &clientError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", desc: "try again in a few seconds", cause: cause}
}

// fault makes a Problem with a reference of its own.
func (b *Broker) fault(status int, code string, cause error) *Problem {
	return &Problem{Status: status, Code: code, Ref: NewReference(), Cause: cause}
}

// about gives the Problem the reference and the site of a request.
func (p *Problem) about(q *request, s *Site) *Problem {
	if q.Ref != "" {
		p.Ref = q.Ref
	}
	p.Site = s
	return p
}

// at names the site without a redirect URI.
func (p *Problem) at(c client.Client) *Problem {
	p.Site = &Site{ID: c.ID, Name: c.Name, Start: c.Start}
	return p
}

// tell adds a line for developers.
func (p *Problem) tell(format string, args ...any) *Problem {
	p.Developer = append(p.Developer, fmt.Sprintf(format, args...))
	return p
}

// handle is the one place where errors of this package's own endpoints become
// responses. Handlers that return an error have written nothing.
func (b *Broker) handle(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		plain(w)
		err := h(w, r)
		if err == nil {
			return
		}
		var (
			site    *siteError
			machine *clientError
			problem *Problem
		)
		switch {
		case errors.As(err, &site):
			b.noted(r.Context(), site.q.Ref, site.q.Client)
			b.log(r.Context(), site.level(), "request refused", site.q.Ref, site.code, site.cause,
				slog.String("client", site.q.Client), slog.String("why", site.desc))
			b.send(w, r, b.reply(site.q, "error", site.code, "error_description", printable(site.desc)))
		case errors.As(err, &machine):
			ref := NewReference()
			b.noted(r.Context(), ref, "")
			b.log(r.Context(), level(machine.cause), "request refused", ref, machine.code, machine.cause,
				slog.String("route", r.Pattern), slog.String("why", machine.desc))
			machine.write(w)
		default:
			if !errors.As(err, &problem) {
				problem = b.fault(http.StatusInternalServerError, ProblemInternal, err)
			}
			problem.Cause = harmless(problem.Cause)
			b.page(w, r, problem)
		}
	}
}

func (e *clientError) write(w http.ResponseWriter) {
	if e.challenge != "" {
		w.Header().Set("WWW-Authenticate", e.challenge)
	}
	if e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	writeJSON(w, e.status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.code, printable(e.desc)})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		// Only structs of strings and numbers come here.
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	writeBody(w, status, body)
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// printable keeps to the characters of error_description (RFC 6749 §5.2).
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return '\''
		}
		return c
	}, s)
}

func level(cause error) slog.Level {
	if cause != nil {
		return slog.LevelError
	}
	return slog.LevelInfo
}

func (b *Broker) log(ctx context.Context, level slog.Level, msg, ref, code string, cause error, more ...slog.Attr) {
	attrs := append([]slog.Attr{slog.String("ref", ref), slog.String("code", code)}, more...)
	if cause != nil {
		attrs = append(attrs, slog.String("cause", harmless(cause).Error()))
	}
	b.logger.LogAttrs(ctx, level, msg, attrs...) //nolint:sloglint // msg is a constant of every caller
}

// harmless is an error fit for a log: what vendors and libraries wrote into
// theirs may quote a person's data, so only what is known not to is kept.
func harmless(err error) error {
	if err == nil {
		return nil
	}
	if vendor, is := errors.AsType[*providers.Error](err); is {
		text := fmt.Sprintf("provider %s: %s (%s)", vendor.Provider, vendor.Class, wordOf(vendor.Code))
		var network *net.OpError
		switch {
		case errors.As(vendor.Cause, &network):
			text += ": " + network.Error()
		case errors.Is(vendor.Cause, context.DeadlineExceeded):
			text += ": " + context.DeadlineExceeded.Error()
		case vendor.Cause != nil:
			text += fmt.Sprintf(": %T", vendor.Cause)
		}
		return errors.New(text)
	}
	return err
}

// plainProblem is shown when no page layer is configured.
func (b *Broker) plainProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	b.log(r.Context(), level(p.Cause), "problem shown", p.Ref, p.Code, p.Cause, slog.Int("status", p.Status))
	http.Error(w, "문의번호 / reference "+p.Ref+": "+p.Code+"\n"+strings.Join(p.Developer, "\n"), p.Status)
}

// crockford is the base 32 of Douglas Crockford: no I, L, O, U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewReference makes a 문의번호: 40 random bits as two groups of four letters and
// digits ("8J10-74D7"), easy to read out loud.
func NewReference() string {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails, see crypto/rand
	var out [9]byte
	for i, c := range raw {
		at := i
		if i >= 4 {
			at++
		}
		out[at] = crockford[c&31]
	}
	out[4] = '-'
	return string(out[:])
}

func newID() id {
	var n id
	_, _ = rand.Read(n[:]) // never fails, see crypto/rand
	return n
}
