package linear

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sinho/store"
	"sinho/store/embedded"
	"sinho/store/redistest"
)

// fileOfChild, when set, makes this test binary the process that holds the
// embedded store and is killed.
const fileOfChild = "SINHO_TEST_LINEAR_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(fileOfChild); path != "" {
		fmt.Fprintln(os.Stderr, child(path))
		os.Exit(1)
	}
	redistest.Quiet()
	os.Exit(m.Run())
}

// question and reply go between test and child, one of each a connection's turn.
type question struct {
	Shard   store.Shard
	Attempt store.Attempt
	Durable bool
	Ops     []store.Op
	Key     string   // a Read, if set
	Keys    []string // a ReadAll, if set
}

type reply struct {
	Outcome store.Outcome
	Value   []byte
	Values  [][]byte
	Found   []bool // which of Values are there: nil and empty are one to gob
	Absent  bool
	Err     string
}

// child serves the file's store on a port it prints, until it is killed or its
// parent is gone.
func child(path string) error {
	s, err := embedded.Open(path, embedded.Options{Wait: 10 * time.Second})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("at", l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
		os.Exit(1)
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			in, out := gob.NewDecoder(c), gob.NewEncoder(c)
			for {
				var q question
				if in.Decode(&q) != nil || out.Encode(serve(s, q)) != nil {
					return
				}
			}
		}()
	}
}

func serve(s store.Store, q question) (a reply) {
	var err error
	switch {
	case q.Key != "":
		a.Value, err = s.Read(context.Background(), q.Shard, q.Key)
		a.Absent = errors.Is(err, store.ErrAbsent)
	case len(q.Keys) > 0:
		a.Values, err = s.ReadAll(context.Background(), q.Shard, q.Keys...)
		for _, v := range a.Values {
			a.Found = append(a.Found, v != nil)
		}
	default:
		a.Outcome, err = s.Apply(context.Background(), q.Shard, q.Attempt, q.Durable, q.Ops...)
	}
	if err != nil && !a.Absent {
		a.Err = err.Error()
	}
	return a
}

// remote is the store of a child.
type remote struct {
	path string
	cmd  *exec.Cmd

	mu   sync.Mutex // guards what follows
	addr string
	idle []*link
}

type link struct {
	net.Conn
	in  *gob.Decoder
	out *gob.Encoder
}

func startChild(t *testing.T) *remote {
	t.Helper()
	r := &remote{path: filepath.Join(t.TempDir(), "sinho.db")}
	r.start(t)
	t.Cleanup(r.kill)
	return r
}

func (r *remote) start(t *testing.T) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), fileOfChild+"="+r.path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cmd, r.addr, r.idle = cmd, strings.TrimSpace(strings.TrimPrefix(line, "at ")), nil
}

// kill is kill -9, in the middle of whatever the child does.
func (r *remote) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func (r *remote) ask(q question) (a reply, err error) {
	r.mu.Lock()
	addr := r.addr
	var l *link
	if n := len(r.idle); n > 0 {
		l, r.idle = r.idle[n-1], r.idle[:n-1]
	}
	r.mu.Unlock()
	if l == nil {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return a, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		l = &link{Conn: c, in: gob.NewDecoder(c), out: gob.NewEncoder(c)}
	}
	if err = l.out.Encode(q); err == nil {
		err = l.in.Decode(&a)
	}
	if err == nil && a.Err != "" {
		err = errors.New(a.Err)
	}
	if err != nil {
		l.Close()
		return a, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if addr == r.addr {
		r.idle = append(r.idle, l)
	} else {
		l.Close()
	}
	return a, nil
}

func (r *remote) Apply(_ context.Context, shard store.Shard, attempt store.Attempt, durable bool, ops ...store.Op) (store.Outcome, error) {
	a, err := r.ask(question{Shard: shard, Attempt: attempt, Durable: durable, Ops: ops})
	return a.Outcome, err
}

func (r *remote) Read(_ context.Context, shard store.Shard, key string) ([]byte, error) {
	a, err := r.ask(question{Shard: shard, Key: key})
	if err == nil && a.Absent {
		err = fmt.Errorf("read: %w", store.ErrAbsent)
	}
	return a.Value, err
}

// ReadAll is what rooms do, and no plan.
func (r *remote) ReadAll(_ context.Context, shard store.Shard, keys ...string) ([][]byte, error) {
	a, err := r.ask(question{Shard: shard, Keys: keys})
	for i, found := range a.Found {
		if !found {
			a.Values[i] = nil
		}
	}
	return a.Values, err
}

func (*remote) Now(context.Context) (time.Time, error) { return time.Now(), nil }
func (*remote) Close() error                           { return nil }

// embeddedFile is the embedded store, in a child that is killed.
func embeddedFile(t *testing.T, rounds int) *run {
	c := startChild(t)
	r := &run{stores: []store.Store{c}, groups: 12, calm: 1500, resends: true}
	for range rounds {
		r.faults = append(r.faults, fault{name: "embedded store killed", fate: trails, do: func(t *testing.T) {
			c.kill()
			c.start(t)
		}})
	}
	return r
}
