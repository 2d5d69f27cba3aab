# Two commands matter: `go run ./cmd/sinho demo` shows it, `make test` proves it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO ?= go
CACHE := $(CURDIR)/.cache
LINT := $(CACHE)/golangci-lint
FUMPT := $(CACHE)/gofumpt
PROXY := $(CACHE)/oauth2-proxy
NPM := $(CACHE)/npm/node_modules/.installed
VENV := $(CACHE)/venv/.installed
OP_ZITADEL := $(CACHE)/upstreams/zitadel
OP_NPM := $(CACHE)/upstreams/npm/node_modules/.installed
OP_VENV := $(CACHE)/upstreams/venv/.installed

.PHONY: help demo test tools format vet lint unit e2e peers peers-spring upstreams evidence-faults evidence-walk evidence-nodes evidence-store evidence-keys evidence-login evidence-failover evidence-console evidence-containment evidence-honesty evidence-fuzz evidence-policies evidence-lights evidence-tickets evidence-storm evidence-overload screens

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: ## the whole thing on this machine: http://localhost:8080
	$(GO) run ./cmd/sinho demo

test: tools format vet lint unit e2e peers upstreams ## install what tests need, then everything

tools: ## redis-server, chromium, node, npm, python, haproxy, nginx, promtool, jq and a Hangul font by the system's package manager
	@./testdata/install-tools

$(LINT): tools/go.mod tools/go.sum
	@mkdir -p $(CACHE)
	$(GO) build -modfile=tools/go.mod -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(FUMPT): tools/go.mod tools/go.sum
	@mkdir -p $(CACHE)
	$(GO) build -modfile=tools/go.mod -o $@ mvdan.cc/gofumpt

format: $(FUMPT) ## fail when gofumpt would change a file
	@out=$$($(FUMPT) -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "gofumpt would change:"; echo "$$out"; exit 1; }

vet:
	$(GO) vet ./...

lint: $(LINT) ## golangci-lint with .golangci.yml
	$(LINT) run ./...

unit: ## unit, contract, fuzz-seed and import-floor tests under the race detector
	$(GO) test -race -timeout 15m $$($(GO) list ./... | grep -vE '/(e2e|peers)$$')

e2e: ## the built program in Chromium, phone and desktop width
	$(GO) test -count=1 -timeout 30m -v ./e2e

peers: $(PROXY) $(NPM) $(VENV) ## openid-client, Authlib, go-oidc and oauth2-proxy log in, refresh and log out
	$(GO) test -count=1 -timeout 15m -v -skip '^TestUpstreams' ./peers

upstreams: $(OP_ZITADEL) $(OP_NPM) $(OP_VENV) ## npm oidc-provider, zitadel/oidc and django-oauth-toolkit as providers: logins, key rotation, what is refused
	$(GO) test -count=1 -timeout 15m -v -run '^TestUpstreams' ./peers

peers-spring: ## Spring Security logs in and out; needs Java 17 and Maven, not part of `make test`
	rm -rf $(CACHE)/spring && mkdir -p $(CACHE) && cp -r testdata/peers/spring-security $(CACHE)/spring
	mvn -q -B -f $(CACHE)/spring/pom.xml package
	$(GO) test -count=1 -timeout 10m -v -tags spring -run TestSpringSecurity ./peers

# oauth2-proxy is built from a module of its own, so that what it needs stays
# out of the product's graph.
$(PROXY): tools/oauth2-proxy/go.mod tools/oauth2-proxy/go.sum
	@mkdir -p $(CACHE)
	$(GO) build -modfile=tools/oauth2-proxy/go.mod -o $@ github.com/oauth2-proxy/oauth2-proxy/v7

$(NPM): testdata/peers/openid-client/package.json testdata/peers/openid-client/package-lock.json
	@mkdir -p $(CACHE)/npm && cp $^ $(CACHE)/npm/
	cd $(CACHE)/npm && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(VENV): testdata/peers/authlib/requirements.txt
	python3 -m venv --clear $(CACHE)/venv
	$(CACHE)/venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# The same for the providers that people are sent to: a Go module of its own,
# locked npm packages, pinned Python ones.
$(OP_ZITADEL): $(addprefix testdata/upstreams/zitadel/,go.mod go.sum main.go)
	@mkdir -p $(@D)
	$(GO) build -C testdata/upstreams/zitadel -o $@ .

