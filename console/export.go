package console

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sinho/signal"
)

// column is one of an export. Its value is a string, an int64, a float64, or nil
// where nothing is known.
type column struct {
	Name  string
	Value func(*stretch) any
}

// columns are those of an export, in order; docs/reference/history.md says what
// they are, and a new one goes to the end.
func columns() []column {
	count := func(n func(*stretch) int64) func(*stretch) any {
		return func(s *stretch) any { return n(s) }
	}
	all := []column{
		{"start", func(s *stretch) any { return s.At.Format(time.RFC3339) }},
		{"provider", func(s *stretch) any { return s.Provider }},
		{"light", func(s *stretch) any {
			if l := s.Worst(); l != 0 {
				return l.String()
			}
			return nil
		}},
		{"measured_s", count(func(s *stretch) int64 { return int64(s.Seconds) })},
	}
	for l := signal.Green; l <= signal.Grey; l++ {
		all = append(all, column{l.String() + "_s", count(func(s *stretch) int64 { return s.Lights[l] })})
	}
	all = append(all, []column{
		{"operator_s", count(func(s *stretch) int64 { return s.Overruled })},
		{"maintenance_s", count(func(s *stretch) int64 { return s.Planned })},
		{"starts", count(func(s *stretch) int64 { return s.Started })},
		{"returns", count(func(s *stretch) int64 { return s.Returned })},
		{"cancelled", count(func(s *stretch) int64 { return s.Cancelled })},
		{"legs", count(func(s *stretch) int64 { return s.Ended() })},
	}...)
	for _, q := range []struct {
		name  string
		share float64
	}{{"p50_ms", 0.50}, {"p95_ms", 0.95}, {"p99_ms", 0.99}} {
		all = append(all, column{q.name, func(s *stretch) any {
			if s.Ended() == 0 {
				return nil
			}
			return s.Quantile(q.share).Milliseconds()
		}})
	}
	all = append(all, column{"errors", count(func(s *stretch) int64 { return s.Failed() })})
	for i, name := range classWords() {
		all = append(all, column{name, count(func(s *stretch) int64 { return s.Errors[i] })})
	}
	return append(all, []column{
		{"green_begun", count(func(s *stretch) int64 { return s.GreenBegun })},
		{"green_ended", count(func(s *stretch) int64 { return s.GreenEnded })},
		{"green_failed", count(func(s *stretch) int64 { return s.GreenFailed })},
		{"green_slow", count(func(s *stretch) int64 { return s.GreenSlow })},
		{"green_vanished", func(s *stretch) any { return s.Honest().Vanished }},
		{"green_honesty", func(s *stretch) any {
			if share, ok := s.Honest().Share(); ok {
				return share
			}
			return nil
		}},
	}...)
}

// classWords name each signal.Class as the metrics do.
func classWords() [len(signal.Rollup{}.Errors)]string {
	return [...]string{
		signal.Refused: "refused", signal.TimedOut: "timed_out", signal.Faulty: "faulty",
		signal.Throttled: "throttled", signal.Nonsense: "nonsense",
	}
}

// csvOf writes stretches with a header row (RFC 4180). A cell that a spreadsheet
// would take for a formula begins with an apostrophe.
func csvOf(all []stretch) ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	w.UseCRLF = true
	cols := columns()
	row := make([]string, len(cols))
	for i, c := range cols {
		row[i] = c.Name
	}
	_ = w.Write(row) // w.Error has it
	for i := range all {
		for k, c := range cols {
			row[k] = csvCell(c.Value(&all[i]))
		}
		_ = w.Write(row)
	}
	w.Flush()
	return buf.Bytes(), w.Error()
}

// csvCell is a value as CSV has it; text never begins as a formula does.
func csvCell(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		if v != "" && strings.ContainsAny(v[:1], "=+-@\t\r\n") {
			return "'" + v
		}
		return v
	}
	return ""
}

