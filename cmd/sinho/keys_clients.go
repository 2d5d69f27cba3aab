package main

import (
	"fmt"
	"slices"
	"strings"

	"sinho/broker/keys"
	"sinho/config"
)

// unsignable finds the clients whose ID tokens nothing in the set can sign.
func unsignable(cfg *config.Config, set *keys.Set) (wrong config.Mistakes) {
	has := set.Algorithms()
	for i, c := range cfg.Clients {
		if c.Algorithm != "" && !slices.Contains(has, c.Algorithm) {
			wrong = append(wrong, cfg.Mistake(fmt.Sprintf("clients[%d].algorithm", i),
				fmt.Sprintf("%s has no key of %s, only of %s", cfg.KeysDir, c.Algorithm, strings.Join(has, ", ")),
				fmt.Sprintf("make one: sinho keys add %s --dir %s; or name one that is there", c.Algorithm, cfg.KeysDir)))
		}
	}
	return wrong
}
