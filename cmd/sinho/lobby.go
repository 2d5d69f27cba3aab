package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sinho/lobby"
)

func lobbyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lobby",
		Short: "check what a waiting room has published",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return badUsage(err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return badUsage(err) })
	cmd.AddCommand(lobbyVerifyCommand())
	return cmd
}

// lobbyVerify is the command line of `sinho lobby verify`.
type lobbyVerify struct {
	commitment, seed string
	count, number    uint64
	asked            bool // for a number
	json             bool
}

func lobbyVerifyCommand() *cobra.Command {
	o := lobbyVerify{}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "check the proof of a shuffle, and say which place a number got",
		Long: `Checks that the seed of a shuffle, published after the opening, is the one that
was committed to before (SHA-256), and works out which place a number got among
so many. It connects to nothing and needs nothing of ours: docs/lobby.md says how
to check the same without this program.

It shows that nobody chose the seed once numbers were given out. It does not show
that every number belonged to a person.

Exit code 0: the seed is the one. 1: it is not. 2: the command is wrong.`,
		Example: `  sinho lobby verify --commitment 630d…37dd --seed 0001…1e1f --count 1000000 --number 777777
  sinho lobby verify --commitment 630d…37dd --seed 0001…1e1f --count 1000000 --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return badUsage(err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.asked = cmd.Flags().Changed("number")
			return o.run(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.commitment, "commitment", "", "what was published before the opening: 64 hexadecimal digits")
	f.StringVar(&o.seed, "seed", "", "what was published after it: 64 hexadecimal digits")
	f.Uint64Var(&o.count, "count", 0, "how many numbers were shuffled")
	f.Uint64Var(&o.number, "number", 0, "a number, from 0, whose place is wanted")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

// lobbySaid is what the command says, in JSON as it is.
type lobbySaid struct {
	Honoured   bool    `json:"honoured"`
	Commitment string  `json:"commitment"`
	Seed       string  `json:"seed"`
	Count      uint64  `json:"count"`
	Number     *uint64 `json:"number,omitempty"`
	Place      *uint64 `json:"place,omitempty"` // from 0, like numbers
	Shuffled   *bool   `json:"shuffled,omitempty"`
	KO         string  `json:"ko"`
	EN         string  `json:"en"`
}

var errNotHonoured = errors.New("the seed is not the one that was committed to")

func (o lobbyVerify) run(stdout io.Writer) error {
	var commitment, seed [32]byte
	faults := []error{hexTo(commitment[:], "--commitment", o.commitment), hexTo(seed[:], "--seed", o.seed)}
	if o.count == 0 || o.count > lobby.MaxCrowd {
		faults = append(faults, fmt.Errorf("--count %d: want 1 to %d", o.count, uint64(lobby.MaxCrowd)))
	}
	if err := errors.Join(faults...); err != nil {
		return badUsage(err)
	}
	said := lobbySaid{Honoured: lobby.Honours(commitment, seed), Commitment: hex.EncodeToString(commitment[:]), Seed: hex.EncodeToString(seed[:]), Count: o.count}
	said.say()
	if said.Honoured && o.asked {
		said.place(seed, o.number)
	}
	if o.json {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(said); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(stdout, "%s\n%s\n", said.KO, said.EN)
	}
	if !said.Honoured {
		return errNotHonoured
	}
	return nil
}

func (s *lobbySaid) say() {
	if s.Honoured {
		s.KO = "공개된 시드가 미리 공개한 약속값과 같습니다."
		s.EN = "The seed is the one that was committed to."
		return
	}
	s.KO = "공개된 시드가 미리 공개한 약속값과 다릅니다. 이 추첨을 믿지 마십시오."
	s.EN = "The seed is not the one that was committed to. Do not trust this shuffle."
}

// place says where a number came. People count from 1.
func (s *lobbySaid) place(seed [lobby.SeedSize]byte, number uint64) {
	shuffle := lobby.NewShuffle(seed, s.Count)
	place, shuffled := shuffle.Place(number), number < s.Count
	s.Number, s.Place, s.Shuffled = &number, &place, &shuffled
	if shuffled {
		s.KO += fmt.Sprintf(" %d번은 %d명 중 %d번째입니다.", number, s.Count, place+1)
		s.EN += fmt.Sprintf(" Number %d of %d came to place %d.", number, s.Count, place+1)
		return
	}
	s.KO += fmt.Sprintf(" %d번은 추첨 뒤에 온 번호라서 온 순서대로 %d번째입니다.", number, place+1)
	s.EN += fmt.Sprintf(" Number %d came after the shuffle and has place %d, in the order of coming.", number, place+1)
}

// hexTo reads exactly as many bytes.
func hexTo(to []byte, flag, text string) error {
	raw, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != len(to) {
		return fmt.Errorf("%s %q: want %d hexadecimal digits", flag, text, 2*len(to))
	}
	copy(to, raw)
	return nil
}
