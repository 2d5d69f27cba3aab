package signal

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/lights and testdata/cluster")

// TestTranscripts replays testdata/lights: above "----" what happens, one line
// for some seconds ("30s start=2 back=2@1s legs=6x120ms"), below it the light
// and reason of every second, equal ones together, and what became of logins
// begun on green as far as the person leg knows. Words of a line:
//
//	start=N        people sent there       back=N@AGE    people back after AGE
//	legs=NxTIME    server legs that end    fail=N / timeout=N / throttle=N of them
//	inflight=N@AGE legs under way; "AGE+" grows by a second each second
//	probe=ok|fail  a round of probes       page=ok|fail  of the page
//	override=SECs / disable=SECs           an operator's word, for so long
//	usual=TIME     of 7 days, from here on: nine in ten legs take so long at most,
//	hour=N/M       and of M people at this hour N came back
//	restart        the node begins anew, and knows the 7 days
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("../testdata/lights/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := bytes.Cut(raw, []byte("----\n"))
			got := replay(t, string(input))
			if *update {
				if err := os.WriteFile(file, []byte(string(input)+"----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("light differs (-want +got):\n%s", diff)
			}
		})
	}
}

// replay runs a transcript's input and writes what the light did.
func replay(t *testing.T, input string) string {
	t.Helper()
	var (
		l       Lamp
		buckets []Bucket
		out     strings.Builder
		last    string
		from    int
		second  int
		green   = map[int64]bool{} // seconds in which the light shown was green
		week    Week
	)
	flush := func() {
		if last != "" {
			fmt.Fprintf(&out, "%4d-%-4d %s\n", from, second, last)
		}
	}
	const epoch = 1_700_000_000
	for line := range strings.Lines(input) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSuffix(words[0], "s"))
		if err != nil {
			t.Fatalf("transcript line %q: %v", line, err)
		}
		for i := range n {
			b := Bucket{Second: epoch + int64(second)}
			now := time.Unix(b.Second+1, 0)
			var inFlight Histogram
			onGreen := l.Light == Green
			for _, word := range words[1:] {
				key, value, _ := strings.Cut(word, "=")
				if span, ok := strings.CutSuffix(value, "s"); ok && (key == "override" || key == "disable") {
					if i == 0 {
						l = l.Overridden(&Override{Disabled: key == "disable", Until: now.Add(time.Duration(atoi(t, span)) * time.Second)}, now)
					}
					continue
				}
				if usually(t, &week, key, value) {
					continue
				}
				if key == "restart" {
					if i == 0 {
						l, buckets = Lamp{}, nil
					}
					continue
				}
				apply(t, &b, &inFlight, key, value, i)
			}
			paint(&b, green, onGreen)
			buckets = append(buckets, b)
			buckets = buckets[max(len(buckets)-60, 0):]
			l = l.Step(DefaultRules(), Sample{Buckets: buckets, InFlight: inFlight, Week: week}, now)
			s := l.Status("x", Text{}, now)
			state := fmt.Sprintf("%-6s %-11s measured=%-5t probe=%-3s %s", s.Light, s.Reason.Code, s.Measured, l.ProbeEvery, s.Reason.KO)
			if state != last {
				flush()
				last, from = state, second+1
			}
			second++
		}
	}
	flush()
	fmt.Fprintf(&out, "begun on green %d, vanished %.1f\n", l.Honest.Begun, l.Honest.Vanished)
	return out.String()
}

// usually reads a word of what is usual.
func usually(t *testing.T, w *Week, key, value string) bool {
	t.Helper()
	switch key {
	case "usual":
		w.Legs, w.Failed, w.P90 = 100_000, 200, age(t, value, 0)
	case "hour":
		back, of, _ := strings.Cut(value, "/")
		for i := range w.Hours {
			w.Hours[i] = Returns{Started: int64(atoi(t, of)), Returned: int64(atoi(t, back))}
		}
	default:
		return false
	}
	return true
}

// paint says of everybody in a bucket whether they began on green.
func paint(b *Bucket, green map[int64]bool, onGreen bool) {
	if green[b.Second] = onGreen; onGreen {
		b.StartedGreen = b.Started
	}
	for i := range b.Backs {
		if back := &b.Backs[i]; green[back.Start] {
			back.Green = back.N
		}
	}
}

// apply puts one word of a transcript into a bucket.
func apply(t *testing.T, b *Bucket, inFlight *Histogram, key, value string, i int) {
	t.Helper()
	count, rest, _ := strings.Cut(value, "@")
	switch key {
	case "start":
		n := uint32(atoi(t, value))
		b.Started += n
	case "back":
		b.Came(b.Second-int64(age(t, rest, 0).Seconds()), uint32(atoi(t, count)), 0)
	case "legs":
		n, took, _ := strings.Cut(value, "x")
		for range atoi(t, n) {
			b.Legs.Observe(age(t, took, 0))
		}
	case "fail":
		b.Errors[Faulty] += uint32(atoi(t, value))
	case "timeout":
		b.Errors[TimedOut] += uint32(atoi(t, value))
	case "throttle":
		b.Errors[Throttled] += uint32(atoi(t, value))
	case "inflight":
		for range atoi(t, count) {
			inFlight.Observe(age(t, rest, i))
		}
	case "done":
		b.Completed += uint32(atoi(t, value))
	case "uncounted":
		b.Uncounted += uint32(atoi(t, value))
	case "probe":
		b.ProbesOK, b.ProbesFailed = okOrFail(value)
	case "page":
		b.PagesOK, b.PagesFailed = okOrFail(value)
	default:
		t.Fatalf("transcript word %q is unknown", key)
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("transcript number: %v", err)
	}
	return n
}

func age(t *testing.T, s string, i int) time.Duration {
	t.Helper()
	s, grows := strings.CutSuffix(s, "+")
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatalf("transcript time: %v", err)
	}
	if grows {
		d += time.Duration(i) * time.Second
	}
	return d
}

func okOrFail(value string) (ok, fail uint32) {
	if value == "ok" {
		return 1, 0
	}
	return 0, 1
}
