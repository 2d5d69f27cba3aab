package hall

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sinho/lobby"
	"sinho/lobby/room"
	"sinho/seal"
	"sinho/store"
	"sinho/store/embedded"
	"sinho/store/redistest"
	"sinho/store/shared"
)

const issuer = "https://login.example"

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) {
	redistest.Quiet()
	os.Exit(m.Run())
}

// scene is one node, on a clock that the test moves.
type scene struct {
	*Hall
	t        testing.TB
	clock    *atomic.Int64 // Unix nanoseconds
	capacity *atomic.Int64 // logins a second
	log      *bytes.Buffer
}

func (s *scene) time() time.Time { return time.Unix(0, s.clock.Load()) }

// pass lets seconds go by, each with its step.
func (s *scene) wait(seconds int) {
	for range seconds {
		s.clock.Add(int64(time.Second))
		s.tick(s.t.Context())
	}
}

func ring(t testing.TB) *seal.Ring {
	t.Helper()
	r, err := seal.NewRing("seoul", seal.Key{Version: 1, Secret: bytes.Repeat([]byte{1}, seal.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sign(claims []byte, typ string) (string, error) {
	head, _ := json.Marshal(map[string]string{"typ": typ})
	b64 := base64.RawURLEncoding.EncodeToString
	return b64(head) + "." + b64(claims) + ".c2lnbmVk", nil
}

func onBbolt(t testing.TB) store.Store {
	t.Helper()
	s, err := embedded.Open(filepath.Join(t.TempDir(), "store.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func onRedis(t testing.TB) store.Store {
	t.Helper()
	s, err := shared.Open(t.Context(), shared.Options{Addrs: []string{redistest.Start(t).Addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func everywhere(t *testing.T, f func(t *testing.T, s store.Store)) {
	t.Run("on bbolt", func(t *testing.T) { f(t, onBbolt(t)) })
	t.Run("on Redis", func(t *testing.T) { f(t, onRedis(t)) })
}

// scenes are nodes that share a store and a clock; the capacity is 10 a second.
func scenes(t testing.TB, st store.Store, n int, rooms ...Setting) []*scene {
	t.Helper()
	clock, capacity := &atomic.Int64{}, &atomic.Int64{}
	clock.Store(noon.UnixNano())
	capacity.Store(10)
	all := make([]*scene, n)
	for i := range all {
		s := &scene{t: t, clock: clock, capacity: capacity, log: &bytes.Buffer{}}
		h, err := New(Config{
			Rooms: rooms, Store: st, Ring: ring(t), Issuer: issuer, Secure: true, Sign: sign,
			Load: func() (float64, float64) { return float64(capacity.Load()), 0 },
			Log:  slog.New(slog.NewTextHandler(s.log, nil)), Now: s.time,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Hall = h
		all[i] = s
	}
	return all
}

func one(t testing.TB, rooms ...Setting) *scene {
	t.Helper()
	return scenes(t, onBbolt(t), 1, rooms...)[0]
}

func auto(name string, clients ...string) Setting {
	return Setting{Name: name, Mode: Auto, Clients: clients}
}

// device is a browser: its own name, and the cookies it keeps. It knows no time.
type device struct {
	name    [16]byte
	mu      sync.Mutex
	cookies map[string]string
}

var devices atomic.Uint32

func newDevice() *device {
	n := devices.Add(1)
	return &device{name: [16]byte{1, byte(n >> 8), byte(n)}, cookies: map[string]string{}}
}

func (d *device) request(path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, issuer+path, nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, value := range d.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (d *device) keep(w *httptest.ResponseRecorder) {
	d.mu.Lock()
	defer d.mu.Unlock()
	res := w.Result()
	defer res.Body.Close()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(d.cookies, c.Name)
		} else {
			d.cookies[c.Name] = c.Value
		}
	}
}

func (d *device) enter(s *scene, client string, p Purpose) (wait bool, pass []byte, err error) {
	s.t.Helper()
	w := httptest.NewRecorder()
	wait, pass, err = s.Enter(w, d.request("/login"), client, d.name, p)
	d.keep(w)
	return wait, pass, err
}

// waits enters, and must wait or not.
func (d *device) waits(s *scene, client string, p Purpose, want bool) []byte {
	s.t.Helper()
	wait, pass, err := d.enter(s, client, p)
	if err != nil || wait != want {
		s.t.Fatalf("purpose %d: got wait %v, %v, want %v", p, wait, err, want)
	}
	return pass
}

func (d *device) seat(s *scene, client string) Seat {
	s.t.Helper()
	w := httptest.NewRecorder()
	seat, err := s.Seat(w, d.request("/queue"), client, d.name)
	if err != nil {
		s.t.Fatal(err)
	}
	d.keep(w)
	return seat
}

func attempt() (a store.Attempt) {
	id := newNode()
	copy(a[:], id[:])
	return a
}

// full is a room in which nobody is called any more: crowd takes what was called
// in advance and more.
func (s *scene) crowd(client string, n int) []*device {
	s.t.Helper()
	all := make([]*device, n)
	for i := range all {
		all[i] = newDevice()
		if _, _, err := all[i].enter(s, client, Login); err != nil {
			s.t.Fatal(err)
		}
	}
	return all
}

func TestWithRoomToSpareNobodySeesTheRoom(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	d := newDevice()
	d.waits(s, "shop", Look, false)
	if len(d.cookies) != 0 {
		t.Errorf("who only looks has %v, want nothing", d.cookies)
	}
	pass := d.waits(s, "shop", Login, false)
	var p lobby.Pass
	if err := p.Unmarshal(pass); err != nil || p.Room != "main" || len(pass) > maxPass {
		t.Fatalf("got %+v, %v", p, err)
	}
	if err := s.Spend(t.Context(), "shop", pass, attempt()); err != nil {
		t.Fatal(err)
	}
	if err := s.Spend(t.Context(), "shop", pass, attempt()); !errors.Is(err, room.ErrSpent) {
		t.Fatalf("got %v, want ErrSpent", err)
	}
}

func TestMoreThanMayGoOnWaitAndAreCalledInTheirOrder(t *testing.T) {
	s := one(t, auto("main"))
	s.wait(2)
	all := s.crowd("shop", 60)
	in := 0
	for range 10 {
		s.wait(1)
		s.clock.Add(int64(999 * time.Millisecond))
		for i, d := range all[in:] {
			if seat := d.seat(s, "shop"); !seat.Called {
				in += i
				break
			} else if in+i == len(all)-1 {
				in = len(all)
			}
		}
		s.clock.Add(-int64(999 * time.Millisecond))
	}
	if in != 60 {
		t.Errorf("got %d in after ten seconds, want all", in)
	}
	late := all[40]
	if pass := late.waits(s, "shop", Login, false); pass == nil {
		t.Error("no pass")
	}
	if strings.Contains(s.log.String(), "level=") {
		t.Errorf("the log says:\n%s", s.log)
	}
}
