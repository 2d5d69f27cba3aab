package alert

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/signal"
)

// The example of the Standard Webhooks libraries.
func TestMessagesAreSignedAsStandardWebhooksAre(t *testing.T) {
	secrets, err := ParseSecrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := signature(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSecretsThatTakeOverSignBesideEachOther(t *testing.T) {
	one := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 32)))
	two := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("b", 24)))
	secrets, err := ParseSecrets("  " + one + "\t" + two + "\n")
	if err != nil || len(secrets) != 2 {
		t.Fatalf("got %d %v, want both", len(secrets), err)
	}
	if got := strings.Fields(signature(secrets, "id", "1", nil)); len(got) != 2 || got[0] == got[1] {
		t.Errorf("got %v, want a signature by each", got)
	}
	for name, text := range map[string]string{
		"none": " ", "too short": "whsec_" + base64.StdEncoding.EncodeToString([]byte("short")), "without its prefix": one[6:],
		"too long": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)), "not base64": "whsec_" + strings.Repeat("!", 40),
		"one of two bad": one + " hush", "too many": strings.Repeat(one+" ", 4),
	} {
		if got, err := ParseSecrets(text); err == nil || got != nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %d secrets, %v", name, len(got), err)
		}
	}
}

func TestAMessageReadsInEitherLanguage(t *testing.T) {
	at := time.Date(2026, 7, 1, 11, 0, 0, 0, time.UTC)
	until := at.Add(time.Hour)
	m := message{ID: "x", At: at, Changes: []change{
		{
			"kakao",
			signal.Text{KO: "카카오", EN: "Kakao"},
			signal.Green, signal.Red, at, nil,
			signal.Reason{Code: "slow", Text: signal.Text{KO: "느립니다.", EN: "It is slow."}},
		},
		{"nara", signal.Text{}, signal.Red, signal.Grey, at, &until, signal.Reason{Code: "operator"}},
	}}
	a := &Alerts{cfg: Config{Issuer: "https://id.example.kr"}}
	for english, want := range map[bool]string{
		false: `{"type":"lights.changed","timestamp":"2026-07-01T11:00:00Z","text":"■ 카카오: 원활 → 혼잡. 느립니다.\n✕ nara: 혼잡 → 선택불가","data":{"issuer":"https://id.example.kr","changes":[` +
			`{"provider":"kakao","name":{"ko":"카카오","en":"Kakao"},"from":"green","to":"red","since":"2026-07-01T11:00:00Z","until":null,"reason":{"code":"slow","ko":"느립니다.","en":"It is slow."}},` +
			`{"provider":"nara","name":{"ko":"","en":""},"from":"red","to":"grey","since":"2026-07-01T11:00:00Z","until":"2026-07-01T12:00:00Z","reason":{"code":"operator","ko":"","en":""}}]}}`,
		true: `■ Kakao: Smooth → Busy. It is slow.\n✕ nara: Busy → Closed`,
	} {
		got, err := a.render(Target{English: english}, m)
		if err != nil || !strings.Contains(string(got), want) || !english && string(got) != want {
			t.Errorf("got %s %v, want %s", got, err, want)
		}
	}
	m.Quiet = at.Add(-time.Hour)
	got, err := a.render(Target{}, m)
	if err != nil || !strings.Contains(string(got), `"type":"lights.summary"`) || !strings.Contains(string(got), `"quiet_since":"2026-07-01T10:00:00Z"`) ||
		!strings.Contains(string(got), `"text":"조용한 시간 동안 바뀐 내용입니다.\n■`) {
		t.Errorf("got %s %v, want a summary", got, err)
	}
	if d := cmp.Diff("What changed during quiet hours:", strings.SplitN(m.text(true), "\n", 2)[0]); d != "" {
		t.Error(d)
	}
}
