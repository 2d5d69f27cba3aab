package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sinho/config"
)

const august = "../../testdata/rota/august-2021.yaml"

func rotaSays(t *testing.T, args ...string) string {
	t.Helper()
	t.Setenv("PASS_SECRET", "x")
	out, err := command(t, append([]string{"rota", "--config", august}, args...)...)
	if err != nil {
		t.Fatalf("%v: got %v", args, err)
	}
	return out
}

func TestRotaExplainsADecision(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want []string
	}{
		"in turn": {
			[]string{"--birthdate", "1990-05-29", "--at", "2021-08-09 20:00"},
			[]string{"들어올 수 있습니다. 2021-08-10 18:00까지입니다.\n", "Admitted until 2021-08-10 18:00.\n", "vaccine, of booking, zone Asia/Seoul, grace 10m0s", "1990-05-29: the day ends in 9", "rules[0] of it: 2021-08-09 – 2021-08-18, each day 20:00–18:00, by the last digit of the day, born 1972–2003"},
		},
		"not in turn": {
			[]string{"--birthdate", "1990-05-12", "--at", "2021-08-10 19:00"},
			[]string{"아직 차례가 아닙니다. 다음 차례는 2021-08-12 20:00부터 2021-08-13 18:00까지입니다.\n", "Not admitted. The next turn is from 2021-08-12 20:00 to 2021-08-13 18:00.\n"},
		},
		"missed, by year of birth": {
			[]string{"--birthdate", "1980-10-10", "--at", "2021-08-15T10:00:00Z"},
			[]string{"from 2021-08-19 20:00 to 2021-08-20 18:00", "2021-08-15 19:00 KST", "rules[1]", "born 1972–1985"},
		},
		"within the grace": {
			[]string{"--birthdate", "1990-05-09", "--at", "2021-08-10 18:05", "--came", "2021-08-10 17:59:59"},
			[]string{"2021-08-10 18:10까지 마칠 수 있습니다", "the turn was over at 2021-08-10 18:00, but whoever came before that may finish until 2021-08-10 18:10."},
		},
		"never": {
			[]string{"--birthdate", "2004-01-01", "--at", "2021-08-10 18:05"},
			[]string{"들어올 수 없습니다. 남은 차례가 없습니다.\n", "Not admitted, and no turn is left.\n"},
		},
		"whose turn it is": {
			[]string{"--at", "2021-08-10 17:59", "--client", "booking"},
			[]string{"지금 차례: 1972–2003년생 중 생일 끝자리 9 (2021-08-09 20:00 – 2021-08-10 18:00)\n", "Now: born 1972–2003, day of birth ending in 9 ("},
		},
		"nobody's": {
			[]string{"--at", "2021-08-10 18:00", "--rota", "vaccine"},
			[]string{"Closed now. Next: born 1972–2003, day of birth ending in 0 (2021-08-10 20:00 – 2021-08-11 18:00)"},
		},
		"it is over": {[]string{"--at", "2021-09-18 18:00"}, []string{"일정이 모두 끝났습니다.\nThe rota is over.\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := rotaSays(t, tc.args...)
			for _, want := range tc.want {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q:\n%s", want, out)
				}
			}
		})
	}
}

func TestRotaSaysItToMachines(t *testing.T) {
	var said map[string]any
	read := func(args ...string) {
		t.Helper()
		said = nil
		if err := json.Unmarshal([]byte(rotaSays(t, append(args, "--json")...)), &said); err != nil {
			t.Fatal(err)
		}
	}
	want := func(pairs ...any) {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			if got := said[pairs[i].(string)]; got != pairs[i+1] {
				t.Errorf("%s: got %v, want %v", pairs[i], got, pairs[i+1])
			}
		}
	}
	read("--birthdate", "1990-05-12", "--at", "2021-08-10 19:00")
	want("rota", "vaccine", "zone", "Asia/Seoul", "birthdate", "1990-05-12", "admitted", false, "rule", 0.0, "never", nil,
		"at", "2021-08-10T19:00:00+09:00", "from", "2021-08-12T20:00:00+09:00", "to", "2021-08-13T18:00:00+09:00", "open", nil)
	read("--birthdate", "2004-01-01", "--at", "2021-08-10 19:00")
	want("admitted", false, "never", true, "from", nil, "rule", nil)
	read("--at", "2021-08-10 19:00")
	want("open", false, "admitted", nil, "birthdate", nil)
	if turns, _ := said["turns"].([]any); len(turns) != 1 || turns[0].(map[string]any)["digit"] != 0.0 || turns[0].(map[string]any)["born_from"] != 1972.0 {
		t.Errorf("got turns %v, want the one of the 0", said["turns"])
	}
}

