package client

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"sinho/providers"
)

// Bounds of DeviceLock, and what stands in for zero with DeviceRefuse. The longest
// is as long as a session; the name of a browser outlives it.
const (
	minLock        = time.Minute
	maxLock        = 12 * time.Hour
	defaultRefusal = 10 * time.Minute
	maxGroups      = 8
	alone          = "client:" // and the ID: the group of a client by itself
)

// Bounds of RefreshTTL, and what stands in for zero.
const (
	minRefresh     = time.Hour
	maxRefresh     = 365 * 24 * time.Hour
	defaultRefresh = 30 * 24 * time.Hour
)

// What front-channel logout adds to its URI (OpenID Connect Front-Channel Logout
// §2).
var frontchannelReserved = []string{"iss", "sid"}

// authentication checks how the client proves itself, and fills in that a public
// one does by PKCE alone.
func (k *check) authentication() {
	c := k.client
	none := c.SecretHash == [32]byte{}
	if c.SecretHash == sha256.Sum256(nil) {
		k.wrong("secret_hash", "is that of the empty secret")
	}
	switch c.AuthMethod {
	case "", AuthSecretBasic, AuthSecretPost:
		switch {
		case c.Public && c.AuthMethod != "":
			k.wrong("auth_method", "%q is not for a public client, which has none", c.AuthMethod)
		case !c.Public && none:
			k.wrong("secret_hash", "is missing: set it, or make the client public")
		}
	case AuthPrivateKeyJWT:
		switch {
		case c.Public:
			k.wrong("auth_method", "%q is not for a public client, which has none", c.AuthMethod)
		case !none:
			k.wrong("secret_hash", "must not be set with %s", AuthPrivateKeyJWT)
		}
	case AuthNone:
		if !c.Public {
			k.wrong("auth_method", "%q is for a public client only", AuthNone)
		}
	default:
		k.wrong("auth_method", "%q is none of %s, %s, %s and %s", c.AuthMethod, AuthSecretBasic, AuthSecretPost, AuthPrivateKeyJWT, AuthNone)
	}
	if c.Public {
		if !none {
			k.wrong("secret_hash", "must not be set for a public client")
		}
		c.RequirePKCE = true
		if c.AuthMethod == "" {
			c.AuthMethod = AuthNone
		}
	}
	k.assertionAudience()
}

func (k *check) assertionAudience() {
	c := k.client
	switch {
	case c.AssertionAudience != "" && c.AuthMethod != AuthPrivateKeyJWT:
		k.wrong("assertion_audience", "is for %s only", AuthPrivateKeyJWT)
	case c.AssertionAudience == "" && c.AuthMethod == AuthPrivateKeyJWT:
		c.AssertionAudience = AudienceIssuer
	case !slices.Contains([]string{"", AudienceIssuer, AudienceTokenEndpoint}, c.AssertionAudience):
		k.wrong("assertion_audience", "%q is not %s or %s", c.AssertionAudience, AudienceIssuer, AudienceTokenEndpoint)
	}
}

// sessions checks what becomes of logins and refresh tokens.
func (k *check) sessions() {
	c := k.client
	switch c.Refresh {
	case "", RefreshNone:
		c.Refresh = RefreshNone
		if c.RefreshTTL != 0 {
			k.wrong("refresh_lifetime", "is set, though refresh is %s", RefreshNone)
		}
		if i := slices.Index(c.Scopes, ScopeOffline); i >= 0 {
			k.wrong(fmt.Sprintf("scopes[%d]", i), "%s needs refresh: %s or %s", ScopeOffline, RefreshRotating, RefreshConstant)
		}
	case RefreshRotating, RefreshConstant:
		if c.Refresh == RefreshConstant && c.Public {
			k.wrong("refresh", "%s is not for a public client: whoever finds its token could use it unseen (RFC 9700 §4.14.2)", RefreshConstant)
		}
		if c.RefreshTTL == 0 {
			c.RefreshTTL = defaultRefresh
		}
		if c.RefreshTTL < minRefresh || c.RefreshTTL > maxRefresh {
			k.wrong("refresh_lifetime", "%v is not within %v and %v", c.RefreshTTL, minRefresh, maxRefresh)
		}
	default:
		k.wrong("refresh", "%q is none of %s, %s and %s", c.Refresh, RefreshNone, RefreshRotating, RefreshConstant)
	}
	switch c.SessionRule {
	case "":
		c.SessionRule = SessionShared
	case SessionShared, SessionNone:
	default:
		k.wrong("session", "%q is not %s or %s", c.SessionRule, SessionShared, SessionNone)
	}
	switch c.PushRule {
	case "":
		c.PushRule = PushAllowed
	case PushAllowed, PushNone:
	default:
		k.wrong("push", "%q is not %s or %s", c.PushRule, PushAllowed, PushNone)
	}
	if c.Rota != "" && c.MinAssurance != providers.Verified {
		k.wrong("rota", "is set, though min_assurance is not verified")
	}
}

