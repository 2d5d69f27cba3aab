package room

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// nodeOfRoom, when set, makes this test binary a node of a room on the store at
// that address: a process of its own, which can be killed.
const nodeOfRoom = "SINHO_TEST_ROOM_NODE"

// order is a line of JSON to a node.
type order struct {
	Issue   int     // how many numbers to give out, so many a second
	Rate    float64 //
	Journal string  // the file that says which

	Call  float64 // from now on, people a second
	Steps string  // the file that says how far each step was

	Admit  string // a file of numbers: let each in as soon as it is called
	Window uint64 // or up to so many places later
	Index  int    // which of three nodes this is
	Spent  string // the file that says what became of their passes
}

// child is a process of a node.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	mu  sync.Mutex // one order at a time
}

func startNode(t *testing.T, addr string) *child {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(program)}
	c.cmd.Env = append(os.Environ(), nodeOfRoom+"="+addr)
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

// kill is kill -9, in the middle of whatever the node does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // it was killed
}

// do is one order, carried out; an error too if the node is gone.
func (c *child) do(o order) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return err
	}
	said, err := c.out.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the node is gone: %w", err)
	}
	if said != "done\n" {
		return fmt.Errorf("the node says %q", said)
	}
	return nil
}

// everyNode gives an order to all at once and waits for all.
func everyNode(t *testing.T, all []*child, o func(i int) order) {
	t.Helper()
	var wait sync.WaitGroup
	for i, c := range all {
		wait.Go(func() {
			if err := c.do(o(i)); err != nil {
				t.Errorf("node %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
