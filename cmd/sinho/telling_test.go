package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/broker/client"
	"sinho/broker/logout"
	"sinho/console"
	"sinho/providers"
	"sinho/signal"
	"sinho/store/embedded"
)

// TestOperatorsAreShownEverySiteThatWantsToBeTold counts a few ends of tries, and
// has two messages wait.
func TestOperatorsAreShownEverySiteThatWantsToBeTold(t *testing.T) {
	queue, err := embedded.Open(filepath.Join(t.TempDir(), "sinho.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer queue.Close()
	at := time.Now().Truncate(time.Second)
	told, err := newTelling("https://login.example", queue, nil, func() time.Time { return at }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	site := func(id, uri string) client.Client {
		return client.Client{
			ID: id, Name: providers.Text{KO: "예약", EN: "Booking"}, Public: true, RequirePKCE: true,
			RedirectURIs: []string{"https://" + id + ".example/cb"}, BackchannelLogoutURI: uri,
		}
	}
	registry, err := client.NewRegistry(site("school", "https://school.example/out"), site("booking", "https://booking.example/out"), site("quiet", ""))
	if err != nil {
		t.Fatal(err)
	}
	s, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	told.use(registry, s.secrets)
	for _, sid := range []string{"one", "two"} {
		if err := told.Tell(t.Context(), "booking", "sub", sid); err != nil {
			t.Fatal(err)
		}
	}
	told.count("booking", logout.ResultTold)
	told.count("booking", logout.ResultTold)
	told.count("booking", logout.ResultGivenUp)
	told.count("gone", logout.ResultTold)

	got, err := told.sites(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Waiting != 2 || got.Oldest.IsZero() {
		t.Errorf("got %d waiting since %v, want 2 since now", got.Waiting, got.Oldest)
	}
	name := signal.Text{KO: "예약", EN: "Booking"}
	want := []console.SiteTold{
		{ID: "booking", Name: name, Results: []console.SiteResult{{Result: "told", Count: 2, Last: at}, {Result: "refused"}, {Result: "retry"}, {Result: "given_up", Count: 1, Last: at}}},
		{ID: "school", Name: name, Results: []console.SiteResult{{Result: "told"}, {Result: "refused"}, {Result: "retry"}, {Result: "given_up"}}},
	}
	if diff := cmp.Diff(want, got.Told); diff != "" {
		t.Errorf("sites (-want +got):\n%s", diff)
	}
}
