package console

import (
	"encoding/csv"
	"encoding/json"
	"flag"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/operator"
	"sinho/signal"
)

var update = flag.Bool("update", false, "rewrite testdata/history")

// calm is an hour of 60 logins a minute, every leg within 0.2 s.
func calm(at int64) signal.Hour {
	h := signal.Hour{At: at, Seconds: 3600}
	h.Lights[signal.Green] = 3600
	h.Started, h.Returned, h.Cancelled = 3600, 3500, 12
	h.GreenBegun, h.GreenEnded, h.GreenSlow = 3600, 3488, 3
	h.Legs[signal.Index(200*time.Millisecond)] = 10_000
	h.Legs[signal.Index(800*time.Millisecond)] = 400
	for i := range h.Marks {
		h.Marks[i] = signal.Mark(signal.Green)
	}
	return h
}

// broken is one with 20 minutes of red and grey in its middle.
func broken(at int64, overruled bool) signal.Hour {
	h := calm(at)
	h.Lights = [5]int64{signal.Green: 2400, signal.Red: 300, signal.Grey: 900}
	h.Errors[signal.TimedOut], h.Errors[signal.Throttled] = 700, 20
	h.GreenFailed, h.GreenVanished = 31, 1500
	h.Legs[signal.Index(8*time.Second)] = 900
	for i := 20; i < 40; i++ {
		h.Marks[i] = signal.Mark(signal.Grey)
		if i < 25 {
			h.Marks[i] = signal.Mark(signal.Red)
		}
	}
	if overruled {
		h.Overruled = 900
		for i := 25; i < 40; i++ {
			h.Marks[i] = signal.MarkOf(signal.Rollup{Lights: [5]int64{signal.Grey: 60}, Overruled: 60})
		}
	}
	return h
}

// seed gives a room 100 days in which kakao breaks every ninth day.
func seed(r *room) {
	now := time.Now().Unix() / 3600
	r.past = map[string][]signal.Hour{}
	for at := now - 100*24; at <= now; at++ {
		r.past["naver"] = append(r.past["naver"], calm(at))
		switch {
		case (now-at)%216 == 30:
			r.past["kakao"] = append(r.past["kakao"], broken(at, (now-at)%432 == 30))
		case (now-at)%500 > 5: // else nobody measured
			r.past["kakao"] = append(r.past["kakao"], calm(at))
		}
	}
}

func TestTheHistoryShowsLightsIncidentsWordsAndHonesty(t *testing.T) {
	r := newRoom(t, jimin())
	seed(r)
	b := r.browser().enter()
	b.word("kakao")
	week := b.get("/history")
	week.says(t, http.StatusOK, `id="past-naver"`, `id="past-kakao"`, "정직도", "99.9", "혼잡·선택불가였던 때", "카카오 ✕ 선택불가", "20분",
		"카카오 선택불가로", "점검 중", `class="mark"`, `class="p99"`, "/api/history.csv?from=", `aria-current="page"`)
	if n := strings.Count(week.body, `<li data-light="grey" data-provider="kakao">`); n != 1 {
		t.Errorf("a week: got %d incidents, want 1", n)
	}
	quarter := b.get("/history?span=90d")
	quarter.says(t, http.StatusOK, "운영자 조치", `class="strip heat days"`, `class="grey said"`)
	if n := strings.Count(quarter.body, `<li data-light="grey" data-provider="kakao">`); n != 10 {
		t.Errorf("90 days: got %d incidents, want 10", n)
	}
	if n := strings.Count(quarter.body, "<rect"); n > 1500 {
		t.Errorf("90 days: got %d rectangles, want equal neighbours as one", n)
	}
	r.store.gone.Store(true)
	r.past = nil
	b.get("/history").says(t, http.StatusServiceUnavailable, "저장소에 닿지 않습니다")
	if got := b.get("/api/history"); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "store cannot be reached") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestAnEmptyHistorySaysSo(t *testing.T) {
	b := newRoom(t, jimin()).browser().enter()
	b.get("/history").says(t, http.StatusOK, "아직 기록이 없습니다", "없었습니다")
	b.get("/api/history?step=minute").says(t, http.StatusOK, `"rows":[]`)
}

