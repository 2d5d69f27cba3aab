package main

import (
	"testing"
	"testing/synctest"
	"time"

	"sinho/broker"
	"sinho/providers"
)

func TestNobodyIsSentToAProviderWhoseBreakerIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newGuards([]string{"kakao", "naver"}, time.Now)
		var told int
		h := all.contained(broker.Hooks{
			Admit: func(p string) string {
				if p == "naver" {
					return broker.NoticeClosed
				}
				return ""
			},
			Ended: func(broker.Trip) { told++ },
		})
		if got := h.Admit("kakao"); got != "" {
			t.Fatalf("got notice %q before any failure", got)
		}
		// A quota is told by the adapter alone.
		end := func(e *providers.Error) {
			for range 20 {
				h.Ended(broker.Trip{Provider: "kakao", Err: e})
				time.Sleep(time.Second / 2)
			}
		}
		end(nil)
		end(&providers.Error{Class: providers.BadCode})
		end(&providers.Error{Class: providers.Down, Seen: true}) // counted on the wire
		end(&providers.Error{Class: providers.Shed})             // by ourselves
		if got := h.Admit("kakao"); got != "" {
			t.Errorf("got notice %q, want none of this to count", got)
		}
		before := told
		for range 16 {
			h.Ended(broker.Trip{Provider: "kakao", Err: &providers.Error{Class: providers.Throttled, Code: "-10"}})
			time.Sleep(9 * time.Second / 20)
		}
		if got := h.Admit("kakao"); got != broker.NoticeBusy || told != before+16 {
			t.Errorf("got notice %q, lights told %d times; want %q and 16", got, told-before, broker.NoticeBusy)
		}
		if got := h.Admit("naver"); got != broker.NoticeClosed {
			t.Errorf("got notice %q, want the light's own word first", got)
		}
		if got := h.Admit("unknown"); got != "" {
			t.Errorf("got notice %q for a provider nobody guards", got)
		}
		time.Sleep(10 * time.Second)
		if got := h.Admit("kakao"); got != "" {
			t.Errorf("got notice %q after the pause, want somebody to try", got)
		}
	})
}
