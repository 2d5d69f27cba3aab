package room

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sinho/lobby"
	"sinho/seal"
	"sinho/store/shared"
)

// worker is what a child runs: one node of a room, by the machine's clock.
type worker struct {
	room   *Room
	papers *Papers
	call   atomic.Uint64 // thousandths of people a second

	mu    sync.Mutex // guards what follows
	queue lobby.Queue
	moved chan struct{} // closed with each step
	fault error
}

// work is a child: it does what lines of JSON say, until there are no more.
func work(addr string) error {
	ctx := context.Background()
	s, err := shared.Open(ctx, shared.Options{Addrs: []string{addr}})
	if err != nil {
		return err
	}
	ring, err := seal.NewRing("seoul", seal.Key{Version: 1, Secret: bytes.Repeat([]byte{1}, seal.KeySize)})
	if err != nil {
		return err
	}
	w := &worker{papers: NewPapers(ring, "https://login.example"), moved: make(chan struct{})}
	if w.room, err = New(Config{Name: "vaccine"}, s); err != nil {
		return err
	}
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		var o order
		if err = json.Unmarshal(orders.Bytes(), &o); err == nil {
			err = w.carry(ctx, o)
		}
		if err == nil {
			err = w.failed()
		}
		if err != nil {
			fmt.Printf("%q\n", err.Error())
		} else {
			fmt.Println("done")
		}
	}
	return orders.Err()
}

func (w *worker) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault
}

func (w *worker) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == nil {
		w.fault = err
	}
}

func (w *worker) carry(ctx context.Context, o order) error {
	w.call.Store(uint64(1000 * o.Call))
	if o.Steps != "" {
		file, err := journal(o.Steps)
		if err != nil {
			return err
		}
		go w.steps(ctx, file)
	}
	if o.Issue > 0 {
		return w.issue(ctx, o)
	}
	if o.Admit != "" {
		return w.admit(ctx, o)
	}
	return nil
}

func journal(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// line is an entry of a journal: when it was asked for and answered, in
// nanoseconds of the machine's clock, the epoch, and the number.
type line struct{ Asked, Answered, Epoch, Number uint64 }

func (l line) append(to []byte) []byte {
	for _, v := range []uint64{l.Asked, l.Answered, l.Epoch, l.Number} {
		to = binary.LittleEndian.AppendUint64(to, v)
	}
	return to
}

// note is in the file, whatever becomes of this process.
func note(file *os.File, l line) error {
	_, err := file.Write(l.append(make([]byte, 0, 32)))
	return err
}

func lines(name string) (all []line, err error) {
	raw, err := os.ReadFile(name)
	for ; len(raw) >= 32; raw = raw[32:] { // a kill may have cut off the last
		at := func(i int) uint64 { return binary.LittleEndian.Uint64(raw[8*i:]) }
		all = append(all, line{at(0), at(1), at(2), at(3)})
	}
	return all, err
}

func nanos() uint64 { return uint64(time.Now().UnixNano()) }

// steps steps the room thrice a second, as long as the process lives.
func (w *worker) steps(ctx context.Context, file *os.File) {
	for tick := time.NewTicker(time.Second / 3); ; <-tick.C {
		asked := nanos()
		q, err := w.room.Step(ctx, lobby.Rules{Min: float64(w.call.Load()) / 1000}, lobby.Sample{}, time.Now())
		if err == nil {
			err = note(file, line{asked, nanos(), q.Epoch, q.Main.Serving})
		}
		if err != nil {
			w.fail(err)
			continue
		}
		w.mu.Lock()
		w.queue = q
		close(w.moved)
		w.moved = make(chan struct{})
		w.mu.Unlock()
	}
}

// issue gives out numbers to two people at a time, at a rate.
func (w *worker) issue(ctx context.Context, o order) error {
	file, err := journal(o.Journal)
	if err != nil {
		return err
	}
	defer file.Close()
	due := make(chan struct{}, 1000)
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for range due {
				now := time.Now()
				epoch, n, err := w.room.Number(ctx, now)
				if err == nil {
					err = note(file, line{uint64(now.UnixNano()), nanos(), epoch, n})
				}
				if err != nil {
					w.fail(err)
				}
			}
		})
	}
	began, given := time.Now(), 0
	for tick := time.NewTicker(time.Millisecond); given < o.Issue; <-tick.C {
		for until := min(o.Issue, int(time.Since(began).Seconds()*o.Rate)+1); given < until; given++ {
			due <- struct{}{}
		}
	}
	close(due)
	wait.Wait()
	return nil
}

