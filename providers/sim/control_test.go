package sim

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMergeKeepsWhatIsAbsent(t *testing.T) {
	base := Control{LatencyMS: 70, ErrorRate: 0.5, CapacityPerS: 30, Hang: true, PageHang: true, Approve: Manual}
	with := func(edit func(*Control)) Control { c := base; edit(&c); return c }
	for name, tt := range map[string]struct {
		body string
		want Control
	}{
		"an empty object":          {`{}`, base},
		"one number":               {`{"latency_ms":5}`, with(func(c *Control) { c.LatencyMS = 5 })},
		"a rate":                   {`{"error_rate":1}`, with(func(c *Control) { c.ErrorRate = 1 })},
		"a fractional capacity":    {`{"capacity_per_s":0.5}`, with(func(c *Control) { c.CapacityPerS = 0.5 })},
		"a switch off":             {`{"hang":false}`, with(func(c *Control) { c.Hang = false })},
		"another switch off":       {`{"page_hang":false}`, with(func(c *Control) { c.PageHang = false })},
		"down":                     {`{"down":true}`, with(func(c *Control) { c.Down = true })},
		"a fault":                  {`{"fault":"drip"}`, with(func(c *Control) { c.Fault = Drip })},
		"no fault":                 {`{"fault":""}`, base},
		"approve":                  {`{"approve":"reject"}`, with(func(c *Control) { c.Approve = Reject })},
		"all of them at once":      {`{"latency_ms":100,"error_rate":0,"capacity_per_s":250,"hang":false,"page_hang":false,"down":false,"approve":"auto"}`, Defaults()},
		"white space around it":    {" {\"latency_ms\":0}\n", with(func(c *Control) { c.LatencyMS = 0 })},
		"the ends of every range":  {`{"latency_ms":60000,"error_rate":0,"capacity_per_s":100000}`, with(func(c *Control) { c.LatencyMS, c.ErrorRate, c.CapacityPerS = 60000, 0, 100000 })},
		"the smallest of capacity": {`{"capacity_per_s":0.1}`, with(func(c *Control) { c.CapacityPerS = 0.1 })},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := base.Merge([]byte(tt.body))
			if err != nil {
				t.Fatalf("merge: %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("merge (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMergeRefusesAndNamesTheField(t *testing.T) {
	for name, tt := range map[string]struct{ body, field string }{
		"an unknown field":          {`{"latency":5}`, "latency"},
		"a field in other case":     {`{"Hang":true}`, "Hang"},
		"an unknown among known":    {`{"hang":true,"zoom":1}`, "zoom"},
		"negative latency":          {`{"latency_ms":-1}`, "latency_ms"},
		"half a millisecond":        {`{"latency_ms":0.5}`, "latency_ms"},
		"latency of a day":          {`{"latency_ms":86400000}`, "latency_ms"},
		"a rate above one":          {`{"error_rate":1.01}`, "error_rate"},
		"a rate in words":           {`{"error_rate":"half"}`, "error_rate"},
		"no capacity at all":        {`{"capacity_per_s":0}`, "capacity_per_s"},
		"boundless capacity":        {`{"capacity_per_s":1e9}`, "capacity_per_s"},
		"a switch as a number":      {`{"hang":1}`, "hang"},
		"a switch as null":          {`{"page_hang":null}`, "page_hang"},
		"a switch as a word":        {`{"down":"yes"}`, "down"},
		"an unknown way to approve": {`{"approve":"maybe"}`, "approve"},
		"an unknown fault":          {`{"fault":"fire"}`, "fault"},
		"a fault as null":           {`{"fault":null}`, "fault"},
		"approve as null":           {`{"approve":null}`, "approve"},
		"an array":                  {`[]`, ""},
		"null":                      {`null`, ""},
		"nothing":                   {``, ""},
		"two objects":               {`{}{}`, ""},
		"half an object":            {`{"hang":tr`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, config("pass"))
			before := s.Control()
			res := put(s, tt.body)
			var got FieldError
			if err := json.Unmarshal([]byte(res.body), &got); err != nil {
				t.Fatalf("read refusal %q: %v", res.body, err)
			}
			if res.status != http.StatusBadRequest || got.Field != tt.field || got.Reason == "" {
				t.Errorf("got %d %+v, want 400 naming %q", res.status, got, tt.field)
			}
			if diff := cmp.Diff(before, s.Control()); diff != "" {
				t.Errorf("a refused change was made (-want +got):\n%s", diff)
			}
		})
	}
}

func TestControlAnswersInFullWhateverIsWrong(t *testing.T) {
	want := []string{"latency_ms", "error_rate", "capacity_per_s", "hang", "page_hang", "down", "fault", "approve"}
	s := build(t, config("kakao"))
	for _, fault := range []string{`{}`, `{"hang":true}`, `{"page_hang":true}`, `{"error_rate":1}`, `{"down":true}`} {
		control(t, s, fault)
		res := get(s, "/control")
		var fields map[string]any
		if err := json.Unmarshal([]byte(res.body), &fields); err != nil || res.status != http.StatusOK {
			t.Fatalf("under %s: got %d %q, want the state", fault, res.status, res.body)
		}
		for _, name := range want {
			if _, ok := fields[name]; !ok {
				t.Errorf("under %s: got %v, want %s in it", fault, fields, name)
			}
		}
		if len(fields) != len(want) {
			t.Errorf("under %s: got %d fields, want %d", fault, len(fields), len(want))
		}
		if res := get(s, "/control/page"); res.status != http.StatusOK {
			t.Errorf("under %s: got %d for the page, want 200", fault, res.status)
		}
		if res := get(s, "/control/static/sim.css"); res.status != http.StatusOK {
			t.Errorf("under %s: got %d for the style sheet, want 200", fault, res.status)
		}
	}
	s.Close()
	if res := get(s, "/control"); res.status != http.StatusOK {
		t.Errorf("after the end: got %d, want 200", res.status)
	}
}

func TestOtherMethodsAndSitesCannotTurnTheControl(t *testing.T) {
	s := build(t, config("pass"))
	if res := ask(s, httptest.NewRequest(http.MethodDelete, "/control", nil)); res.status != http.StatusMethodNotAllowed {
		t.Errorf("got %d for DELETE, want 405", res.status)
	}
	if res := put(s, `{"x":"`+strings.Repeat("a", 8<<10)+`"}`); res.status != http.StatusBadRequest {
		t.Errorf("got %d for 8 KB, want 400", res.status)
	}
	r := httptest.NewRequest(http.MethodPost, "/control/page", strings.NewReader("down=on"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if res := ask(s, r); res.status != http.StatusForbidden || s.Control().Down {
		t.Errorf("got %d (down: %t) for another site's form, want 403", res.status, s.Control().Down)
	}
}

func TestTheFormDoesWhatPUTDoes(t *testing.T) {
	s := build(t, config("toss"))
	form := url.Values{
		"latency_ms": {"300"}, "error_rate": {"0.25"}, "capacity_per_s": {"40"},
		"page_hang": {"on"}, "approve": {"manual"},
	}
	if res := postForm(s, "/control/page", form); res.status != http.StatusSeeOther || res.header.Get("Location") != "/control/page" {
		t.Fatalf("got %d to %q, want 303 to the page", res.status, res.header.Get("Location"))
	}
	want := Control{LatencyMS: 300, ErrorRate: 0.25, CapacityPerS: 40, PageHang: true, Approve: Manual}
	if diff := cmp.Diff(want, s.Control()); diff != "" {
		t.Errorf("control (-want +got):\n%s", diff)
	}
	for name, bad := range map[string]url.Values{
		"latency_ms":     {"latency_ms": {"soon"}, "error_rate": {"0"}, "capacity_per_s": {"1"}, "approve": {"auto"}},
		"capacity_per_s": {"latency_ms": {"1"}, "error_rate": {"0"}, "capacity_per_s": {""}, "approve": {"auto"}},
		"JSON object":    {"latency_ms": {"1"}, "error_rate": {"NaN"}, "capacity_per_s": {"1"}, "approve": {"auto"}},
	} {
		if res := postForm(s, "/control/page", bad); res.status != http.StatusBadRequest || !strings.Contains(res.body, name) {
			t.Errorf("got %d, want 400 and a page naming %s", res.status, name)
		}
	}
}

func FuzzMerge(f *testing.F) {
	for _, seed := range []string{`{}`, `{"latency_ms":1}`, `{"approve":"auto","hang":true}`, `{"error_rate":1e-9}`, `[1]`, `{"a":`, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		base := Defaults()
		got, err := base.Merge(body)
		if err != nil {
			var wrong *FieldError
			if !errors.As(err, &wrong) || got != base {
				t.Fatalf("got %+v, %v, want the control as it was and a field error", got, err)
			}
			return
		}
		cfg := config("pass")
		if err := cfg.validate(got); err != nil {
			t.Fatalf("merge let through what is not valid: %v", err)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		if same, err := base.Merge(again); err != nil || same != got {
			t.Fatalf("got %+v, %v after a round trip, want %+v", same, err, got)
		}
	})
}
