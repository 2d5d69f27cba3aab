package peers

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sinho/citizen"
)

// renewLimit is how often the broker asks for keys at most because of a kid it
// does not know.
const renewLimit = 5 * time.Second

// testRotation changes the upstream's key under people who are on their way.
func testRotation(t *testing.T, a *abroad, s *station) {
	t.Run("people on their way arrive, and the keys are read once", func(t *testing.T) { testKeyAdded(t, a, s) })
	t.Run("so does who comes after the old key was withdrawn", func(t *testing.T) { testKeyWithdrawn(t, a, s) })
	t.Run("unknown kids make the keys be read seldom", func(t *testing.T) { testUnknownKids(t, a, s) })
}

func testKeyAdded(t *testing.T, a *abroad, s *station) {
	first := a.traveller(t, s, "")
	first.arrived(first.travel("/login"))
	_, old := s.last()

	typing := a.traveller(t, s, "")
	form := typing.leave("/login")
	people := make([]*traveller, 6)
	back := make([]string, len(people))
	for i := range people {
		people[i] = a.traveller(t, s, "")
		back[i] = people[i].codeInHand()
	}
	reads := s.reads()
	s.rotate(t, syscall.SIGHUP)

	type end struct {
		page *citizen.Page
		err  error
	}
	ends := make([]chan end, len(people))
	for i, v := range people {
		ends[i] = make(chan end, 1)
		go func() {
			page, err := v.Open(t.Context(), back[i])
			ends[i] <- end{page, err}
		}()
	}
	for i, v := range people {
		got := <-ends[i]
		if got.err != nil {
			t.Fatal(got.err)
		}
		v.arrived(got.page)
	}
	typing.arrived(typing.sign(form))
	if _, kid := s.last(); kid == old {
		t.Errorf("%s still signs with %s, want another key", s.name, old)
	}
	if got := s.reads() - reads; got != 1 {
		t.Errorf("the keys were read %d times, want once for all", got)
	}
}

// testKeyWithdrawn is about a registration whose keys were read when the broker
// started, and never since.
func testKeyWithdrawn(t *testing.T, a *abroad, s *station) {
	reads := s.reads()
	s.rotate(t, syscall.SIGUSR1)
	after := a.traveller(t, s, asTwin)
	after.arrived(after.travel("/login"))
	if got := s.reads() - reads; got != 1 {
		t.Errorf("the keys were read %d times, want once", got)
	}
}

// testUnknownKids: however many tokens name a key that nobody publishes, the
// upstream is asked for its keys within the limit.
func testUnknownKids(t *testing.T, a *abroad, s *station) {
	reads, began := s.reads(), time.Now()
	n := 0
	s.during(s.signs(func(claims map[string]any) string {
		n++
		return s.sign(s.between.alg, s.own.Key, fmt.Sprintf("kid-%d", n), claims)
	}), func() {
		for range 8 {
			v := a.traveller(t, s, asTwin)
			mark := a.broker.out.mark()
			v.turnedBack(v.travel("/login"), mark, refusal{"bad-code", "kid", "again"})
		}
	})
	most := 1 + int(time.Since(began)/renewLimit)
	if got := s.reads() - reads; got > most || n != 8 {
		t.Errorf("%d unknown kids: the keys were read %d times, want at most %d", n, got, most)
	}
}

// testAlgorithm: an upstream that begins to sign by another algorithm says so in
// its metadata, of which the broker has an old copy. It is the last change of
// keys: within the limit of another one it would not be seen.
func testAlgorithm(t *testing.T, a *abroad, s *station) {
	s.rotate(t, syscall.SIGUSR2)
	for range 2 {
		v := a.traveller(t, s, asLight)
		v.arrived(v.travel("/login"))
	}
	token, _ := s.last()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if got := jws.Signatures[0].Header.Algorithm; got == s.upstream.alg {
		t.Errorf("%s still signs by %s", s.name, got)
	}
}