// person is a number, and how far the room has to be when it comes.
type person struct{ number, comes uint64 }

// mine are the numbers that come to this node: every third of them, and every
// fiftieth of the next node's too, as somebody who tries both.
func mine(all []line, o order) []person {
	var own []person
	for i, l := range all {
		if i%3 == o.Index || twice(i) && (i+1)%3 == o.Index {
			comes := l.Number + l.Number*0x9e3779b97f4a7c15>>20%max(o.Window, 1)
			own = append(own, person{l.Number, min(comes, all[len(all)-1].Number)})
		}
	}
	slices.SortFunc(own, func(a, b person) int { return int(a.comes) - int(b.comes) })
	return own
}

func twice(i int) bool { return i%50 == 0 }

// What became of a pass, in place of the epoch in a line.
const (
	entered = iota + 1
	refused
	late
)

// admit lets in who comes to this node, sixteen at a time.
func (w *worker) admit(ctx context.Context, o order) error {
	all, err := lines(o.Admit)
	if err != nil {
		return err
	}
	file, err := journal(o.Spent)
	if err != nil {
		return err
	}
	defer file.Close()
	here := make(chan person)
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			for p := range here {
				asked := nanos()
				became, err := w.enter(ctx, p, all[0].Epoch)
				if err == nil {
					err = note(file, line{asked, nanos(), became, p.number})
				}
				if err != nil {
					w.fail(fmt.Errorf("number %d: %w", p.number, err))
				}
			}
		})
	}
	for _, p := range mine(all, o) {
		if err = w.called(ctx, p.comes); err != nil {
			break
		}
		here <- p
	}
	close(here)
	wait.Wait()
	return err
}

// called waits until a place was called, a second ago at least.
func (w *worker) called(ctx context.Context, place uint64) error {
	for {
		w.mu.Lock()
		at, moved, fault := w.queue.Main.Serving-w.queue.Main.Step, w.moved, w.fault
		w.mu.Unlock()
		if place < at || fault != nil {
			return fault
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// enter is the way of one person from a ticket to a spent pass.
func (w *worker) enter(ctx context.Context, p person, epoch uint64) (became uint64, err error) {
	now, browser := time.Now(), [32]byte{1}
	t := lobby.Ticket{Room: "vaccine", Epoch: epoch, Number: p.number, Issued: now, Seed: [16]byte{1}}
	binary.LittleEndian.PutUint64(t.Seed[8:], p.number)
	token, err := w.papers.SealTicket(t, now.Add(time.Hour))
	if err == nil {
		t, err = w.papers.OpenTicket(token, "vaccine", now)
	}
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	q := w.queue
	w.mu.Unlock()
	if err := q.Admits(&t, [lobby.SeedSize]byte{}, now); errors.Is(err, lobby.ErrTooLate) {
		return late, nil
	} else if err != nil {
		return 0, err
	}
	pass := t.Pass(q.Epoch, browser, now)
	if token, err = w.papers.SealPass(pass); err == nil {
		pass, err = w.papers.OpenPass(token, "vaccine", browser, now)
	}
	if err == nil {
		err = w.room.Spend(ctx, pass, fresh())
	}
	switch {
	case err == nil:
		return entered, nil
	case errors.Is(err, ErrSpent):
		return refused, nil
	}
	return 0, err
}
