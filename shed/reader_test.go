package shed

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// unread is the answer to a client that does not read it.
type unread struct {
	*httptest.ResponseRecorder

	sending, read chan struct{}
}

func (u *unread) Write(p []byte) (int, error) {
	close(u.sending)
	<-u.read
	return u.ResponseRecorder.Write(p)
}

// Attack: clients that ask for pages and read none of them. They are outside while
// they are answered, so that they keep nobody out.
func TestAttackReadersThatStopHoldNoPlace(t *testing.T) {
	g := New(1)
	g.rules[Beginning].inside = 1
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte("a page")); err != nil {
			t.Error(err)
		}
	}), kinds, "https://id.example.kr")
	slow := &unread{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	over := make(chan struct{})
	go func() {
		defer close(over)
		h.ServeHTTP(slow, httptest.NewRequest(http.MethodGet, "/login", nil))
	}()
	<-slow.sending
	if n := g.State().Inside; n != 0 {
		t.Errorf("got %d inside while an answer is sent, want none", n)
	}
	if rec := do(h, http.MethodGet, "/login", browser, ""); rec.Code != http.StatusOK {
		t.Errorf("the next one got %d, want 200", rec.Code)
	}
	close(slow.read)
	<-over
	if n := g.State().Inside; n != 0 {
		t.Errorf("got %d inside in the end, want none", n)
	}
}
