package main

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sinho/citizen"
)

func TestThePageIsSeenAsItIs(t *testing.T) {
	for _, c := range []struct {
		name, page string
		want       view
		err        error
	}{
		{
			"a form with what the page filled in", `<FORM ID=f METHOD=Post action='/go?a=1&amp;b=2'>
			<input type=hidden name=r value="x &quot;y&quot;"><input name=t required value=''><input type=checkbox name=c checked><input type=radio name=d value=1>
			<button id=login-a name=n value=v type=submit>go</button><input type=submit id=s><button type=button>no</button></FORM>`,
			view{forms: []form{{
				id: "f", action: "/go?a=1&b=2", post: true,
				fields:  []field{{"r", `x "y"`, false}, {"t", "", true}, {"c", "on", false}},
				buttons: []button{{"login-a", "n", "v"}, {id: "s"}},
			}}},
			nil,
		},
		{"what is not there for a person", `<!-- <form action=/a> --><script>var x = "<form action=/b></form>"</script><style>a:after{content:"<form>"}</style>
			<title><form></title><p title="<form action=/c>">text</p>`, view{}, nil},
		{
			"what is disabled", `<form><fieldset disabled><fieldset><button id=a></button></fieldset><input name=x></fieldset><button id=b disabled></button><button id=c></button></form>`,
			view{forms: []form{{buttons: []button{{id: "c"}}}}},
			nil,
		},
		{"controls outside of forms", `<input name=q><button id=login-x>x</button><form></form><select></select>`, view{forms: []form{{}}}, nil},
		{
			"attributes in every way they are written", `<form><input a=">" b='"' NAME = 'n&amp;m' value=x/y><input/name="z"value="1"/><br/><button id = "login-q"  ></button></form>`,
			view{forms: []form{{fields: []field{{"n&m", "x/y", false}, {"z", "1", false}}, buttons: []button{{id: "login-q"}}}}},
			nil,
		},
		{
			"the light of a list item", `<div data-light=grey></div><ol><li data-light=red><form id=a></form></li><li><form id=b></form></li><li data-light="green"></li><form id=c></form></ol>`,
			view{forms: []form{{id: "a", light: "red"}, {id: "b"}, {id: "c"}}},
			nil,
		},
		{"what is no tag, and a page that breaks off", `a < b <1> </ > <!doctype html><?x?><form id=a></form><form id="b`, view{forms: []form{{id: "a"}}}, nil},
		{"a refresh in noscript", `<noscript><meta http-equiv="Refresh" content="2"></noscript>`, view{refresh: true, after: 2 * time.Second}, nil},
		{"a refresh elsewhere", `<meta http-equiv=refresh content="0.5; URL='/there?x=1;2'">`, view{refresh: true, after: time.Second / 2, to: "/there?x=1;2"}, nil},
		{"a refresh that is none", `<meta http-equiv=refresh content="soon">`, view{}, nil},
		{"a drop-down", `<form><select name=s></select></form>`, view{}, errUnlean},
		{"a control of another form", `<form id=a></form><input form=a name=x>`, view{}, errUnlean},
		{"a base", `<base href=/x/>`, view{}, errUnlean},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := look([]byte(c.page))
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(view{}, form{}, field{}, button{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCookiesGoWhereTheyBelong(t *testing.T) {
	var j jar
	j.keep("localhost", "/login/kakao", []string{"a=1; Path=/", "b=2; Path=/callback", "c=3", "nonsense"})
	j.keep("localhost", "/", []string{"a=4; Path=/; HttpOnly", "gone=1; Path=/"})
	j.keep("localhost", "/", []string{"gone=; Path=/; Max-Age=0", "never=1; Max-Age=-1", "past=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"})
	j.keep("other", "/", []string{"x=1"})
	for address, want := range map[[2]string]string{
		{"localhost", "/"}:               "a=4",
		{"localhost", "/callback/kakao"}: "a=4; b=2",
		{"localhost", "/callbacks"}:      "a=4",
		{"localhost", "/login/naver"}:    "a=4; c=3",
		{"other", ""}:                    "x=1",
		{"third", "/"}:                   "",
	} {
		if got := j.header(address[0], address[1]); got != want {
			t.Errorf("to %v: got %q, want %q", address, got, want)
		}
	}
}

func FuzzLook(f *testing.F) {
	f.Add([]byte(`<form action=/x method=post><input name=a value="&lt;"><button id=login-b></form>`))
	f.Add([]byte(`<fieldset disabled></fieldset></fieldset><form><input`))
	f.Add([]byte(`<noscript><meta http-equiv=refresh content="1;url=x"></noscript><!--`))
	f.Fuzz(func(t *testing.T, page []byte) {
		v, err := look(bytes.Clone(page)) // it writes into the page
		if err != nil {
			return
		}
		for _, c := range v.choices() {
			if c.provider == "" || c.provider == "continue" {
				t.Errorf("a choice of %q", c.provider)
			}
			_ = c.form.encode(c.button)
		}
		if v.after < 0 || v.after > 24*time.Hour {
			t.Errorf("a refresh after %v", v.after)
		}
	})
}

// onePage is a network that answers everything with a page.
type onePage []byte

func (p onePage) RoundTrip(r *http.Request) (*http.Response, error) {
	return reply(r, http.StatusOK, string(p)), nil
}

func TestTheLeanWalkerSeesWhatABrowserSees(t *testing.T) {
	body, err := os.ReadFile("testdata/chooser.html") // as the broker wrote it
	if err != nil {
		t.Fatal(err)
	}
	browser, err := citizen.New(citizen.Config{Transport: onePage(body)}).Open(t.Context(), "http://localhost/login")
	if err != nil {
		t.Fatal(err)
	}
	var want []form
	for _, f := range browser.Forms() {
		one := form{id: f.ID, action: f.Action.Path, post: f.Method == http.MethodPost, light: "green"} // all of that page
		for _, in := range f.Fields {
			one.fields = append(one.fields, field{in.Name, in.Value, in.Required})
		}
		for _, b := range f.Buttons {
			one.buttons = append(one.buttons, button{b.ID, b.Name, b.Value})
		}
		want = append(want, one)
	}
	got, err := look(body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.forms, cmp.AllowUnexported(form{}, field{}, button{})); diff != "" || len(want) < 5 {
		t.Errorf("%d forms (-citizen +lean):\n%s", len(want), diff)
	}
	var offered []string
	for _, c := range browser.Choices() {
		offered = append(offered, c.Provider)
	}
	for i, c := range got.choices() {
		if i >= len(offered) || c.provider != offered[i] {
			t.Errorf("choice %d is %s, want those of %v", i, c.provider, offered)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	page, err := os.ReadFile("testdata/chooser.html")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if v, err := look(page); err != nil || len(v.choices()) == 0 {
			b.Fatal(err)
		}
	}
}
