package providers

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxBody bounds what a vendor may answer, in bytes, after decompression. Metadata,
// key sets, tokens and profiles are a few KB; a provider that floods is read by many
// at once, and what is read is memory.
const maxBody = 256 << 10

// errTooLarge: an answer is longer than maxBody, or says that it will be.
var errTooLarge = errors.New("the answer is longer than 256 KiB")

// tooLarge finds errTooLarge in what package oauth2 makes of it: text.
func tooLarge(err error) bool { return strings.Contains(err.Error(), errTooLarge.Error()) }

// bounded is hc with answers that end in errTooLarge. It is for every leg, those
// that libraries read among them.
func bounded(hc *http.Client) *http.Client {
	base := hc.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	own := *hc
	own.Transport = boundedTransport{base}
	return &own
}

type boundedTransport struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper. An answer that says how long it is need not
// be read to be too long.
func (t boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxBody, over: resp.ContentLength > maxBody}
	return resp, nil
}

// boundedBody is a body that may be read up to its bound.
type boundedBody struct {
	io.ReadCloser
	left int
	over bool
}

// Read reads at most what is left and one byte, which must not come.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.over {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if n > b.left {
		b.over = true
		return b.left, errTooLarge
	}
	b.left -= n
	return n, err
}
