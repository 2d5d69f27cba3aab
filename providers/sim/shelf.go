package sim

import (
	"container/list"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"sync"
	"time"
)

// shelf keeps values under unguessable names for a fixed time, at most limit
// of them: the oldest leaves first. It is all the memory a simulator has.
type shelf[T any] struct {
	keep  time.Duration
	limit int

	mu    sync.Mutex // guards the rest
	items map[string]*list.Element
	age   *list.List // of *kept[T], oldest first
}

type kept[T any] struct {
	name  string
	until time.Time
	value T
}

func newShelf[T any](keep time.Duration, limit int) *shelf[T] {
	return &shelf[T]{keep: keep, limit: limit, items: make(map[string]*list.Element), age: list.New()}
}

// put keeps value under name, and lets go of whatever is too old or too many.
func (s *shelf[T]) put(name string, value T) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	for s.age.Len() >= s.limit {
		s.drop(s.age.Front())
	}
	if old, ok := s.items[name]; ok {
		s.drop(old)
	}
	s.items[name] = s.age.PushBack(&kept[T]{name: name, until: now.Add(s.keep), value: value})
}

// look reads without taking.
func (s *shelf[T]) look(name string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value(name, false)
}

// take reads and forgets: of many takers one wins.
func (s *shelf[T]) take(name string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value(name, true)
}

func (s *shelf[T]) value(name string, forget bool) (T, bool) {
	var none T
	e, ok := s.items[name]
	if !ok {
		return none, false
	}
	k, ok := e.Value.(*kept[T])
	if !ok || !time.Now().Before(k.until) {
		s.drop(e)
		return none, false
	}
	if forget {
		s.drop(e)
	}
	return k.value, true
}

// all gives what is kept now, newest first.
func (s *shelf[T]) all() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(time.Now())
	values := make([]T, 0, s.age.Len())
	for e := s.age.Back(); e != nil; e = e.Prev() {
		if k, ok := e.Value.(*kept[T]); ok {
			values = append(values, k.value)
		}
	}
	return values
}

func (s *shelf[T]) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.age.Len()
}

func (s *shelf[T]) sweep(now time.Time) {
	for e := s.age.Front(); e != nil; e = s.age.Front() {
		if k, ok := e.Value.(*kept[T]); ok && now.Before(k.until) {
			return
		}
		s.drop(e)
	}
}

func (s *shelf[T]) drop(e *list.Element) {
	if k, ok := e.Value.(*kept[T]); ok {
		delete(s.items, k.name)
	}
	s.age.Remove(e)
}

// token is 256 random bits, base64url.
func token() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// receipt is 128 random bits, 32 hexadecimal digits.
func receipt() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