// jsonOf writes the same as objects whose fields are in the columns' order.
func jsonOf(all []stretch) (json.RawMessage, error) {
	cols := columns()
	buf := []byte{'['}
	for i := range all {
		if i > 0 {
			buf = append(buf, ",\n"...)
		}
		for k, c := range cols {
			v, err := json.Marshal(c.Value(&all[i]))
			if err != nil {
				return nil, err
			}
			buf = append(buf, map[bool]byte{true: '{', false: ','}[k == 0])
			buf = append(strconv.AppendQuote(buf, c.Name), ':')
			buf = append(buf, v...)
		}
		buf = append(buf, '}')
	}
	return append(buf, ']'), nil
}

// document is what the history is as JSON.
type document struct {
	From time.Time       `json:"from"`
	To   time.Time       `json:"to"`
	Step step            `json:"step"`
	Rows json.RawMessage `json:"rows"`
	// Incidents of the span; not by the minute.
	Incidents []incidentDoc `json:"incidents,omitempty"`
}

type incidentDoc struct {
	Provider    string    `json:"provider"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Light       string    `json:"light"`
	Operator    bool      `json:"operator"`
	Maintenance bool      `json:"maintenance"`
}

// export serves the history to whoever may have it: as CSV, or as JSON.
func (c *Console) export(asCSV bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !c.reads(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, http.StatusUnauthorized, "sign in at the console first, or send a token that may read")
			return
		}
		a, err := askedOf(r.URL.Query(), c.cfg.Now(), func(id string) bool { _, ok := c.called(id); return ok })
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		all, hours, err := c.history(r.Context(), a)
		if err != nil {
			c.cfg.Log.ErrorContext(r.Context(), "export the history", "error", err)
			refuse(w, http.StatusServiceUnavailable, "the store cannot be reached")
			return
		}
		body, kind := []byte(nil), "text/csv; charset=utf-8; header=present"
		if asCSV {
			body, err = csvOf(all)
			w.Header().Set("Content-Disposition", `attachment; filename="sinho-`+string(a.Step)+"-"+a.From.Format("20060102T1504Z")+`.csv"`)
		} else {
			kind = "application/json; charset=utf-8"
			body, err = documentOf(a, all, hours)
		}
		if err != nil {
			c.cfg.Log.ErrorContext(r.Context(), "export the history", "error", err)
			w.Header().Del("Content-Disposition")
			refuse(w, http.StatusInternalServerError, "the export could not be made")
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body)
	}
}

// reads reports whether somebody may have an export: a machine with a token, else
// whoever is signed in.
func (c *Console) reads(r *http.Request) bool {
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); scheme != "" {
		found := false
		for _, h := range c.cfg.Readers {
			found = h.Matches(token) || found
		}
		return found && strings.EqualFold(scheme, "bearer")
	}
	_, err := c.visitor(r)
	return err == nil
}

func documentOf(a asked, all []stretch, hours map[string][]signal.Hour) ([]byte, error) {
	rows, err := jsonOf(all)
	if err != nil {
		return nil, err
	}
	doc := document{From: a.From, To: a.To, Step: a.Step, Rows: rows}
	for id, of := range hours {
		for _, i := range signal.Incidents(of) {
			doc.Incidents = append(doc.Incidents, incidentDoc{id, i.From, i.To, i.Worst.String(), i.Overruled, i.Planned})
		}
	}
	slices.SortFunc(doc.Incidents, func(a, b incidentDoc) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Provider, b.Provider))
	})
	return json.Marshal(doc)
}

// refuse answers whoever reads JSON.
func refuse(w http.ResponseWriter, status int, why string) {
	body, err := json.Marshal(map[string]string{"error": why})
	if err != nil {
		body = []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// called is a provider's name; ok is false for an unknown one.
func (c *Console) called(id string) (name signal.Text, ok bool) {
	for _, p := range c.cfg.Lights.Board().Providers {
		if p.ID == id {
			return p.Name, true
		}
	}
	return signal.Text{KO: id, EN: id}, false
}