var groupName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// MostPeopleWindow is the longest PeopleWindow.
const MostPeopleWindow = 7 * 24 * time.Hour

const (
	mostPeople          = 10
	defaultPeopleWindow = 24 * time.Hour
)

// people checks how many may log in from one browser.
func (k *check) people() {
	c := k.client
	switch {
	case c.PeoplePerDevice < 0 || c.PeoplePerDevice > mostPeople:
		k.wrong("people_per_device", "%d is not within 0 and %d", c.PeoplePerDevice, mostPeople)
	case c.PeoplePerDevice == 0 && c.PeopleWindow != 0:
		k.wrong("people_window", "is set without people_per_device")
	case c.PeoplePerDevice > 0 && c.PeopleWindow == 0:
		c.PeopleWindow = defaultPeopleWindow
	}
	if c.PeopleWindow != 0 && (c.PeopleWindow < time.Hour || c.PeopleWindow > MostPeopleWindow) {
		k.wrong("people_window", "%v is not within %v and %v", c.PeopleWindow, time.Hour, MostPeopleWindow)
	}
}

// devices checks whether people are held to one device.
func (k *check) devices() {
	c := k.client
	if c.OneDevice == "" {
		if c.DeviceGroup != "" {
			k.wrong("device_group", "is set without one_device")
		}
		if c.DeviceLock != 0 {
			k.wrong("device_lock", "is set without one_device")
		}
		return
	}
	if c.OneDevice != DeviceEndOlder && c.OneDevice != DeviceRefuse {
		k.wrong("one_device", "%q is not %s or %s", c.OneDevice, DeviceEndOlder, DeviceRefuse)
	}
	if c.MinAssurance != providers.Verified {
		k.wrong("one_device", "is set, though min_assurance is not verified: who has no CI would be another person with each provider")
	}
	switch {
	case c.DeviceGroup == "":
		c.DeviceGroup = alone + c.ID
	case !groupName.MatchString(c.DeviceGroup) && c.DeviceGroup != alone+c.ID:
		k.wrong("device_group", "%q is not 1 to 32 of a-z, 0-9 and -", c.DeviceGroup)
	}
	if c.DeviceLock == 0 {
		c.DeviceLock = maxLock
		if c.OneDevice == DeviceRefuse {
			c.DeviceLock = defaultRefusal
		}
	}
	if c.DeviceLock < minLock || c.DeviceLock > maxLock {
		k.wrong("device_lock", "%v is not within %v and %v", c.DeviceLock, minLock, maxLock)
	}
}

// devicesAgree: the clients of a group have one lock, so one rule.
func (k *check) devicesAgree(before map[string]Client) {
	c := k.client
	if c.OneDevice == "" {
		return
	}
	groups := map[string]bool{c.DeviceGroup: true}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		other := before[id]
		if other.OneDevice == "" || id == c.ID {
			continue
		}
		groups[other.DeviceGroup] = true
		if other.DeviceGroup == c.DeviceGroup && (other.OneDevice != c.OneDevice || other.DeviceLock != c.DeviceLock) {
			k.wrong("device_group", "%q has %q in it, whose one_device or device_lock is another", c.DeviceGroup, id)
		}
	}
	if len(groups) > maxGroups {
		k.wrong("one_device", "makes more than %d groups with a lock: give clients a device_group together", maxGroups)
	}
}

