package lobby

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 345e6, time.UTC)

func aTicket() Ticket {
	return Ticket{Room: "vaccine", Epoch: 1<<63 + 5, Number: 123456, Issued: noon.Local(), Key: [32]byte{1, 31: 2}, Seed: [16]byte{3, 15: 4}, Late: 9}
}

func aPass() Pass {
	t := aTicket()
	p := t.Pass(77, [32]byte{8}, noon)
	p.Expires = p.Expires.Local()
	return p
}

// The forms are a promise between nodes of different versions.
func TestFormsAreTheGoldenOnes(t *testing.T) {
	ticket, pass, told := aTicket(), aPass(), Ticket{Room: "v", Seed: [16]byte{3}, Told: noon, Wait: 90, Passed: true}
	pass.Extended, pass.Late = true, 0
	late := pass
	late.Late = 9
	for name, tc := range map[string]struct {
		got  []byte
		want string
	}{
		"ticket": {ticket.Marshal(), "01010776616363696e65020a858080808080808080010303c0c4070406d9fefc938e3705200100000000000000000000000000000000000000000000000000000000000002061003000000000000000000000000000004070109"},
		"told":   {told.Marshal(), "010101760610030000000000000000000000000000000806d9fefc938e3709015a0a0101"},
		"pass":   {pass.Marshal(), "01010776616363696e6502014d030a858080808080808080010403c0c40705100300000000000000000000000000000406200800000000000000000000000000000000000000000000000000000000000000070699a884948e37080101"},
		"late":   {late.Marshal(), "01010776616363696e6502014d030a858080808080808080010403c0c40705100300000000000000000000000000000406200800000000000000000000000000000000000000000000000000000000000000070699a884948e37080101090109"},
	} {
		want, err := hex.DecodeString(tc.want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tc.got, want) {
			t.Errorf("%s: got %x, want %x", name, tc.got, want)
		}
	}
}

func TestFormsAreReadAsTheyWereWritten(t *testing.T) {
	ticket, pass := aTicket(), aPass()
	ticket.Told, ticket.Wait, ticket.Passed = noon.Local(), 3600, true
	var t2 Ticket
	if err := t2.Unmarshal(append(ticket.Marshal(), 99, 2, 'n', 'w')); err != nil { // a later version's field
		t.Fatal(err)
	}
	if d := cmp.Diff(ticket, t2); d != "" {
		t.Errorf("ticket (-want +got):\n%s", d)
	}
	var p2 Pass
	if err := p2.Unmarshal(append(pass.Marshal(), 99, 0)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(pass, p2); d != "" {
		t.Errorf("pass (-want +got):\n%s", d)
	}
}

func TestFormsThatAreNoneOfOursAreRefused(t *testing.T) {
	ticket, pass := aTicket(), aPass()
	whole := ticket.Marshal()
	for name, p := range map[string][]byte{
		"nothing": nil, "another format": {2}, "no fields": {1}, "cut": whole[:len(whole)-1],
		"a number that is none": {1, 3, 1, 0x80}, "a name that is too short": append(bytes.Clone(whole), tagTicketSeed, 1, 1),
		"a long room": append(bytes.Clone(whole), append([]byte{tagTicketRoom, MaxRoom + 1}, make([]byte, MaxRoom+1)...)...),
	} {
		if err := new(Ticket).Unmarshal(p); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
		if err := new(Pass).Unmarshal(p); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s as a pass: got %v, want ErrMalformed", name, err)
		}
	}
	pass.Browser = [32]byte{}
	if err := new(Pass).Unmarshal(pass.Marshal()); !errors.Is(err, ErrMalformed) {
		t.Errorf("a pass of no browser: got %v, want ErrMalformed", err)
	}
}

func TestAPassLivesTwoMinutesAndIsExtendedOnce(t *testing.T) {
	p := aPass()
	if got := p.Expires.Sub(noon); got != 120*time.Second {
		t.Errorf("got a life of %v, want two minutes", got)
	}
	last := p.Expires.Add(-time.Millisecond)
	longer, err := p.Extend(last)
	if err != nil || !longer.Expires.Equal(noon.Add(240*time.Second)) {
		t.Errorf("got %v, %v, want four minutes in all", longer.Expires.Sub(noon), err)
	}
	if again, err := p.Extend(noon); err != nil || again != longer {
		t.Errorf("extended once more from the first: got %v, %v, want the same pass", again, err)
	}
	if _, err := longer.Extend(last); !errors.Is(err, ErrExtended) {
		t.Errorf("a second time: got %v, want ErrExtended", err)
	}
	if _, err := p.Extend(p.Expires); !errors.Is(err, ErrExpired) {
		t.Errorf("when it is over: got %v, want ErrExpired", err)
	}
}

func FuzzTicketForm(f *testing.F) {
	ticket := aTicket()
	f.Add(ticket.Marshal())
	f.Add([]byte{1, 1, 1, 'a', 6, 16, 1, 2, 3})
	f.Fuzz(func(t *testing.T, p []byte) {
		var one, two Ticket
		if one.Unmarshal(p) != nil {
			return
		}
		if err := two.Unmarshal(one.Marshal()); err != nil || one != two {
			t.Errorf("got %+v, %v, want %+v", two, err, one)
		}
	})
}

func FuzzPassForm(f *testing.F) {
	pass := aPass()
	f.Add(pass.Marshal())
	f.Fuzz(func(t *testing.T, p []byte) {
		var one, two Pass
		if one.Unmarshal(p) != nil {
			return
		}
		if err := two.Unmarshal(one.Marshal()); err != nil || one != two {
			t.Errorf("got %+v, %v, want %+v", two, err, one)
		}
	})
}
