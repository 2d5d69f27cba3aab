package live

import (
	"testing"
	"testing/synctest"
	"time"

	"sinho/signal"
)

// plan is maintenance of the one provider, from so long to so long after now.
func plan(from, to time.Duration) map[string][]signal.Maintenance {
	now := time.Now().Truncate(time.Second)
	return map[string][]signal.Maintenance{"kakao": {{From: now.Add(from), To: now.Add(to)}}}
}

func TestMaintenanceIsGreyUntilItsEndAndNotYetKnownAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.crowd(5, time.Minute, nil)
		s.Plan(t.Context(), plan(10*time.Second, 40*time.Second))
		b := s.Board().Providers[0]
		if b.Light != signal.Green || b.Planned == nil || b.Planned.To.Sub(b.Planned.From) != 30*time.Second || s.Admit("kakao") != "" {
			t.Fatalf("before: got %+v, want green and told of", b)
		}
		s.crowd(5, 12*time.Second, nil)
		b = s.Board().Providers[0]
		if b.Light != signal.Grey || b.Measured || b.Until == nil || b.Reason.Code != signal.CodeMaintenance || b.Reason.KO == "" || b.Planned != nil {
			t.Fatalf("during: got %+v, want grey with its end and its words", b)
		}
		if s.Admit("kakao") != "closed" || s.Disabled("kakao") {
			t.Error("during: want nobody admitted and whoever is on the way let in")
		}
		time.Sleep(time.Until(*b.Until) + 1100*time.Millisecond)
		if b = s.Board().Providers[0]; b.Light != signal.Yellow || b.Measured || b.Until != nil || s.Admit("kakao") != "" {
			t.Errorf("after: got %+v, want an unmeasured yellow that can be chosen", b)
		}
		if _, met := s.crowd(5, time.Minute, s.is("green")); !met {
			t.Errorf("a minute after: got %s, want green", s.Light("kakao"))
		}
		time.Sleep(15 * time.Second)
		s.stop(t)
	})
}

func TestAProviderThatIsStillAwayAfterItsMaintenanceStaysGrey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.crowd(5, time.Minute, nil)
		s.Plan(t.Context(), plan(time.Second, time.Minute))
		time.Sleep(2 * time.Second)
		s.fault.down.Store(true)
		time.Sleep(time.Minute)
		if b := s.Board().Providers[0]; b.Light != signal.Grey || b.Reason.Code != signal.CodeBreaker || b.Until != nil {
			t.Errorf("it overruns: got %+v, want grey by measurement", b)
		}
		s.fault.down.Store(false)
		time.Sleep(20 * time.Second)
		if b := s.Board().Providers[0]; !b.Light.Choosable() {
			t.Errorf("it is back: got %+v, want it to be chosen again", b)
		}
		s.stop(t)
	})
}

func TestAnOperatorsWordLiesOverMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		planned := plan(5*time.Second, time.Minute)
		s.Plan(t.Context(), planned)
		o := &signal.Override{Disabled: true, Reason: signal.Text{KO: "사고", EN: "Incident"}, Until: time.Now().Add(30 * time.Second)}
		if err := s.Override("kakao", o); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		b := s.Board().Providers[0]
		if b.Reason.Code != signal.CodeDisabled || !b.Until.Equal(planned["kakao"][0].To) || !s.Disabled("kakao") {
			t.Errorf("both in force: got %+v, want the operator's words and the later end", b)
		}
		time.Sleep(25 * time.Second)
		if b = s.Board().Providers[0]; b.Reason.Code != signal.CodeMaintenance || s.Disabled("kakao") {
			t.Errorf("the word is over: got %+v, want the maintenance", b)
		}
		if err := s.Override("kakao", nil); err != nil {
			t.Fatal(err)
		}
		if s.Admit("kakao") != "closed" {
			t.Error("taking back a word: want the maintenance to stay")
		}
		s.Plan(t.Context(), nil)
		if b = s.Board().Providers[0]; b.Light != signal.Yellow || s.Admit("kakao") != "" {
			t.Errorf("taken from the settings: got %+v, want it open at once", b)
		}
		s.stop(t)
	})
}

// TestNodesBeginAndEndMaintenanceTogether: their machines' clocks are far apart,
// and the boards are the same bytes all the time.
func TestNodesBeginAndEndMaintenanceTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, 7*time.Second, -11*time.Second)
		c.run(9, 5, nil) // their clocks find the store's
		c.run(9, 30, c.one)
		planned := plan(20*time.Second, 40*time.Second)
		for _, m := range c.nodes {
			m.Plan(t.Context(), planned)
		}
		c.run(9, 3, nil)
		grey, up := 0, c.upwards()
		c.run(9, 60, func(second int) {
			c.one(second)
			up(second)
			b := c.nodes[0].Board()
			shut := b.Providers[0].Reason.Code == signal.CodeMaintenance
			if in := !b.At.Before(planned["kakao"][0].From) && b.At.Before(planned["kakao"][0].To); shut != in {
				t.Errorf("at %v: got grey %t, want %t", b.At, shut, in)
			}
			if shut {
				grey++
			}
		})
		if grey < 19 || grey > 21 {
			t.Errorf("got %d s of grey, want 20", grey)
		}
		c.stop()
	})
}
