package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestAnAnswerIsToldFromARefusalAndFromNone(t *testing.T) {
	told := http.Header{"Retry-After": {"3"}}
	page, machine := "<p>Very many people are here right now.", `{"error_description":"more is asked than can be done right now"}`
	for _, c := range []struct {
		name   string
		status int
		header http.Header
		body   string
		err    error
		want   said
	}{
		{"a page", 200, nil, "", nil, saidWell},
		{"a page of an error", 400, nil, "", nil, saidWell},
		{"a page that says when to come again", 503, told, page, nil, saidLater},
		{"a machine's answer that says when", 503, told, machine, nil, saidLater},
		{"the same page without saying when", 503, nil, page, nil, saidGone},
		{"a store that is gone", 503, told, "no store", nil, saidGone},
		{"a balancer without a node", 502, nil, "", nil, saidGone},
		{"a broken connection", 0, nil, "", errors.New("EOF"), saidNone},
		{"a person out of patience", 0, nil, "", &visitError{"GET /", false, context.DeadlineExceeded}, saidLeft},
		{"the end of the run", 0, nil, "", fmt.Errorf("x: %w", context.Canceled), saidLeft},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := saidOf(answer{status: c.status, header: c.header, body: []byte(c.body)}, c.err); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// Every request to the broker is counted at its step, and every person in a second.
func TestARunTellsEachStepAndEachSecond(t *testing.T) {
	o := startOP(t)
	opt := o.options()
	opt.provider, opt.seconds = "kakao", filepath.Join(t.TempDir(), "seconds.csv")
	o.gone, o.gonePath = 2, "/callback/kakao"
	r, err := prepare(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	var table, log strings.Builder
	if err := r.finish(t.Context(), &table, &log); err != nil {
		t.Fatal(err)
	}
	doc := r.report()
	if a := doc.Answers["callback"]; a.Asked != doc.Came || a.Gone != 2 || a.Took.Count != doc.In || doc.Failed != 2 {
		t.Errorf("got %+v of %d who came, %d in, want all at the callback, two of them with 502", a, doc.Came, doc.In)
	}
	if a := doc.Answers["authorize"]; a.Asked != doc.Came {
		t.Errorf("got %d authorization requests of %d people, want one each and not the try before the run", a.Asked, doc.Came)
	}
	if !strings.Contains(table.String(), "2 other 502, 503, 504") {
		t.Errorf("the table does not tell of the callbacks:\n%s", table.String())
	}
	file, err := os.Open(opt.seconds)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]int64{}
	for _, row := range rows[1:] {
		for i, name := range rows[0] {
			n, _ := strconv.ParseFloat(row[i], 64)
			sums[name] += int64(n)
		}
	}
	var asked int64
	for _, a := range doc.Answers {
		asked += a.Asked
	}
	if sums["came"] != doc.Came || sums["in"] != doc.In || sums["failed"] != 2 || sums["asked"] != asked || sums["later"] != 0 {
		t.Errorf("got %v by the second, want %d who came, %d in, 2 failed, %d asked", sums, doc.Came, doc.In, asked)
	}
}

func TestWhoWaitsHoldsNoConnection(t *testing.T) {
	o := startOP(t)
	opt := o.options()
	opt.most, opt.idle = 1<<40, 50
	if _, err := prepare(t.Context(), opt); err != nil {
		t.Errorf("got %v, want that --connections decides how many files are needed", err)
	}
	opt.idle = 1 << 40
	if _, err := prepare(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "--connections") {
		t.Errorf("got %v, want that it says to take fewer --connections", err)
	}
}
