package main

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEveryWayIsCountedByTheLightItWasBegunOn(t *testing.T) {
	kakao, pass := somebody(t, "kakao"), somebody(t, "pass")
	leaver := kakao
	leaver.leaves = true
	for _, c := range []struct {
		name, fault string
		who         person
		bend        func(*loginOptions)
		want        map[string]map[string]litReport
	}{
		{"in by a page", "", kakao, nil, onLight("kakao", "green", fateIn)},
		{"in by a push", "", pass, nil, onLight("pass", "yellow", fateIn)},
		{"in, but slowly", "", kakao, func(o *loginOptions) { o.slow = 1 }, onLight("kakao", "green", fateSlow)},
		{"in, but a push slowly", "", pass, func(o *loginOptions) { o.slow = 1 }, onLight("pass", "yellow", fateSlow)},
		{"the provider fails", "kakao fails", kakao, nil, onLight("kakao", "green", fateFailed)},
		{"the broker sends nobody", "busy", kakao, nil, onLight("kakao", "green", fateRefused)},
		{"a push that the vendor refuses", "busy", pass, nil, onLight("pass", "yellow", fateFailed)},
		{"an error page of the provider", "provider down", kakao, nil, onLight("kakao", "green", fateVanished)},
		{"no page of the provider", "provider drops", kakao, nil, onLight("kakao", "green", fateVanished)},
		{"a page that hangs", "provider hangs", kakao, func(o *loginOptions) { o.page = 50 * time.Millisecond }, onLight("kakao", "green", fateVanished)},
		{"the person leaves", "", leaver, nil, onLight("kakao", "green", fateLeft)},
		{"the person has no time", "", kakao, func(o *loginOptions) { o.away, o.patience = time.Hour, 300*time.Millisecond }, onLight("kakao", "green", fateLeft)},
		{"the broker's own refusal", "access denied", kakao, nil, onLight("kakao", "green", fateIn)},
		{"a retry is a way of its own", "provider drops", kakao, func(o *loginOptions) { o.retries = 1 }, map[string]map[string]litReport{
			"kakao": onLight("kakao", "green", fateVanished)["kakao"], "pass": onLight("pass", "yellow", fateIn)["pass"],
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := startOP(t)
			o.breakWith(c.fault)
			opt := o.options()
			if c.bend != nil {
				c.bend(&opt)
			}
			r, err := prepare(t.Context(), opt)
			if err != nil {
				t.Fatal(err)
			}
			r.one(t.Context(), c.who, time.Now())
			doc := r.report()
			if diff := cmp.Diff(c.want, doc.Lights); diff != "" {
				t.Errorf("(-want +got):\n%s%v", diff, doc.Examples)
			}
			if left := doc.Left == 1; left != c.who.leaves || doc.In+doc.Failed+doc.Left != 1 {
				t.Errorf("got in %d, failed %d, left %d", doc.In, doc.Failed, doc.Left)
			}
		})
	}
}

// onLight is what is reported of one way.
func onLight(provider, light string, f fate) map[string]map[string]litReport {
	var l lit
	l.count(f)
	return map[string]map[string]litReport{provider: {light: l.report()}}
}

func TestHonestyIsOfThoseWhoWereJudged(t *testing.T) {
	var l lit
	for f, n := range map[fate]int{fateIn: 5, fateSlow: 1, fateFailed: 1, fateVanished: 1, fateOther: 2, fateLeft: 7, fateStopped: 3, fateRefused: 4} {
		for range n {
			l.count(f)
		}
	}
	share := 0.7
	want := litReport{Begun: 20, Judged: 10, In: 5, Slow: 1, Failed: 1, Vanished: 1, Other: 2, Left: 7, Refused: 4, Stopped: 3, Honesty: &share}
	if diff := cmp.Diff(want, l.report()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := (&lit{left: 1, begun: 1}).report().Honesty; got != nil {
		t.Errorf("got %v where nobody was judged, want none", *got)
	}
}

func TestTriesAreWrittenOneALine(t *testing.T) {
	o := startOP(t)
	opt := o.options()
	opt.tries, opt.away, opt.leave, opt.json = filepath.Join(t.TempDir(), "ways.csv"), time.Millisecond, 0.2, true
	var stdout strings.Builder
	if err := runLogin(t.Context(), opt, &stdout, &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	rows := readCSV(t, opt.tries)
	if diff := cmp.Diff([]string{"began_ms", "ended_ms", "provider", "light", "became", "answer_ms"}, rows[0]); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if len(rows) < 6 {
		t.Fatalf("got %d lines, want everybody's", len(rows))
	}
	for _, row := range rows[1:] {
		began, err1 := strconv.ParseInt(row[0], 10, 64)
		ended, err2 := strconv.ParseInt(row[1], 10, 64)
		if err1 != nil || err2 != nil || began > ended || began < time.Now().Add(-time.Hour).UnixMilli() || row[4] != "in" && row[4] != "left" {
			t.Errorf("got %v", row)
		}
	}
	opt.tries = filepath.Join(t.TempDir(), "no such folder", "ways.csv")
	if _, err := prepare(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "--tries") {
		t.Errorf("got %v for a file that cannot be written", err)
	}
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestAWayUnderWayWhenTheRunIsStoppedIsNeitherGoodNorBad(t *testing.T) {
	o := startOP(t)
	opt := o.options()
	opt.away = time.Hour
	r, err := prepare(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.one(ctx, somebody(t, "kakao"), time.Now())
	}()
	for o.pages() == 0 && pause(t.Context(), time.Millisecond) == nil {
	}
	cancel()
	<-done
	doc := r.report()
	if diff := cmp.Diff(onLight("kakao", "green", fateStopped), doc.Lights); diff != "" || doc.Stopped != 1 {
		t.Errorf("stopped %d (-want +got):\n%s", doc.Stopped, diff)
	}
}
