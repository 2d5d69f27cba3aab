package main

import (
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// certifyPlan is one file of settings for the suite, good for several plans.
type certifyPlan struct {
	file  string
	plans []string // as docs/certification.md calls them
	first string   // client
	next  string   // second client
	after bool     // logging out takes a moment at our page, until sites are told
	form  bool     // answers take a moment at our page, until its script has posted them
}

func certifyPlans() []certifyPlan {
	return []certifyPlan{
		{file: "basic.json", plans: []string{"Config", "Basic", "RP-Initiated Logout"}, first: "certify-basic", next: "certify-second"},
		{file: "form-post.json", plans: []string{"Form Post"}, first: "certify-basic", next: "certify-second", form: true},
		{file: "backchannel-logout.json", plans: []string{"Back-Channel Logout"}, first: "certify-back", next: "certify-second"},
		{file: "frontchannel-logout.json", plans: []string{"Front-Channel Logout"}, first: "certify-front", next: "certify-second", after: true},
		{file: "fapi2.json", plans: []string{"FAPI 2.0 Security Profile"}, first: "certify-fapi", next: "certify-fapi-second"},
	}
}

// What the suite reads of a plan's settings, as far as it concerns us.
type (
	suiteSettings struct {
		Alias       string          `json:"alias"`
		Description string          `json:"description"`
		Server      suiteServer     `json:"server"`
		Client      suiteClient     `json:"client"`
		Second      suiteClient     `json:"client2"`
		Post        *suiteClient    `json:"client_secret_post,omitempty"`
		Resource    *suiteResource  `json:"resource,omitempty"`
		Browser     []suiteCommands `json:"browser"`
		// Override has other commands for single modules of a plan.
		Override map[string]suiteOverride `json:"override,omitempty"`
	}
	suiteOverride struct {
		Browser []suiteCommands `json:"browser"`
	}
	suiteServer struct {
		Discovery string `json:"discoveryUrl"`
		LoginHint string `json:"login_hint"`
	}
	suiteClient struct {
		ID     string              `json:"client_id"`
		Secret string              `json:"client_secret,omitempty"`
		Scope  string              `json:"scope,omitempty"`
		JWKS   *jose.JSONWebKeySet `json:"jwks,omitempty"`
	}
	suiteResource struct {
		URL string `json:"resourceUrl"`
	}
	// suiteCommands say what a browser does after it was sent to an address.
	suiteCommands struct {
		Match string      `json:"match"`
		Tasks []suiteTask `json:"tasks"`
	}
	suiteTask struct {
		Task     string  `json:"task"`
		Match    string  `json:"match"`
		Optional bool    `json:"optional"`
		Commands [][]any `json:"commands,omitempty"`
	}
)

func (r certifyRun) plan(p certifyPlan, known map[string]credentials) ([]byte, error) {
	as := func(id string) suiteClient {
		c := suiteClient{ID: id, Secret: known[id].secret, JWKS: known[id].keys}
		if c.JWKS != nil {
			c.Scope = "openid"
		}
		return c
	}
	s := suiteSettings{
		Alias: r.alias, Description: "Sinho: " + p.file,
		Server: suiteServer{Discovery: r.base + "/.well-known/openid-configuration", LoginHint: "hong@example.com"},
		Client: as(p.first), Second: as(p.next), Browser: r.browser(p.after),
	}
	if s.Client.JWKS != nil {
		s.Resource = &suiteResource{URL: r.base + "/userinfo"}
	} else {
		post := as("certify-post")
		s.Post = &post
	}
	if p.form {
		s.Override = map[string]suiteOverride{}
		for _, module := range []string{"oidcc-ensure-registered-redirect-uri", "oidcc-ensure-redirect-uri-in-authorization-request"} {
			s.Override[module] = suiteOverride{Browser: s.Browser}
		}
		s.Browser = r.posting(s.Browser)
	}
	return indented(s)
}

// posting waits at the end until an answer has been posted, wherever the browser
// is by then; so it is no good where an error page stays.
func (r certifyRun) posting(commands []suiteCommands) []suiteCommands {
	login := commands[0]
	last := len(login.Tasks) - 1
	login.Tasks = slices.Clone(login.Tasks[1:])
	login.Tasks[last-1].Match = "*"
	return append([]suiteCommands{login}, commands[1:]...)
}

// look fills the picture a plan wants to have of a page, if it wants one.
func look() []any {
	return []any{"wait", "xpath", "//main", 10, ".*", "update-image-placeholder-optional"}
}

func press(id string, more ...any) []any { return append([]any{"click", "id", id}, more...) }

// browser walks our pages by the ids of their buttons. Every task is optional:
// which pages come is what the plans find out.
func (r certifyRun) browser(after bool) []suiteCommands {
	out := [][]any{look()}
	if after {
		out = append(out, []any{"wait", "contains", "/post_logout_redirect", 15})
	}
	back := suiteTask{Task: "back at the suite", Match: r.test + "/*", Optional: true}
	arrived := back
	arrived.Commands = [][]any{{"wait", "id", "submission_complete", 10}}
	return []suiteCommands{
		{Match: r.base + "/authorize*", Tasks: []suiteTask{
			{Task: "an error page", Match: r.base + "/authorize*", Optional: true, Commands: [][]any{look()}},
			{Task: "choose the provider", Match: r.base + "/login*", Optional: true, Commands: [][]any{look(), press("login-" + certifyProvider)}},
			{Task: "agree at the provider", Match: r.page + "/authorize*", Optional: true, Commands: [][]any{press("approve")}},
			arrived,
		}},
		{Match: r.base + "/logout*", Tasks: []suiteTask{
			{Task: "log out?", Match: r.base + "/logged-out?confirm=*", Optional: true, Commands: [][]any{press("logout", "optional")}},
			{Task: "logged out", Match: r.base + "/log*", Optional: true, Commands: out},
			back,
		}},
	}
}
