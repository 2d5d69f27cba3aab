package providers

import (
	"context"
	"errors"
	"net/http"

	"golang.org/x/oauth2"
)

// tokenProbes is the probe of the token endpoint, where the settings allow it and
// it is known where that is.
func (f *codeFlow) tokenProbes(e endpoints) []Probe {
	if !f.set.ProbeToken || e.token == "" {
		return nil
	}
	return []Probe{{Name: "token", URL: e.token, Ask: func(ctx context.Context, hc *http.Client) bool {
		return f.refusesNobody(ctx, hc, e)
	}}}
}

// refusesNobody asks for a token by a code nobody was given, as we ask for every
// other, and reports whether that was refused in OAuth's words or the vendor's
// (RFC 6749 section 5.2; invalid_grant is what it ought to be). A refusal that
// means our own settings says nothing of the provider, and so it is one; a token,
// or a page where an answer should be, is none.
func (f *codeFlow) refusesNobody(ctx context.Context, hc *http.Client, e endpoints) bool {
	probe := *f
	probe.hc = hc
	// No redirect URI: with none, and a code that does not exist, there is nothing
	// else to refuse.
	nobody := Ask{State: "sinho-probe", Verifier: oauth2.GenerateVerifier()}
	_, err := probe.redeem(ctx, e, nobody, "sinho-probe-"+oauth2.GenerateVerifier())
	var refused *Error
	return errors.As(err, &refused) && !refused.Colours()
}