// logout checks where a site hears of the end of a session.
func (k *check) logout() {
	c := k.client
	if c.BackchannelLogoutURI != "" {
		if _, err := checkURI(c.BackchannelLogoutURI, false, nil); err != nil {
			k.wrong("backchannel_logout_uri", "%q %v", c.BackchannelLogoutURI, err)
		}
	} else if c.BackchannelSession {
		k.wrong("backchannel_logout_session_required", "is set without backchannel_logout_uri")
	}
	switch uri := c.FrontchannelLogoutURI; {
	case uri == "" && c.FrontchannelSession:
		k.wrong("frontchannel_logout_session_required", "is set without frontchannel_logout_uri")
	case uri != "":
		if _, err := checkURI(uri, false, frontchannelReserved); err != nil {
			k.wrong("frontchannel_logout_uri", "%q %v", uri, err)
		} else if !slices.ContainsFunc(c.RedirectURIs, func(r string) bool { return origin(r) == origin(uri) }) {
			k.wrong("frontchannel_logout_uri", "%q has another scheme, host or port than all redirect_uris", uri)
		}
	}
}

// origin is scheme, host and port of a URI that has been checked.
func origin(uri string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest
}

// resources checks what access tokens may be for, and whose tokens it may ask
// about.
func (k *check) resources() {
	c := k.client
	for _, list := range []struct {
		field string
		uris  []string
	}{{"resources", c.Resources}, {"serves", c.Serves}} {
		if len(list.uris) > maxURIs {
			k.wrong(list.field, "are %d, at most %d", len(list.uris), maxURIs)
			continue
		}
		for i, uri := range list.uris {
			at := fmt.Sprintf("%s[%d]", list.field, i)
			if err := checkResource(uri); err != nil {
				k.wrong(at, "%q %v", uri, err)
			} else if slices.Contains(list.uris[:i], uri) {
				k.wrong(at, "%q is there twice", uri)
			}
		}
	}
	if c.Public && len(c.Serves) > 0 {
		k.wrong("serves", "is not for a public client: nobody would know who asks")
	}
}

// checkResource takes an absolute URI without a fragment (RFC 8707 §2). It is a
// name and is never fetched, so http and urn: will do.
func checkResource(raw string) error {
	if raw == "" || len(raw) > maxURI {
		return fmt.Errorf("has %d bytes, want 1 to %d", len(raw), maxURI)
	}
	if err := checkCharacters(raw); err != nil {
		return err
	}
	u, err := url.Parse(raw)
	scheme, _, _ := strings.Cut(raw, ":")
	switch {
	case err != nil:
		return errors.New("is not a URI")
	case u.Scheme == "":
		return errors.New("is not absolute")
	case scheme != u.Scheme:
		return errors.New("has a scheme that is not in lower case")
	case u.User != nil:
		return errors.New("has user information before its host")
	case u.Host != "":
		_, err := checkAuthority(u)
		return err
	case u.Scheme == "https" || u.Scheme == "http":
		return errors.New("has no host")
	case u.Opaque == "" && u.Path == "":
		return errors.New("names nothing behind its scheme")
	}
	return nil
}

// links checks the pages shown where people are asked for consent.
func (k *check) links() {
	for _, l := range []struct{ field, uri string }{{"policy_uri", k.client.PolicyURI}, {"terms_uri", k.client.TermsURI}} {
		if l.uri == "" {
			continue
		}
		if _, err := checkURI(l.uri, false, nil); err != nil {
			k.wrong(l.field, "%q %v", l.uri, err)
		} else if !strings.HasPrefix(l.uri, "https://") {
			k.wrong(l.field, "%q must be https", l.uri)
		}
	}
}
