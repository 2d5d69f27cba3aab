package logout

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"sinho/reach"
)

// Attack: SSRF through back-channel URIs (CVE-2021-26715 and its like). A site
// that answers with a redirect would have us ask whom it names.
func TestAttackSSRFThroughARedirectedLogout(t *testing.T) {
	var asked atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inside.Close()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		w := newWorld(t, http.StatusOK)
		site := httptest.NewServer(http.RedirectHandler(inside.URL+"/admin", status))
		defer site.Close()
		w.cfg.Site = func(string) (string, string, bool) { return site.URL, "ES256", true }
		w.tell(t, "booking", "sid")
		w.run(t, 1)
		if got := w.told()[0]; got != "booking retry" {
			t.Errorf("%d: got %s, want retry", status, got)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("got %d requests to where a redirect led, want none", n)
	}
}

// The transport that deliveries have by themselves is the guarded one.
func TestAttackSSRFByTheTransportThatIsUsed(t *testing.T) {
	w := newWorld(t, http.StatusOK)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://169.254.169.254/latest/meta-data/", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.http.Transport.(*http.Transport).Proxy = nil
	resp, err := w.http.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, reach.ErrInside) {
		t.Errorf("got %v, want it refused before it is dialled", err)
	}
}