$(OP_NPM): $(addprefix testdata/upstreams/oidc-provider/,package.json package-lock.json)
	@mkdir -p $(CACHE)/upstreams/npm && cp $^ $(CACHE)/upstreams/npm/
	cd $(CACHE)/upstreams/npm && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(OP_VENV): testdata/upstreams/django-oauth-toolkit/requirements.txt
	@mkdir -p $(CACHE)/upstreams
	python3 -m venv --clear $(CACHE)/upstreams/venv
	$(CACHE)/upstreams/venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

evidence-faults: ## how soon lights follow a fault, against the published limits (15 minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 60m -v -run TestFaultsMoveTheLight ./e2e

evidence-walk: ## fifty logins a second through a break, and what memory does (9 minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 20m -v -run TestWalkUnderAFault ./e2e

evidence-nodes: ## three nodes compared second by second: one dies, one stops, Redis is lost, and fails over four times (nine minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 40m -v -run TestNodesShowOneLight ./e2e

evidence-store: ## every store under every fault, checked with porcupine (5 minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 60m -v -run TestStoresAreLinearizable ./store/linear

evidence-keys: ## two nodes whose keys rotate and whose settings change under load (6 minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 20m -v -run TestKeysRotateUnderLoad ./cmd/sinho

evidence-login: ## what a login costs on both stores, then 556 a second for ten minutes (20 minutes; SINHO_EVIDENCE_FOR=1h for an hour)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 120m -v -run TestWhatALoginCosts ./e2e

evidence-failover: ## three nodes behind HAProxy while one is killed, one drained, and Redis fails over (4 minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 20m -v -run TestLoginsOutlive ./e2e

evidence-console: ## how soon an operator's word is seen on open choosers of two nodes
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 10m -v -run TestOverridesReachAllNodes ./e2e

evidence-containment: ## Kakao ill in eleven ways: what its people, the others, goroutines and memory notice (16 minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 60m -v -run TestOneProviderCannotTakeTheOthers ./e2e

evidence-honesty: ## an hour of people through a brown-out, an outage, a dead page and a hang: whether green told the truth (65 minutes; SINHO_EVIDENCE_FOR=6m to try)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 120m -v -run TestGreenTellsTheTruth ./e2e

evidence-fuzz: ## a minute of new inputs for everything that reads what strangers, sites and waiting browsers send (23 minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 60m -v -run TestFuzzingFindsNothing ./evidence

evidence-policies: ## seven ways to advise people in ten modelled worlds, on 20 seeds, by the shipped lights and recommendation (10 minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 60m -v -run TestPoliciesAreCompared ./simulate

evidence-lights: ## how soon lights follow a fault, and how often they turn without one, by the shipped rules in virtual time (2 minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 60m -v -run TestLightsFollowFaults ./signal

evidence-tickets: ## a million waiting-room numbers and passes from three processes on one Redis, then rooms under every fault of evidence-store (10 minutes)
	@mkdir -p docs/evidence
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -p 1 -count=1 -timeout 60m -v -run 'TestAMillionTickets|TestRoomsOutliveFaults' ./lobby/room ./store/linear

evidence-storm: ## an opening to which five times as many come as four providers can take, through a waiting room, while a provider dies, Redis restarts and a node is killed (8 minutes)
	@mkdir -p docs/evidence docs/plots
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 30m -v -run TestTheStormAtEight ./e2e

evidence-overload: ## one node asked for five times as many logins as it can do, for a minute, by people who come again, then for half: what is refused, goodput, how soon it is calm (5 minutes)
	@mkdir -p docs/evidence docs/plots
	SINHO_EVIDENCE=$(CURDIR)/docs/evidence $(GO) test -count=1 -timeout 20m -v -run TestANodeOfWhichTooMuchIsAsked ./e2e

screens: ## the screenshots of the documentation
	@mkdir -p docs/screens
	SINHO_SCREENS=$(CURDIR)/docs/screens $(GO) test -count=1 -timeout 5m -run TestScreens ./e2e
	SINHO_SCREENS=$(CURDIR)/docs/screens $(GO) test -count=1 -timeout 5m -run 'TestTheWaitingRoomFitsAPhone/^(before|waiting)_ko$$' ./web
