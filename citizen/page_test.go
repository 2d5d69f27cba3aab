package citizen

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// read makes a page of HTML as if it had come from address.
func read(t testing.TB, address, body string) *Page {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &Page{URL: u, Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(body)}
	p.parse()
	return p
}

func TestMetaRefreshIsReadAsBrowsersReadIt(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       string // address, "" none
		after      time.Duration
	}{
		{"the page itself", `<meta http-equiv=refresh content=2>`, "http://a.test/wait/1?x=y", 2 * time.Second},
		{"another address", `<meta http-equiv="Refresh" content="0; url=/done">`, "http://a.test/done", 0},
		{"in noscript", `<head><noscript><meta http-equiv=refresh content="3;URL='next'"></noscript>`, "http://a.test/wait/next", 3 * time.Second},
		{"a comma and a fraction", `<meta http-equiv=refresh content="1.5, url=http://b.test/">`, "http://b.test/", 1500 * time.Millisecond},
		{"commas in the address", `<meta http-equiv=refresh content="1; url=/a,b">`, "http://a.test/a,b", time.Second},
		{"against the base", `<base href="http://c.test/d/"><meta http-equiv=refresh content="1; url=e">`, "http://c.test/d/e", time.Second},
		{"nothing that is a number", `<meta http-equiv=refresh content="soon">`, "", 0},
		{"a negative time", `<meta http-equiv=refresh content="-1">`, "", 0},
		{"in a template", `<template><meta http-equiv=refresh content=1></template>`, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := read(t, "http://a.test/wait/1?x=y", c.body).Refresh()
			if ok != (c.want != "") {
				t.Fatalf("got %v %v, want %q", got, ok, c.want)
			}
			if ok && (got.URL.String() != c.want || got.After != c.after) {
				t.Errorf("got %s after %v, want %s after %v", got.URL, got.After, c.want, c.after)
			}
		})
	}
}

// answers is a network of one page.
type answers func(r *http.Request) *http.Response

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r), nil }

func TestRefreshWaitsAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Transport: answers(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: http.StatusTeapot, Header: http.Header{}, Body: http.NoBody}
		})})
		began := time.Now()
		got, err := b.Refresh(t.Context(), read(t, "http://a.test/", `<meta http-equiv=refresh content="4; url=/there">`))
		if err != nil {
			t.Fatal(err)
		}
		if got.URL.Path != "/there" || got.Status != http.StatusTeapot || time.Since(began) != 4*time.Second {
			t.Errorf("got %s %d after %v, want /there 418 after 4s", got.URL, got.Status, time.Since(began))
		}
		if _, err := b.Refresh(t.Context(), read(t, "http://a.test/", "")); err == nil {
			t.Error("a page without a refresh was refreshed")
		}
	})
}

func TestAPageIsReadAsAReaderMeetsIt(t *testing.T) {
	p := read(t, "http://a.test/x/", `<title> 신호  등 </title><script>no()</script><p id=one>하나 <b>둘</b></p><template><i id=t>셋</i></template><a href="y">y</a><a href="mailto:a@b">m</a><a>none</a>`)
	if got, want := p.Title(), "신호 등"; got != want {
		t.Errorf("title: got %q, want %q", got, want)
	}
	if got, want := p.Text(), "신호 등 하나 둘 y m none"; got != want {
		t.Errorf("text: got %q, want %q", got, want)
	}
	if got, ok := p.TextOf("one"); !ok || got != "하나 둘" {
		t.Errorf("text of #one: got %q %v", got, ok)
	}
	if diff := cmp.Diff([]string{"one"}, p.IDs()); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if links := p.Links(); len(links) != 1 || links[0].URL.String() != "http://a.test/x/y" {
		t.Errorf("got links %v, want y alone", links)
	}
	plain := &Page{URL: p.URL, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"a":1}`)}
	plain.parse()
	var v struct{ A int }
	if err := plain.JSON(&v); err != nil || v.A != 1 || plain.Text() != "" || len(plain.Forms()) != 0 {
		t.Errorf("JSON was read as %v %v, or as HTML", v, err)
	}
}

func FuzzPage(f *testing.F) {
	f.Add(`<form id=a><input name=x><button id=login-kakao>k</button></form><meta http-equiv=refresh content="1;url=/">`)
	f.Add(`<fieldset disabled><legend><select name=s><option>1</select></legend></fieldset><input form=a type=radio checked>`)
	f.Add(`<div id=login-pass><form action="//[::1"><textarea name=t>`)
	f.Fuzz(func(t *testing.T, body string) {
		p := read(t, "http://a.test/", body)
		p.Refresh()
		p.Links()
		p.choices()
		for _, form := range p.Forms() {
			form.NoValidate = true
			for _, b := range append(form.Buttons, Button{place: -1}) {
				v, err := form.visit(&b)
				if err == nil && v.method == http.MethodPost {
					if _, err := url.ParseQuery(string(v.body)); err != nil {
						t.Errorf("form data %q: %v", v.body, err)
					}
				}
			}
		}
	})
}
