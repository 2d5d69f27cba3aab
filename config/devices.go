package config

import (
	"errors"
	"fmt"
	"slices"

	"sinho/broker/client"
	"sinho/providers"
)

// devices checks clients that hold people to one device: the clients of a group
// agree, and no provider would make somebody another person there.
func (r *review) devices() {
	var before []client.Client
	for i, c := range r.c.Clients {
		if c.OneDevice == "" {
			continue
		}
		path := fmt.Sprintf("clients[%d]", i)
		one := c.client()
		if _, alone := client.NewRegistry(one); alone == nil { // else it is told already
			if _, err := client.NewRegistry(append(before, one)...); err != nil {
				for _, wrong := range each(err) {
					if m, ok := errors.AsType[*client.Mistake](wrong); ok && m.Client == c.ID && m.Field != "id" {
						r.wrong(path+"."+m.Field, m.Why, clientAdvice(m.Field))
					}
				}
			} else {
				before = append(before, one)
			}
		}
		for _, p := range r.c.Providers {
			if !p.Enabled || providers.Assurance(p.Assurance) != providers.Verified || len(p.Clients) > 0 && !slices.Contains(p.Clients, c.ID) || p.AssertsCI {
				continue
			}
			r.wrong(path+".one_device", fmt.Sprintf("is got around by the provider %q: without asserts_ci its people are others than the same people elsewhere", p.ID),
				"set asserts_ci there, if it carries the CI, or keep it from this client by its clients")
		}
	}
}
