package embedded

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sinho/store"
)

// fileOfQueueVictim, when set, makes this test binary the process that is
// killed over a queue.
const fileOfQueueVictim = "SINHO_TEST_QUEUE_FILE"

// queueVictim pushes item after item, and leases and does one of two, and says
// each after its answer, until it is killed.
func queueVictim(path string) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for n := 0; ; n++ {
		if err := s.Push(ctx, "q", fmt.Sprint(n), fmt.Append(nil, "item ", n), time.Time{}); err != nil {
			return err
		}
		fmt.Println("pushed", n)
		if n%2 == 0 {
			continue
		}
		leased, err := s.Lease(ctx, "q", 1, time.Hour)
		if err != nil || len(leased) != 1 {
			return fmt.Errorf("leased %v, %w", leased, err)
		}
		fmt.Println("leased", leased[0].ID, leased[0].Lease)
		if n%4 == 1 {
			continue
		}
		if err := s.Done(ctx, "q", leased[0].ID, leased[0].Lease); err != nil {
			return err
		}
		fmt.Println("done", leased[0].ID)
	}
}

// answered is what a victim has said of each item.
type answered struct {
	pushed, done map[string]bool
	lease        map[string]string
}

// killed runs a victim until it has said enough, and kills it in the middle of
// whatever it does.
func killed(t *testing.T, path string, enough int) answered {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), fileOfQueueVictim+"="+path)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := answered{pushed: map[string]bool{}, done: map[string]bool{}, lease: map[string]string{}}
	said := 0
	for lines := bufio.NewScanner(out); lines.Scan(); said++ {
		switch words := strings.Fields(lines.Text()); words[0] {
		case "pushed":
			a.pushed[words[1]] = true
		case "leased":
			a.lease[words[1]] = words[2]
		case "done":
			a.done[words[1]] = true
		}
		if said == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || said < enough {
		t.Fatalf("the victim said %d things and ended with %v: %s", said, err, complaints.String())
	}
	return a
}

func TestAQueueOutlivesAKilledProcess(t *testing.T) {
	for round := range 3 {
		path := file(t)
		a := killed(t, path, 60+round)
		s := open(t, path)
		free := map[string]store.Leased{}
		for {
			batch, err := s.Lease(t.Context(), "q", 7, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if len(batch) == 0 {
				break
			}
			for _, l := range batch {
				free[l.ID] = l
			}
		}
		unsaid := 0 // what was done or leased without an answer
		for id := range a.pushed {
			l, isFree := free[id]
			switch {
			case a.lease[id] != "" && isFree:
				t.Errorf("round %d: item %s was leased for an hour: it is free, want it hidden", round, id)
			case isFree && (string(l.Item) != "item "+id || l.Attempts != 1):
				t.Errorf("round %d: item %s: got %+v", round, id, l)
			case a.lease[id] == "" && !isFree:
				unsaid++
			}
		}
		if unsaid > 1 {
			t.Errorf("round %d: %d items that were pushed are gone, want one at most, leased without an answer", round, unsaid)
		}
		for id, lease := range a.lease {
			if err := s.Done(t.Context(), "q", id, lease); err != nil {
				t.Errorf("round %d: Done of %s by its lease of before, done before %v: %v", round, id, a.done[id], err)
			}
		}
		n, _, err := s.Len(t.Context(), "q")
		if want := len(free) + unsaid; err != nil || n != want {
			t.Errorf("round %d: Len: got %d, %v, want %d", round, n, err, want)
		}
	}
}
