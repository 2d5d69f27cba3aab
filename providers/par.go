package providers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// maxRequestURI bounds what a provider calls a pushed request, in bytes: it goes
// into an address.
const maxRequestURI = 512

// push sends the provider what it would find in the address to, and gives the
// address that names it (RFC 9126): what a site asks for, and login hints, stay
// out of browsers and logs. It is not repeated: whoever waits can be shown another
// way at once.
func (f *codeFlow) push(ctx context.Context, e endpoints, to string) (string, error) {
	const op = "push request"
	asked, err := url.Parse(to)
	if err != nil {
		return "", f.fail(Configuration, "url", fmt.Errorf("%s: %w", op, err))
	}
	page, err := url.Parse(e.authorize)
	if err != nil {
		return "", f.fail(Configuration, "url", fmt.Errorf("%s: %w", op, err))
	}
	form := asked.Query()
	for name := range page.Query() {
		form.Del(name) // the endpoint's own, which stays in the address
	}
	assertion, err := f.assertion(e)
	if err != nil {
		return "", err
	}
	maps.Copy(form, assertion)
	if e.method == secretPost {
		form.Set("client_secret", f.set.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.pushed, strings.NewReader(form.Encode()))
	if err != nil {
		return "", f.fail(Configuration, "url", fmt.Errorf("%s: %w", op, err))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if e.method == secretBasic {
		req.SetBasicAuth(url.QueryEscape(f.set.ClientID), url.QueryEscape(f.set.ClientSecret)) // RFC 6749 section 2.3.1
	}
	r, err := f.send(ctx, op, req)
	if err != nil {
		return "", err
	}
	var body struct {
		URI   text `json:"request_uri"`
		Error text `json:"error"`
	}
	decoded := r.decode(&body)
	switch {
	case r.status != http.StatusCreated && r.status != http.StatusOK:
		return "", f.refuse(op, r, string(body.Error))
	case !decoded || !printable(string(body.URI), maxRequestURI):
		return "", f.nonsense(op, "request-uri")
	}
	query := page.Query()
	query.Set("client_id", f.set.ClientID)
	query.Set("request_uri", string(body.URI))
	page.RawQuery = query.Encode()
	return page.String(), nil
}
