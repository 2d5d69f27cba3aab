package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"

	"sinho/broker/client"
	"sinho/config"
	"sinho/providers"
)

// nobodyGetsIn warns of sites at which nobody can log in: no provider that is for
// them is one that they take.
func nobodyGetsIn(w io.Writer, cfg *config.Config) {
	for _, c := range cfg.Clients {
		takes := func(p config.Provider) bool {
			if len(p.Clients) > 0 && !slices.Contains(p.Clients, c.ID) || providers.Assurance(c.MinAssurance) == providers.Verified && providers.Assurance(p.Assurance) != providers.Verified {
				return false
			}
			adapter, err := providers.New(p.Settings(), http.DefaultClient)
			return err == nil && (c.Push != client.PushNone || adapter.Info().Shape != providers.Push)
		}
		if len(c.RedirectURIs) == 0 || len(cfg.Enabled()) == 0 || slices.ContainsFunc(cfg.Enabled(), takes) {
			continue
		}
		fmt.Fprintf(w, "warning: nobody can log in at %s: no enabled provider for it is what min_assurance and push of it ask for\n", c.ID)
	}
}
