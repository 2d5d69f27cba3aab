package room

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"sinho/lobby"
	"sinho/seal"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func ring(t testing.TB, cell string, secret byte) *seal.Ring {
	t.Helper()
	r, err := seal.NewRing(cell, seal.Key{Version: 1, Secret: bytes.Repeat([]byte{secret}, seal.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ticketOf(number uint64) lobby.Ticket {
	return lobby.Ticket{Room: "vaccine", Epoch: 5, Number: number, Issued: noon.Local(), Seed: [16]byte{1}}
}

func must(t testing.TB) func(token string, err error) string {
	t.Helper()
	return func(token string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
}

// 2021: numbers and passes were typed, shared and carried from room to room. Each
// way is refused with an error of its own.
func TestAttackWaitingRoomForgedExpiredForeignAndSharedPapers(t *testing.T) {
	const issuer = "https://login.example"
	r := ring(t, "seoul", 1)
	papers := NewPapers(r, issuer)
	mine, other := [32]byte{7}, [32]byte{8}
	ticket := ticketOf(9)
	pass := ticket.Pass(5, mine, noon)
	sealed, entry := must(t)(papers.SealTicket(ticket, noon.Add(time.Hour))), must(t)(papers.SealPass(pass))
	foreign := ticket
	foreign.Room = "concert"

	if got, err := papers.OpenTicket(sealed, "vaccine", noon); err != nil || got != ticket {
		t.Fatalf("got %+v, %v, want the ticket", got, err)
	}
	if got, err := papers.OpenPass(entry, "vaccine", mine, noon); err != nil || got.Number != 9 {
		t.Fatalf("got %+v, %v, want the pass", got, err)
	}
	changed := []byte(entry)
	changed[len(changed)/2] ^= 1
	for name, tc := range map[string]struct {
		token   string
		room    string
		browser [32]byte
		after   time.Duration
		want    error
	}{
		"typed":                      {"letmein", "vaccine", mine, 0, lobby.ErrForged},
		"changed":                    {string(changed), "vaccine", mine, 0, lobby.ErrForged},
		"a ticket for a pass":        {sealed, "vaccine", mine, 0, lobby.ErrForged},
		"a request for a pass":       {must(t)(r.Box("request").Seal(pass.Marshal(), noon.Add(time.Hour), issuer)), "vaccine", mine, 0, lobby.ErrForged},
		"of another issuer":          {must(t)(NewPapers(r, "https://other.example").SealPass(pass)), "vaccine", mine, 0, lobby.ErrForged},
		"of another cell":            {must(t)(NewPapers(ring(t, "busan", 1), issuer).SealPass(pass)), "vaccine", mine, 0, lobby.ErrForged},
		"of another key":             {must(t)(NewPapers(ring(t, "seoul", 2), issuer).SealPass(pass)), "vaccine", mine, 0, lobby.ErrForged},
		"sealed, and no form":        {must(t)(r.Box("lobby pass").Seal([]byte("pass"), noon.Add(time.Hour), issuer)), "vaccine", mine, 0, lobby.ErrForged},
		"in another room":            {entry, "concert", mine, 0, lobby.ErrForeignRoom},
		"in another browser":         {entry, "vaccine", other, 0, lobby.ErrOtherBrowser},
		"its last moment":            {entry, "vaccine", mine, lobby.PassLife - time.Millisecond, nil},
		"over":                       {entry, "vaccine", mine, lobby.PassLife, lobby.ErrExpired},
		"over, and in another room":  {entry, "concert", mine, lobby.PassLife, lobby.ErrForeignRoom},
		"over, in another browser":   {entry, "vaccine", other, lobby.PassLife, lobby.ErrOtherBrowser},
		"a ticket of the other room": {must(t)(papers.SealTicket(foreign, noon.Add(time.Hour))), "vaccine", mine, 0, lobby.ErrForged},
	} {
		got, err := papers.OpenPass(tc.token, tc.room, tc.browser, noon.Add(tc.after))
		if !errors.Is(err, tc.want) || err != nil && got != (lobby.Pass{}) {
			t.Errorf("a pass %s: got %+v, %v, want %v", name, got, err, tc.want)
		}
	}

	if _, err := papers.OpenTicket(must(t)(papers.SealTicket(foreign, noon.Add(time.Hour))), "vaccine", noon); !errors.Is(err, lobby.ErrForeignRoom) {
		t.Errorf("a ticket of another room: got %v, want ErrForeignRoom", err)
	}
	if got, err := papers.OpenTicket(sealed, "vaccine", noon.Add(time.Hour)); !errors.Is(err, lobby.ErrExpired) || got != ticket {
		t.Errorf("a ticket that is over: got %+v, %v, want it with ErrExpired", got, err)
	}
	for _, forged := range []string{"", entry, strings.ToUpper(sealed), sealed + "A"} {
		if got, err := papers.OpenTicket(forged, "vaccine", noon); !errors.Is(err, lobby.ErrForged) || got != (lobby.Ticket{}) {
			t.Errorf("the ticket %.20q: got %+v, %v, want ErrForged", forged, got, err)
		}
	}
}

func TestAnExtendedPassOpensAsLong(t *testing.T) {
	papers := NewPapers(ring(t, "seoul", 1), "issuer")
	ticket := ticketOf(1)
	pass, err := func() (lobby.Pass, error) {
		p := ticket.Pass(5, [32]byte{1}, noon)
		return p.Extend(noon.Add(time.Minute))
	}()
	if err != nil {
		t.Fatal(err)
	}
	token := must(t)(papers.SealPass(pass))
	if _, err := papers.OpenPass(token, "vaccine", [32]byte{1}, noon.Add(239*time.Second)); err != nil {
		t.Errorf("got %v, want it open", err)
	}
	if _, err := papers.OpenPass(token, "vaccine", [32]byte{1}, noon.Add(240*time.Second)); !errors.Is(err, lobby.ErrExpired) {
		t.Errorf("got %v, want ErrExpired", err)
	}
}

func TestEveryNodeFindsTheSameSeedAndNoOtherRoomHasIt(t *testing.T) {
	announced, opens := noon.Add(-time.Hour), noon
	seed := Seed(ring(t, "seoul", 1), "vaccine", announced, opens)
	if again := Seed(ring(t, "seoul", 1), "vaccine", announced, opens.In(time.FixedZone("KST", 9*3600))); again != seed {
		t.Error("another node finds another seed")
	}
	later, err := seal.NewRing("seoul", seal.Key{Version: 1, Secret: bytes.Repeat([]byte{1}, seal.KeySize)}, seal.Key{Version: 2, Secret: bytes.Repeat([]byte{2}, seal.KeySize), SealFrom: announced.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if Seed(later, "vaccine", announced, opens) != seed {
		t.Error("a rotation of keys after the announcement changes the seed")
	}
	for name, other := range map[string][lobby.SeedSize]byte{
		"room": Seed(ring(t, "seoul", 1), "vaccines", announced, opens), "opening": Seed(ring(t, "seoul", 1), "vaccine", announced, opens.Add(time.Second)),
		"key": Seed(ring(t, "seoul", 2), "vaccine", announced, opens), "cell": Seed(ring(t, "busan", 1), "vaccine", announced, opens),
	} {
		if other == seed {
			t.Errorf("another %s has the same seed", name)
		}
	}
}

func FuzzOpenPapers(f *testing.F) {
	papers := NewPapers(ring(f, "seoul", 1), "issuer")
	ticket := ticketOf(3)
	f.Add(must(f)(papers.SealTicket(ticket, noon.Add(time.Hour))))
	f.Add(must(f)(papers.SealPass(ticket.Pass(5, [32]byte{1}, noon))))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		if got, err := papers.OpenTicket(token, "vaccine", noon); err == nil && got != ticket {
			t.Errorf("got the ticket %+v of %q", got, token)
		}
		if got, err := papers.OpenPass(token, "vaccine", [32]byte{1}, noon); err == nil && got.Ticket != ticket.Seed {
			t.Errorf("got the pass %+v of %q", got, token)
		}
	})
}
