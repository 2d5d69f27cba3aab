package logout

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/seal"
	"sinho/store/embedded"
)

// site is a relying party that answers what a test tells it to.
type site struct {
	mu     sync.Mutex // guards what follows
	status []int      // of the next answers; the last one stays
	tokens []string
	hits   map[string]int
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits[r.Method+" "+r.URL.Path]++
	s.tokens = append(s.tokens, r.PostFormValue("logout_token"))
	status := s.status[0]
	if len(s.status) > 1 {
		s.status = s.status[1:]
	}
	if status == http.StatusFound {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
	io.WriteString(w, strings.Repeat("x", 100))
}

// world is deliveries over a real queue to a real listener.
type world struct {
	*Deliveries
	site    *site
	queue   *embedded.Store
	mu      sync.Mutex // guards what follows
	results []string
	ahead   time.Duration // of the clock of the deliveries
}

func (w *world) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.results...)
}

func newWorld(t *testing.T, status ...int) *world {
	t.Helper()
	ring, err := seal.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := embedded.Open(filepath.Join(t.TempDir(), "q.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &world{site: &site{status: status, hits: map[string]int{}}, queue: s}
	server := httptest.NewServer(w.site)
	t.Cleanup(server.Close)
	w.Deliveries, err = New(Config{
		Issuer: "https://login.example", Ring: func() *seal.Ring { return ring }, Queue: s,
		Site: func(c string) (string, string, bool) { return server.URL + "/back", "ES256", c == "booking" },
		Sign: func(alg string, claims []byte, typ string) (string, error) {
			return alg + "." + base64.RawURLEncoding.EncodeToString(claims) + "." + typ, nil
		},
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return time.Now().Add(w.ahead)
		},
		Delivered: func(c, result string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.results = append(w.results, c+" "+result)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// run works until so many results are in, then ends.
func (w *world) run(t *testing.T, results int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	for ctx.Err() == nil && len(w.told()) < results {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func (w *world) tell(t *testing.T, client, session string) {
	t.Helper()
	if err := w.Tell(t.Context(), client, "sub-1", session); err != nil {
		t.Fatal(err)
	}
}

func TestALogoutTokenSaysWhatTheSpecificationAsks(t *testing.T) {
	w := newWorld(t, http.StatusOK)
	w.tell(t, "booking", "sid-1")
	w.tell(t, "booking", "sid-1") // a log-out that was repeated
	w.run(t, 1)
	if diff := cmp.Diff([]string{"booking told"}, w.told()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	parts := strings.Split(w.site.tokens[0], ".")
	if len(parts) != 3 || parts[0] != "ES256" || parts[2] != "logout+jwt" {
		t.Fatalf("got %v, want it signed with the client's algorithm as logout+jwt", parts)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	if id, _ := claims["jti"].(string); len(id) < 20 || expires-issued != tokenTTL.Seconds() {
		t.Errorf("got jti %q and a life of %v s", id, expires-issued)
	}
	delete(claims, "iat")
	delete(claims, "exp")
	delete(claims, "jti")
	want := map[string]any{
		"iss": "https://login.example", "aud": "booking", "sub": "sub-1", "sid": "sid-1",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims, without nonce (-want +got):\n%s", diff)
	}
	if n, _, err := w.Waiting(t.Context()); n != 0 || err != nil {
		t.Errorf("got %d waiting, %v; want none", n, err)
	}
}

func TestWhatBecomesOfEachAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		client  string
		status  int
		ahead   time.Duration
		want    string
		waiting int
	}{
		"200":                    {"booking", 200, 0, "booking told", 0},
		"204":                    {"booking", 204, 0, "booking told", 0},
		"400 is the site's last": {"booking", 400, 0, "booking refused", 0},
		"500 is tried again":     {"booking", 500, 0, "booking retry", 1},
		"404 is tried again":     {"booking", 404, 0, "booking retry", 1},
		"a redirect is no answer and never followed": {"booking", 302, 0, "booking retry", 1},
		"a client that is gone":                      {"gone", 200, 0, "gone refused", 0},
		"after a day it is given up":                 {"booking", 500, giveUp + time.Minute, "booking given_up", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.status)
			w.tell(t, tt.client, "sid")
			w.mu.Lock()
			w.ahead = tt.ahead
			w.mu.Unlock()
			w.run(t, 1)
			if diff := cmp.Diff([]string{tt.want}, w.told()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n, _, err := w.Waiting(t.Context()); n != tt.waiting || err != nil {
				t.Errorf("got %d waiting, %v; want %d", n, err, tt.waiting)
			}
			if w.site.hits["GET /elsewhere"]+w.site.hits["POST /elsewhere"] > 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestEverySiteOfManyIsToldOnceByManyNodes(t *testing.T) {
	w := newWorld(t, http.StatusOK)
	const sessions = 60
	for i := range sessions {
		w.tell(t, "booking", string(rune('가'+i)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var nodes sync.WaitGroup
	for range 3 {
		nodes.Go(func() {
			if err := w.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for ctx.Err() == nil && len(w.told()) < sessions {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	cancel()
	nodes.Wait()
	if got := w.site.hits["POST /back"]; got != sessions {
		t.Errorf("the site was asked %d times, want %d", got, sessions)
	}
}

func TestFailuresWaitLongerAndLongerUpToAnHour(t *testing.T) {
	for n, want := range map[int]time.Duration{1: 10 * time.Second, 2: 20 * time.Second, 5: 160 * time.Second, 10: time.Hour, 99: time.Hour} {
		for range 50 {
			if got := backOff(n); got < want*4/5 || got > want*6/5 {
				t.Errorf("failure %d: got %v, want about %v", n, got, want)
			}
		}
	}
}

func TestNewNeedsEverything(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("nothing passes")
	}
}
