package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"sinho/broker/client"
	"sinho/providers"
	"sinho/store/shared"
)

// Registrations are the clients as the registry takes them.
func (c *Config) Registrations() []client.Client {
	all := make([]client.Client, len(c.Clients))
	for i, one := range c.Clients {
		all[i] = one.client()
	}
	return all
}

func (c Client) client() client.Client {
	hash, _ := c.hash() // Validate has told
	keys, _ := c.keys()
	return client.Client{
		ID: c.ID, SecretHash: hash, Public: c.Public, Name: providers.Text(c.Name),
		RedirectURIs: c.RedirectURIs, PostLogoutURIs: c.PostLogoutURIs, Start: c.Start,
		Sector: c.Sector, PublicSubject: c.PublicSubject, MinAssurance: providers.Assurance(c.MinAssurance),
		Scopes: c.Scopes, Algorithm: c.Algorithm, Native: c.Native, Support: c.Support,
		AuthMethod: c.AuthMethod, Keys: keys, AssertionAudience: c.AssertionAudience,
		RequirePKCE: c.RequirePKCE, RequirePAR: c.RequirePAR, RequireSignedRequest: c.RequireSignedRequest,
		Refresh: c.Refresh, RefreshTTL: c.RefreshLifetime, SessionRule: c.Session, PushRule: c.Push, Rota: c.Rota,
		OneDevice: c.OneDevice, DeviceGroup: c.DeviceGroup, DeviceLock: c.DeviceLock, PeoplePerDevice: c.PeoplePerDevice, PeopleWindow: c.PeopleWindow, Consent: c.Consent, TellProvider: c.TellProvider,
		BackchannelLogoutURI: c.BackchannelLogoutURI, BackchannelSession: c.BackchannelSession,
		FrontchannelLogoutURI: c.FrontchannelLogoutURI, FrontchannelSession: c.FrontchannelSession,
		Resources: c.Resources, Serves: c.Serves, PolicyURI: c.PolicyURI, TermsURI: c.TermsURI,
	}
}

// Enabled are the providers that count, in the order in which they are shown.
func (c *Config) Enabled() []Provider {
	var all []Provider
	for _, p := range c.Providers {
		if p.Enabled {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b Provider) int { return cmp.Compare(a.Order, b.Order) })
	return all
}

// Settings are a provider as its adapter takes it.
func (p Provider) Settings() providers.Settings {
	s := providers.Settings{
		ID: p.ID, Kind: p.Kind, Name: providers.Text(p.Name), Base: p.Base, Issuer: p.Issuer,
		DiscoveryURL: p.DiscoveryURL, AuthorizeURL: p.AuthorizeURL, TokenURL: p.TokenURL,
		UserinfoURL: p.UserinfoURL, JWKSURL: p.JWKSURL, ClientID: p.ClientID, ClientSecret: string(p.Secret),
		Scopes: p.Scopes, Algorithms: p.Algorithms, AssertsCI: p.AssertsCI, CIClaim: p.CIClaim,
		Assurance: providers.Assurance(p.Assurance), TrustFramework: p.TrustFramework, PublicKeyPEM: p.PublicKeyPEM,
		ResponseMode: p.ResponseMode, AuthMethod: p.AuthMethod, PrivateKeyPEM: string(p.PrivateKey), KeyID: p.KeyID,
		AssertionAudience: p.AssertionAudience, PlainRequests: p.PlainRequests, ProbeToken: p.ProbeToken, OAuth2: p.OAuth2, ACRValues: p.ACRValues,
	}
	for _, e := range p.Errors {
		s.Errors = append(s.Errors, providers.ErrorCode(e))
	}
	if p.Claims != nil {
		s.Claims = providers.ClaimPaths(*p.Claims)
	}
	if p.Fresh != nil {
		fresh := providers.Freshness(*p.Fresh)
		s.Fresh = &fresh
	}
	if p.Needs != nil {
		s.Needs = *p.Needs
	}
	return s
}

// IsShared says whether the store is one that several nodes share.
func (c *Config) IsShared() bool {
	_, remote, err := parseStore(c.Store)
	return remote && err == nil
}

// Shared are the options of a redis:// store. It reads the CA file, if one is
// named.
func (c *Config) Shared() (shared.Options, error) {
	address, remote, err := parseStore(c.Store)
	if err != nil || !remote {
		return shared.Options{}, errors.Join(err, errors.New("store is not shared: write redis://host:6379"))
	}
	r := defaultRedis()
	if c.Redis != nil {
		r = *c.Redis
	}
	o := shared.Options{
		Addrs: address.addrs, MasterName: address.master, Username: r.Username, Password: string(r.Password),
		SentinelUsername: r.SentinelUsername, SentinelPassword: string(r.SentinelPassword),
		Prefix: r.Prefix, Replicas: r.Replicas, ReplicaWait: r.ReplicaWait, Timeout: r.Timeout,
	}
	if address.tls {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if r.CAFile == "" || !address.tls {
		return o, nil
	}
	pem, err := readFile(r.CAFile)
	if err != nil {
		return o, fmt.Errorf("%s cannot be read (%w): correct the path or its rights", r.CAFile, err)
	}
	o.TLS.RootCAs = x509.NewCertPool()
	if !o.TLS.RootCAs.AppendCertsFromPEM(pem) {
		return o, fmt.Errorf("%s has no certificate in PEM: name another file", r.CAFile)
	}
	return o, nil
}
