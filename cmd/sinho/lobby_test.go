package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// shuffles are those of testdata/lobby/shuffle.json.
type shuffles struct {
	Shuffles []struct {
		Seed, Commitment string
		Count            uint64
		Numbers, Places  []uint64
	}
}

func sharedShuffles(t *testing.T) shuffles {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/lobby/shuffle.json")
	if err != nil {
		t.Fatal(err)
	}
	var v shuffles
	if err := json.Unmarshal(raw, &v); err != nil || len(v.Shuffles) == 0 {
		t.Fatalf("got %d shuffles, %v", len(v.Shuffles), err)
	}
	return v
}

func verify(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return command(t, append([]string{"lobby", "verify"}, args...)...)
}

func text(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestLobbyVerifySaysThePlacesOfTheSharedVectors(t *testing.T) {
	for _, s := range sharedShuffles(t).Shuffles {
		for i, number := range s.Numbers[max(0, len(s.Numbers)-4):] {
			place := s.Places[max(0, len(s.Numbers)-4)+i]
			out, err := verify(t, "--commitment", s.Commitment, "--seed", s.Seed, "--count", text(t, s.Count), "--number", text(t, number), "--json")
			if err != nil {
				t.Fatal(err)
			}
			var said lobbySaid
			if err := json.Unmarshal([]byte(out), &said); err != nil {
				t.Fatal(err)
			}
			if !said.Honoured || *said.Place != place || *said.Shuffled != (number < s.Count) {
				t.Errorf("number %d of %d: got %s, want the place %d", number, s.Count, out, place)
			}
		}
	}
}

func TestLobbyVerifySaysItInTwoLanguages(t *testing.T) {
	s := sharedShuffles(t).Shuffles[6] // a million
	proof := []string{"--commitment", s.Commitment, "--seed", s.Seed, "--count", "1000000"}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"the seed alone": {nil, "공개된 시드가 미리 공개한 약속값과 같습니다.\nThe seed is the one that was committed to.\n"},
		"a number":       {[]string{"--number", "0"}, "0번은 1000000명 중 " + text(t, s.Places[0]+1) + "번째입니다.\n"},
		"a later number": {[]string{"--number", "1000000"}, "Number 1000000 came after the shuffle and has place 1000001, in the order of coming.\n"},
	} {
		out, err := verify(t, append(proof, tc.args...)...)
		if err != nil || !strings.Contains(out, tc.want) {
			t.Errorf("%s: got %q, %v, want %q in it", name, out, err, tc.want)
		}
	}
}

func TestLobbyVerifyRefusesAnotherSeed(t *testing.T) {
	v := sharedShuffles(t).Shuffles
	out, err := verify(t, "--commitment", v[0].Commitment, "--seed", v[1].Seed, "--count", "10", "--number", "3")
	if err == nil || exitCode(err) != 1 || !strings.Contains(out, "다릅니다") || !strings.Contains(out, "Do not trust this shuffle.") || strings.Contains(out, "3번은") {
		t.Errorf("got %q, %v, want exit code 1, words, and no place", out, err)
	}
}

func TestLobbyVerifyNamesEveryMistake(t *testing.T) {
	_, err := verify(t, "--commitment", "12", "--seed", "zz", "--count", "0")
	if err == nil || exitCode(err) != 2 {
		t.Fatalf("got %v, want exit code 2", err)
	}
	for _, want := range []string{"--commitment", "--seed", "--count"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s in it", err, want)
		}
	}
}

// The script in docs/lobby.md, which a device could run, gives the same places.
// A script that has the command's name wrong must not take the help for a proof.
func TestALobbyCommandThatIsNoneIsAMistake(t *testing.T) {
	for _, args := range [][]string{{"lobby", "verfy"}, {"lobby", "verfy", "--count", "3"}, {"lobby", "verify", "--number", "-1"}} {
		if out, err := command(t, args...); err == nil || exitCode(err) != 2 {
			t.Errorf("%v: got %v and %q, want exit code 2", args, err, out)
		}
	}
	if out, err := command(t, "lobby"); err != nil || !strings.Contains(out, "verify") {
		t.Errorf("got %q, %v, want the help", out, err)
	}
}

func TestTheShuffleOfTheDocsIsTheSame(t *testing.T) {
	docs, err := os.ReadFile("../../docs/lobby.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```js\n(.*?)```").FindSubmatch(docs)
	if block == nil {
		t.Fatal("docs/lobby.md has no script")
	}
	check := string(block[1]) + `
const v = JSON.parse(require("fs").readFileSync("../../testdata/lobby/shuffle.json"));
(async () => {
  let checked = 0;
  for (const s of v.shuffles) {
    const place = await shuffle(s.seed, s.count);
    for (let i = 0; i < s.numbers.length; i++, checked++) {
      if (place(s.numbers[i]) !== s.places[i]) throw new Error(s.numbers[i] + " of " + s.count + ": got " + place(s.numbers[i]) + ", want " + s.places[i]);
    }
  }
  console.log("checked", checked);
})();`
	out, err := exec.CommandContext(t.Context(), "node", "-e", check).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "checked 2") {
		t.Errorf("got %s, %v", out, err)
	}
}
