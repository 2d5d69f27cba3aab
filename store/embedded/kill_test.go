package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sinho/store"
)

// fileOfVictim, when set, makes this test binary the process that is killed.
const fileOfVictim = "SINHO_TEST_STORE_FILE"

func TestMain(m *testing.M) {
	for variable, victim := range map[string]func(string) error{fileOfVictim: victim, fileOfQueueVictim: queueVictim} {
		if path := os.Getenv(variable); path != "" {
			fmt.Fprintln(os.Stderr, victim(path))
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// victim writes record after record and says so after each answer, until it is
// killed.
func victim(path string) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		_, err := s.Apply(context.Background(), "s", attempt(n), true,
			store.Op{Kind: store.PutNew, Key: fmt.Sprint("lock ", n), Value: []byte("me"), TTL: time.Hour},
			store.Op{Kind: store.PutNew, Key: fmt.Sprint("code ", n), Value: []byte("c"), TTL: time.Hour, Fenced: true})
		if err != nil {
			return err
		}
		fmt.Println("answered", n)
	}
}

func TestWhatWasAnsweredOutlivesAKilledProcess(t *testing.T) {
	path := file(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), fileOfVictim+"="+path+fmt.Sprint(round))
		var complaints strings.Builder
		cmd.Stderr = &complaints
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		answered := -1
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, err := fmt.Sscanf(lines.Text(), "answered %d", &answered); err != nil {
				t.Errorf("victim said %q", lines.Text())
			}
			if answered == 50*(round+1) {
				if err := cmd.Process.Kill(); err != nil { // SIGKILL, in the middle of whatever it does
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || answered < 50*(round+1) {
			t.Fatalf("victim answered %d and ended with %v: %s", answered, err, complaints.String())
		}

		s := open(t, path+fmt.Sprint(round))
		for n := range answered + 1 {
			if v, err := s.Read(t.Context(), "s", fmt.Sprint("lock ", n)); string(v) != "me" {
				t.Fatalf("round %d: lock %d of %d answered: got %q, %v, want it there", round, n, answered, v, err)
			}
		}
		o, err := s.Apply(t.Context(), "s", attempt(answered), true, putOp("x", "y", time.Hour))
		if err != nil || !o.Repeated {
			t.Errorf("round %d: the last attempt again: got %+v, %v, want its first answer", round, o, err)
		}
		o, err = s.Apply(t.Context(), "s", attempt(1_000_000), true, store.Op{Kind: store.Take, Key: fmt.Sprint("code ", answered), TTL: time.Hour})
		if err != nil || o.Conflict == nil || o.Conflict.Why != store.Fence {
			t.Errorf("round %d: a code of the killed process: got %+v, %v, want it refused by the fence", round, o.Conflict, err)
		}
		if _, err := s.Read(t.Context(), "s", fmt.Sprint("lock ", answered+2)); !errors.Is(err, store.ErrAbsent) {
			t.Errorf("round %d: a lock never asked for: got error %v, want ErrAbsent", round, err)
		}
	}
}