func TestOnlyOperatorsReadTheHistory(t *testing.T) {
	r := newRoom(t, jimin())
	b := r.browser()
	if got := b.get("/history"); !strings.HasPrefix(got.at, "/sign-in") || !strings.Contains(got.at, url.QueryEscape("/history")) {
		t.Errorf("got the page at %s, want to be asked to sign in", got.at)
	}
	for _, path := range []string{"/api/history", "/api/history.csv?step=day"} {
		if got := b.get(path); got.status != http.StatusUnauthorized || got.header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: got %d as %s, want 401 in JSON", path, got.status, got.header.Get("Content-Type"))
		}
	}
}

func TestATokenReadsTheHistoryAndNothingElse(t *testing.T) {
	r := newRoom(t, jimin())
	token, hash := operator.NewToken()
	r.cfg.Readers = []operator.TokenHash{{1}, hash}
	b := r.browser()
	ask := func(path, authorization string) answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", authorization)
		return b.do(req)
	}
	for _, path := range []string{"/api/history", "/api/history.csv"} {
		if got := ask(path, "Bearer "+token); got.status != http.StatusOK {
			t.Errorf("%s: got %d %s, want it read", path, got.status, got.body)
		}
		for _, wrong := range []string{"Bearer ", "Bearer " + token[1:], "Basic " + token, token, "Bearer  " + token} {
			if got := ask(path, wrong); got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s with %q: got %d, want 401", path, wrong, got.status)
			}
		}
	}
	for _, path := range []string{"/", "/history", "/audit", "/providers/kakao"} {
		if got := ask(path, "Bearer "+token); !strings.HasPrefix(got.at, "/sign-in") {
			t.Errorf("%s: got %s, want to be asked to sign in", path, got.at)
		}
	}
}