// What a page is told reaches as far as it may stay open: the end of the window that
// is open and the next one, and not the end of that.
func TestAPageIsToldWhatItsRotaSaysLater(t *testing.T) {
	t.Setenv("PASS_SECRET", "x")
	cfg, err := config.Load(august, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		t.Helper()
		m, err := time.ParseInLocation("2006-01-02 15:04", text, time.FixedZone("KST", 9*60*60))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	rotas := timetables(cfg.Timetables())
	got := rotas.today("vaccine", at("2021-08-10 17:00"))
	rest := got.Then
	if !got.Open || !got.Changes.Equal(at("2021-08-10 18:00")) || rest == nil || rest.Open || !rest.Changes.Equal(at("2021-08-10 20:00")) {
		t.Fatalf("got %+v, then %+v, want a rest between the windows", got, rest)
	}
	if next := rest.Then; next == nil || !next.Open || next.Turns[0].Digit != 0 || !next.Changes.Equal(at("2021-08-11 18:00")) || next.Then != nil {
		t.Errorf("got %+v, want the turn of the 0, and no more of what is a day away", next)
	}
	if got := rotas.today("none", time.Now()); got.Then != nil || len(got.Turns) != 0 {
		t.Errorf("no such rota: got %+v", got)
	}
}

func TestRotaRefusesWhatItCannotDecide(t *testing.T) {
	t.Setenv("PASS_SECRET", "x")
	none := filepath.Join(t.TempDir(), "none.yaml")
	text, err := os.ReadFile(august)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), "rotas:\n")
	_, after, _ := strings.Cut(rest, "clients:\n")
	writeFile(t, none, before+"clients:\n"+strings.Replace(after, "    rota: vaccine\n", "", 1))
	two := filepath.Join(t.TempDir(), "two.yaml")
	writeFile(t, two, strings.Replace(string(text), "rotas:\n", "rotas:\n  - {id: other, rules: [{from: 2021-08-21 20:00}]}\n", 1))
	for name, tc := range map[string]struct{ args, want string }{
		"a date that is none":     {"--config " + august + " --birthdate 2021-02-29", "--birthdate \"2021-02-29\" is no date"},
		"a time that is none":     {"--config " + august + " --at yesterday", "--at \"yesterday\" is no time"},
		"a time without a day":    {"--config " + august + " --came 20:00", "--came \"20:00\" is no time"},
		"an unknown rota":         {"--config " + august + " --rota vacine", "there is no such rota: one of vaccine"},
		"an unknown client":       {"--config " + august + " --client shop", "there is no such client"},
		"both":                    {"--config " + august + " --client booking --rota vaccine", "not both"},
		"no rotas":                {"--config " + none, "has no rotas"},
		"a client without a rota": {"--config " + none + " --client booking", "it has no rota"},
		"which of two":            {"--config " + two, "write --rota: one of other, vaccine"},
		"an argument":             {"--config " + august + " booking", "unknown command"},
		"an unknown flag":         {"--config " + august + " --birthday 1990-05-12", "unknown flag"},
		"no such file":            {"--config none.yaml", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := command(t, append([]string{"rota"}, strings.Fields(tc.args)...)...)
			if err == nil || !strings.Contains(err.Error(), tc.want) || exitCode(err) != 2 {
				t.Errorf("got %v (code %d), want %q and code 2", err, exitCode(err), tc.want)
			}
		})
	}
}

func TestCheckSaysWhoseTurnItIs(t *testing.T) {
	w := newWorld(t, "http")
	rotas := "rotas:\n  - {id: open, rules: [{from: 2021-08-21 20:00, born_from: 1972}]}\n  - {id: over, zone: UTC, rules: [{from: 2021-08-09, to: 2021-08-18, daily: 20:00-18:00, last_digit: true}]}\n"
	w.write(rotas + w.text("", "sector: booking\n", "sector: booking\n    min_assurance: verified\n    rota: open\n",
		"name: {ko: 나라, en: Nara}}", "name: {ko: 나라, en: Nara}, assurance: verified}"))
	out := newLines()
	if err := runCheck(w.path, w.env, out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"rota        open, of booking, zone Asia/Seoul, grace 10m0s. Now: born 1972– (2021-08-21 20:00 –)\n", "rota        over, of no client, zone UTC, grace 10m0s. The rota is over.\n",
		"warning: the rota over is over, so it lets nobody in any more\n", "warning: no client goes by the rota over\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if n := out.count("warning: "); n != 2 {
		t.Errorf("got %d warnings, want 2:\n%s", n, out)
	}
}
