package providers

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// bodyOf answers with body, whatever is asked, and length as its Content-Length.
func bodyOf(body io.Reader, length int64) *http.Client {
	return bounded(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, ContentLength: length, Body: io.NopCloser(body)}, nil
	})})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestBoundedAnswers(t *testing.T) {
	longest := strings.Repeat("a", maxBody)
	unread := iotest.ErrReader(errors.New("it was read"))
	for name, c := range map[string]struct {
		body   io.Reader
		length int64
		read   int
		err    error
	}{
		"empty":                        {strings.NewReader(""), 0, 0, nil},
		"the longest":                  {strings.NewReader(longest), -1, maxBody, nil},
		"the longest, byte by byte":    {iotest.OneByteReader(strings.NewReader(longest)), -1, maxBody, nil},
		"the longest, with its end":    {iotest.DataErrReader(strings.NewReader(longest)), maxBody, maxBody, nil},
		"a byte more":                  {strings.NewReader(longest + "a"), -1, maxBody, errTooLarge},
		"a byte more, byte by byte":    {iotest.OneByteReader(strings.NewReader(longest + "a")), -1, maxBody, errTooLarge},
		"a byte more, with its end":    {iotest.DataErrReader(strings.NewReader(longest + "a")), -1, maxBody, errTooLarge},
		"says that it is a byte more":  {unread, maxBody + 1, 0, errTooLarge},
		"says less than it is":         {strings.NewReader(longest + "a"), 10, maxBody, errTooLarge},
		"an error of its own":          {io.MultiReader(strings.NewReader("a"), iotest.ErrReader(io.ErrUnexpectedEOF)), -1, 1, io.ErrUnexpectedEOF},
		"too long, and then an error ": {io.MultiReader(strings.NewReader(longest+"a"), iotest.ErrReader(io.ErrUnexpectedEOF)), -1, maxBody, errTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://vendor.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := bodyOf(c.body, c.length).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if len(got) != c.read || !errors.Is(err, c.err) {
				t.Errorf("got %d bytes and %v, want %d and %v", len(got), err, c.read, c.err)
			}
			if n, again := resp.Body.Read(make([]byte, 1)); n != 0 || again == nil {
				t.Errorf("read on: got %d bytes and %v, want no more", n, again)
			}
		})
	}
}