func TestAnExportIsAsItIsWritten(t *testing.T) {
	at := int64(496_000)
	for name, all := range map[string][]stretch{"hours.csv": {
		{At: calm(at).Begin(), Provider: "naver", Seconds: 3600, Rollup: calm(at).Rollup},
		{At: broken(at, true).Begin(), Provider: "kakao", Seconds: 3600, Rollup: broken(at, true).Rollup},
		{At: calm(at + 1).Begin(), Provider: "=cmd|' /C calc'!A0", Seconds: 1},
	}} {
		got, err := csvOf(all)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("..", "testdata", "history", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAttackFormulasInAnExport(t *testing.T) {
	for in, want := range map[string]string{
		"naver": "naver", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "\rx": "'\rx", "": "",
	} {
		if got := csvCell(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := csvCell(int64(-3)); got != "-3" {
		t.Errorf("got %q, want a number to stay one", got)
	}
}

func TestCSVAndJSONSayTheSame(t *testing.T) {
	r := newRoom(t, jimin())
	seed(r)
	b := r.browser().enter()
	rows, err := csv.NewReader(strings.NewReader(b.get("/api/history.csv?step=whole").body)).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("got %d rows and %v, want a header, two providers and all together", len(rows), err)
	}
	var doc struct {
		From, To  time.Time
		Rows      []map[string]any
		Incidents []incidentDoc
	}
	if err := json.Unmarshal([]byte(b.get("/api/history?step=whole").body), &doc); err != nil {
		t.Fatal(err)
	}
	for i, row := range doc.Rows {
		if len(row) != len(rows[0]) {
			t.Fatalf("got %d fields, want %d", len(row), len(rows[0]))
		}
		for k, name := range rows[0] {
			text := ""
			switch v := row[name].(type) {
			case string:
				text = v
			case float64:
				text = strconv.FormatFloat(v, 'g', -1, 64)
				if f, err := strconv.ParseFloat(rows[i+1][k], 64); err == nil && f == v {
					text = rows[i+1][k]
				}
			}
			if text != rows[i+1][k] {
				t.Errorf("row %d, %s: JSON has %v, CSV %q", i, name, row[name], rows[i+1][k])
			}
		}
	}
	if len(doc.Incidents) != 1 || doc.Incidents[0].Provider != "kakao" || doc.Incidents[0].Light != "grey" || doc.Incidents[0].To.Sub(doc.Incidents[0].From) != 20*time.Minute {
		t.Errorf("got %+v, want kakao's 20 minutes", doc.Incidents)
	}
	if doc.To.Sub(doc.From) < 7*24*time.Hour || doc.Rows[2]["provider"] != "*" {
		t.Errorf("got %v to %v and %v", doc.From, doc.To, doc.Rows[2])
	}
}

func TestQuestionsAreJudged(t *testing.T) {
	now := time.Date(2026, 8, 9, 20, 17, 30, 0, time.UTC)
	known := func(id string) bool { return id == "kakao" }
	for query, want := range map[string]string{
		"":                                    "hour 2026-08-02T20:00:00Z 2026-08-09T21:00:00Z",
		"step=minute":                         "minute 2026-08-09T19:17:00Z 2026-08-09T20:18:00Z",
		"step=day&from=2026-06-01":            "day 2026-06-01T00:00:00Z 2026-08-09T21:00:00Z",
		"from=2026-08-09T05:30:00%2B09:00":    "hour 2026-08-08T20:00:00Z 2026-08-09T21:00:00Z",
		"from=2026-08-09&to=2026-08-09":       "from is not before to",
		"step=minute&from=2026-08-01":         "at most",
		"from=2025-08-01":                     "at most",
		"from=yesterday":                      "a time is",
		"from=0001-01-01":                     "a time is",
		"step=week":                           "step is",
		"provider=nobody":                     "no such provider",
		"provider=kakao&provider=kakao":       "twice",
		"provider=kakao&format=xls":           "not a parameter",
		"provider=kakao&step=whole&from=&to=": "whole 2026-08-02T20:00:00Z 2026-08-09T21:00:00Z",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		a, err := askedOf(q, now, known)
		got := string(a.Step) + " " + a.From.Format(time.RFC3339) + " " + a.To.Format(time.RFC3339)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: got %s, want %s", query, got, want)
		}
	}
}

func TestEveryColumnIsWrittenDown(t *testing.T) {
	page, err := os.ReadFile("../docs/reference/history.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range columns() {
		if !strings.Contains(string(page), "`"+c.Name+"`") {
			t.Errorf("docs/reference/history.md does not say what %s is", c.Name)
		}
	}
}

func TestHoursAndDaysStandWhereTheyBelong(t *testing.T) {
	seoul := time.FixedZone("KST", 9*3600)
	from := time.Date(2026, 8, 1, 0, 0, 0, 0, seoul)
	first := from.Unix() / 3600
	bad := signal.Hour{At: first + 24 + 20} // the second day, 20:00
	bad.Lights[signal.Red], bad.Overruled = 5, 5
	good := func(at int64) (h signal.Hour) { h.At = at; h.Lights[signal.Green] = 3600; return h }
	all := []signal.Hour{good(first), good(first + 24), bad}
	d := heatByDay(seoul, from, 90, all)
	if len(d.Cells) != 2 || d.Cells[0].W != 2 || d.Cells[1].X != 1 || d.Cells[1].Y+d.Cells[1].H != 21*cellHigh || !d.Cells[1].Override {
		t.Errorf("by day: got %+v, want midnight of two days as one and 20:00 of the second", d.Cells)
	}
	if len(d.Marks) != 1 || d.Marks[0].X != 1 || d.Worst != signal.Red {
		t.Errorf("by day: got marks %+v, want the second day", d.Marks)
	}
	h := heatByHour(seoul, from, 7, all)
	if len(h.Cells) != 3 || h.Cells[1].X != 0 || h.Cells[2].X != 20 || h.Cells[2].H <= h.Cells[0].H || h.Cells[2].Y+h.Cells[2].H != rowHigh+cellHigh {
		t.Errorf("by hour: got %+v, want midnight of two days and 20:00 of the second, red the tallest", h.Cells)
	}
	if len(h.Marks) != 1 || h.Marks[0].X != 20 || h.Marks[0].Y <= rowHigh+cellHigh || len(h.Rows) != 7 {
		t.Errorf("by hour: got marks %+v, want one below that hour", h.Marks)
	}
}
