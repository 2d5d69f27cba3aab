package main

import (
	"sinho/broker/client"
	"sinho/demo"
	"sinho/providers"
	"sinho/providers/sim"
)

// simulated is one provider of the demo: what its adapter and its simulator
// must agree on.
type simulated struct {
	id        string
	name      providers.Text // of the kinds that have none of their own
	assurance providers.Assurance
	assertsCI bool
}

func simulatedProviders() []simulated {
	return []simulated{
		{id: "naver"},
		{id: "kakao", assertsCI: true},
		{id: "pass", assertsCI: true, assurance: providers.Verified},
		{id: "toss", assertsCI: true, assurance: providers.Verified},
		{id: "oidc", name: providers.Text{KO: "나라아이디", EN: "Nara ID"}},
	}
}

func (p simulated) settings(base, secret string, s *sim.Sim) providers.Settings {
	set := providers.Settings{
		ID: p.id, Name: p.name, ClientID: "sinho", ClientSecret: secret,
		AssertsCI: p.assertsCI, Assurance: p.assurance,
	}
	switch p.id {
	case "oidc":
		set.Issuer = base
		set.Scopes = []string{"openid", "profile", "email", "phone"}
	case "toss":
		set.Base = base
		set.PublicKeyPEM = string(s.TossPublicKey())
	default:
		set.Base = base
	}
	return set
}

// demoClients registers the demo's sites with fresh secrets, and a playground
// for whoever wants to try a client of their own.
func demoClients(booking, school *demo.SiteConfig) (*client.Registry, error) {
	register := func(c *demo.SiteConfig, ko, en string) client.Client {
		secret, hash := client.NewSecret()
		c.ClientSecret = secret
		return client.Client{
			ID: c.ClientID, SecretHash: hash, Name: providers.Text{KO: ko, EN: en}, Sector: c.ClientID,
			RedirectURIs: []string{c.RedirectURI()}, PostLogoutURIs: []string{c.PostLogoutURI()}, Start: c.StartURI(),
		}
	}
	return client.NewRegistry(
		register(booking, demo.BookingKO, demo.BookingEN),
		register(school, demo.SchoolKO, demo.SchoolEN),
		client.Client{
			ID: "playground", Public: true, Name: providers.Text{KO: "놀이터", EN: "Playground"}, Sector: "playground",
			RedirectURIs: []string{"http://localhost:3000/callback"}, PostLogoutURIs: []string{"http://localhost:3000/"},
		},
	)
}
