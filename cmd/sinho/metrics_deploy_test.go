package main

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"sinho/citizen"
)

// vocabulary is what a scrape has: metrics, labels, and the values of each.
type vocabulary struct {
	metrics map[string]bool
	values  map[string]map[string]bool // by label
}

func (s scraped) vocabulary() vocabulary {
	v := vocabulary{metrics: map[string]bool{"up": true}, values: map[string]map[string]bool{}}
	for _, free := range []string{"job", "instance"} { // Prometheus's own
		v.values[free] = nil
	}
	label := regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
	for series := range s {
		name, labels, _ := strings.Cut(series, "{")
		v.metrics[name] = true
		for _, m := range label.FindAllStringSubmatch(labels, -1) {
			if v.values[m[1]] == nil {
				v.values[m[1]] = map[string]bool{}
			}
			v.values[m[1]][m[2]] = true
		}
	}
	return v
}

// unknown are the words of a PromQL expression that are neither in the scrape
// nor of the language.
func (v vocabulary) unknown(expr string) []string {
	var wrong []string
	named := func(label string) {
		if _, known := v.values[label]; !known {
			wrong = append(wrong, "label "+label)
		}
	}
	matcher := regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"`)
	expr = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllStringFunc(expr, func(braces string) string {
		for _, m := range matcher.FindAllStringSubmatch(braces, -1) {
			named(m[1])
			for value := range strings.SplitSeq(m[2], "|") {
				if of := v.values[m[1]]; of != nil && !of[value] {
					wrong = append(wrong, m[1]+" "+value)
				}
			}
		}
		return ""
	})
	grouping := regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	expr = grouping.ReplaceAllStringFunc(expr, func(group string) string {
		for label := range strings.SplitSeq(grouping.FindStringSubmatch(group)[1], ",") {
			named(strings.TrimSpace(label))
		}
		return ""
	})
	expr = regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(expr, "")
	language := []string{"sum", "min", "max", "avg", "rate", "increase", "histogram_quantile", "and", "or", "unless", "group_left"}
	words := 0
	for _, word := range regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`).FindAllString(expr, -1) {
		switch {
		case slices.Contains(language, word):
		case v.metrics[word]:
			words++
		default:
			words++
			wrong = append(wrong, "metric "+word)
		}
	}
	if words == 0 {
		wrong = append(wrong, "metric in it at all")
	}
	return wrong
}

// ruleTests are what alerts_test.yaml has for promtool, as far as it is read here.
type ruleTests struct {
	RuleFiles []string `yaml:"rule_files"`
	Tests     []struct {
		Name  string `yaml:"name"`
		Input []struct {
			Series string `yaml:"series"`
		} `yaml:"input_series"`
		Rules []struct {
			Alert string `yaml:"alertname"`
			Exp   []any  `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

// testedRules demands that the tests of the rules feed them series that a node has,
// and have each of those about rooms fire; promtool runs them.
func testedRules(t *testing.T, v vocabulary, alerts []alertRule) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/prometheus/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file ruleTests
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	fires := map[string]bool{}
	v.values["instance"], v.values["room"] = nil, nil // of the tests' own
	for _, one := range file.Tests {
		for _, in := range one.Input {
			for _, word := range v.unknown(in.Series) {
				t.Errorf("the test %q of the rules: the scrape has no %s", one.Name, word)
			}
		}
		for _, r := range one.Rules {
			fires[r.Alert] = fires[r.Alert] || len(r.Exp) > 0
			if !slices.ContainsFunc(alerts, func(a alertRule) bool { return a.Alert == r.Alert }) {
				t.Errorf("the test %q of the rules: there is no alert %s", one.Name, r.Alert)
			}
		}
	}
	for _, a := range alerts {
		if strings.Contains(a.Expr, "sinho_room_") && !fires[a.Alert] {
			t.Errorf("alert %s: no test has it fire", a.Alert)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "promtool", "test", "rules", "../../deploy/prometheus/alerts_test.yaml").CombinedOutput(); err != nil {
		t.Errorf("promtool (make tools installs it): %v\n%s", err, out)
	}
}

type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alertRules(t *testing.T) []alertRule {
	t.Helper()
	text, err := os.ReadFile("../../deploy/prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string      `yaml:"name"`
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	var all []alertRule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// dashboardQueries are the queries of all panels, by the panel's title.
func dashboardQueries(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/grafana/sinho.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	all, rows := map[string][]string{}, 0
	for _, p := range board.Panels {
		if p.Type == "row" {
			rows++
		}
		for _, q := range p.Targets {
			all[p.Title] = append(all[p.Title], q.Expr)
		}
	}
	if len(all) != len(board.Panels)-rows {
		t.Errorf("got %d panels, %d of them with a title of their own and a query", len(board.Panels)-rows, len(all))
	}
	return all
}

// metricsInDocs are the metrics that the docs name in full, by file; a name with
// what it begins with alone (sinho_room_*) is none. Decisions tell of their day.
func metricsInDocs(t *testing.T) map[string][]string {
	t.Helper()
	all, name := map[string][]string{}, regexp.MustCompile(`\bsinho_[a-z_]*[a-z]\b`)
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/reference/*.md", "../../docs/integrate/*.md", "../../deploy/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if found := name.FindAllString(string(text), -1); len(found) > 0 {
				all[file] = found
			}
		}
	}
	if len(all) == 0 {
		t.Error("got no metric in the docs")
	}
	return all
}

func TestAlertsAndDashboardUseMetricsThatExist(t *testing.T) {
	w := newWorld(t, "http")
	_, scrape := w.watched(forcedRoom, "rotas: [{id: turns, rules: [{from: 2021-08-09 20:00}]}]\n")
	if out := w.login(t.Context(), citizen.Named("naver")); !out.In {
		t.Fatalf("got %s (%v), want it in", out.Why, out.Err)
	}
	v := parseScrape(t, scrape()).vocabulary()
	alerts := alertRules(t)
	if len(alerts) == 0 {
		t.Error("got no alert rule")
	}
	for _, a := range alerts {
		for _, word := range v.unknown(a.Expr) {
			t.Errorf("alert %s: the scrape has no %s", a.Alert, word)
		}
		if a.Alert == "" || a.Annotations["summary"] == "" || a.Annotations["action"] == "" {
			t.Errorf("alert %q does not say what happened and what to do", a.Alert)
		}
		if s := a.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("alert %s: got severity %q, want page or ticket", a.Alert, s)
		}
	}
	testedRules(t, v, alerts)
	for file, names := range metricsInDocs(t) {
		for _, name := range names {
			if !v.metrics[name] && !v.metrics[name+"_count"] {
				t.Errorf("%s: the scrape has no metric %s", file, name)
			}
		}
	}
	boards := dashboardQueries(t)
	for _, title := range slices.Sorted(maps.Keys(boards)) {
		for _, expr := range boards[title] {
			for _, word := range v.unknown(expr) {
				t.Errorf("panel %q: the scrape has no %s", title, word)
			}
		}
	}
	for expr, want := range map[string]string{
		`rate(sinho_logins_startet_total[5m])`:      "metric sinho_logins_startet_total",
		`sinho_provider_light{light="blue"}`:        "light blue",
		`sum by (person) (sinho_watchers)`:          "label person",
		`sinho_provider_light{colour="green"} == 1`: "label colour",
	} {
		if got := v.unknown(expr); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q unknown, want %q", expr, got, want)
		}
	}
}
