package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/signal"
	"sinho/signal/alert"
)

func TestAlertsAreTakenAsTheyAreWritten(t *testing.T) {
	got := everything(t).Targets()
	if len(got) != 1 || got[0].Quiet[0].Zone.String() != "Asia/Seoul" || len(got[0].Secrets) != 1 {
		t.Fatalf("got %+v", got)
	}
	all := [7]bool{true, true, true, true, true, true, true}
	want := alert.Target{
		ID: "ops", URL: "https://hooks.example.kr/sinho", Secrets: got[0].Secrets, // not for printing
		Lights: []signal.Light{signal.Red, signal.Grey}, Providers: []string{"naver", "kakao"},
		Quiet: []signal.Maintenance{{Days: all, Begin: 22 * time.Hour, End: 31 * time.Hour}, {Days: [7]bool{0: true, 6: true}, End: 24 * time.Hour}},
	}
	for i := range got[0].Quiet {
		got[0].Quiet[i].Zone = nil
	}
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Errorf("target (-want +got):\n%s", d)
	}
	if got := len(got[0].Secrets[0]); got != 24 {
		t.Errorf("got a secret of %d bytes, want 24", got)
	}
}

// Attack: SSRF through the address of an alert: what is not a plain name, or an
// address where somebody can be, is refused before anything is sent. Where a name
// leads is judged when it is dialled.
func TestAttackSSRFThroughTheAddressOfAnAlert(t *testing.T) {
	for _, address := range []string{
		"http://169.254.169.254/latest", "https://169.254.169.254/latest", "http://10.0.0.1/", "https://[fd00:ec2::254]/", "https://[::ffff:169.254.169.254]/",
		"file:///etc/passwd", "gopher://x/", "https://x@hooks.example.kr/", "https://0x7f.1/", "https://2130706433/", "https://017700000001/", "https://", "https:///x", "https://:443/", "//x", "https://hooks.example.kr/#x", "https://0.0.0.0/",
	} {
		if alertAddress(address) == "" {
			t.Errorf("%s: got it taken", address)
		}
	}
	for _, address := range []string{"https://hooks.example.kr/sinho?x=1", "http://localhost:8080/", "http://[::1]:8080/", "https://10.1.2.3/", "https://2hooks.example/"} {
		if what := alertAddress(address); what != "" {
			t.Errorf("%s: got %q, want it taken", address, what)
		}
	}
}
