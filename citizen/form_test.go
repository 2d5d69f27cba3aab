package citizen

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const everything = `
<form id=f name=formula action=/take method=post>
 <input name=text value="가 &amp; b"> <input type=hidden name=h value=1> <input name=off value=x disabled>
 <input type=radio name=r value=a><input type=radio name=r value=b checked><input type=radio name=r value=c>
 <input type=checkbox name=c value=1 checked><input type=checkbox name=c value=2><input type=checkbox name=on checked>
 <select name=s><option value=1>하나<option selected>둘</select> <select name=first><option>첫째<option>둘째</select>
 <select name=m multiple><option selected>x<option>y<option selected>z</select>
 <textarea name=t>긴 글</textarea> <input value=nameless> <input type=reset name=no><input type=button name=no2>
 <fieldset disabled><legend><input name=legend value=ok></legend><input name=set value=x><button id=shut>shut</button></fieldset>
 <button type=button id=none>none</button>
 <button id=one name=b value=1>하나</button> <input type=submit id=two name=b value=2>
 <button id=elsewhere formaction="/other" formmethod=get formnovalidate>other</button>
</form>
<input form=f name=outside value=o>
<dialog><form method=dialog><button id=d></button></form></dialog>
<form id=search action="/find?old=1"><input name=q></form>`

func TestFormsSendWhatBrowsersSend(t *testing.T) {
	const rest = "text=%EA%B0%80+%26+b&h=1&r=b&c=1&on=on&s=%EB%91%98&first=%EC%B2%AB%EC%A7%B8&m=x&m=z&t=%EA%B8%B4+%EA%B8%80&legend=ok"
	for _, c := range []struct {
		name, form, button string
		set                map[string]string
		wantMethod, wantTo string
		want               string
	}{
		{"defaults with the first button", "", "", nil, "POST", "/take", rest + "&b=1&outside=o"},
		{"another button by id", "#f", "#two", nil, "POST", "/take", rest + "&b=2&outside=o"},
		{"a button by name and value", "formula", "b=2", nil, "POST", "/take", rest + "&b=2&outside=o"},
		{"a button with its own way", "/take", "#elsewhere", nil, "GET", "/other?" + rest + "&outside=o", ""},
		{
			"fields filled in", "#one", "",
			map[string]string{"r": "c", "c": "2", "s": "1", "m": "y", "text": "t"},
			"POST", "/take",
			"text=t&h=1&r=c&c=1&c=2&on=on&s=1&first=%EC%B2%AB%EC%A7%B8&m=x&m=y&m=z&t=%EA%B8%B4+%EA%B8%80&legend=ok&b=1&outside=o",
		},
		{"boxes unticked", "#f", "#one", map[string]string{"c": "", "on": ""}, "POST", "/take", strings.NewReplacer("&c=1", "", "&on=on", "").Replace(rest) + "&b=1&outside=o"},
		{"a get form replaces the query", "#search", "", map[string]string{"q": "a b"}, "GET", "/find?q=a+b", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			form, err := read(t, "http://a.test/page", everything).Form(c.form)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range c.set {
				if err := form.Set(name, value); err != nil {
					t.Fatal(err)
				}
			}
			button := &Button{place: -1}
			if len(form.Buttons) > 0 {
				if button, err = form.Button(c.button); err != nil {
					t.Fatal(err)
				}
			}
			v, err := form.visit(button)
			if err != nil {
				t.Fatal(err)
			}
			if v.method != c.wantMethod || v.to.RequestURI() != c.wantTo || string(v.body) != c.want {
				t.Errorf("got  %s %s %s\nwant %s %s %s", v.method, v.to.RequestURI(), v.body, c.wantMethod, c.wantTo, c.want)
			}
		})
	}
}

func TestWhatIsNotOnThePageIsNamedWithWhatIs(t *testing.T) {
	p := read(t, "http://a.test/page?secret", everything)
	form, err := p.Form("")
	if err != nil {
		t.Fatal(err)
	}
	_, noForm := p.Form("#login")
	_, noButton := form.Button("#shut")
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"form", noForm, `citizen: no form "#login" on http://a.test/page (200); there: #f, #search`},
		{"button in a disabled fieldset", noButton, `citizen: no button "#shut" on http://a.test/page (200); there: #one, #two, #elsewhere`},
		{"field", form.Set("phone", "1"), `citizen: no field "phone" on http://a.test/page (200); there: text, h, r, c, on, s, first, m, t, , legend, outside`},
		{"radio button", form.Set("r", "z"), `citizen: no radio r "z" on http://a.test/page (200); there: a, b, c`},
		{"option", form.Set("s", "z"), `citizen: no option of s "z" on http://a.test/page (200); there: 1, 둘`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.err == nil || c.err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", c.err, c.want)
			}
		})
	}
}

func TestRequiredFieldsStopAForm(t *testing.T) {
	for _, c := range []struct {
		name, body string
		stops      bool
	}{
		{"an empty text", `<form><input name=x required></form>`, true},
		{"a text", `<form><input name=x required value=1></form>`, false},
		{"no radio button", `<form><input type=radio name=x required value=1><input type=radio name=x value=2></form>`, true},
		{"any radio button", `<form><input type=radio name=x required value=1><input type=radio name=x value=2 checked></form>`, false},
		{"an unticked box", `<form><input type=checkbox name=x required></form>`, true},
		{"an option without value", `<form><select name=x required><option value="">고르세요<option>1</select></form>`, true},
		{"an empty text of a form that does not validate", `<form novalidate><input name=x required></form>`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			form, err := read(t, "http://a.test/", c.body).Form("")
			if err != nil {
				t.Fatal(err)
			}
			_, err = form.visit(&Button{place: -1})
			if errors.Is(err, ErrRequired) != c.stops {
				t.Errorf("got %v, want stopped: %v", err, c.stops)
			}
		})
	}
}

func TestAFormThatUploadsIsRefused(t *testing.T) {
	form, err := read(t, "http://a.test/", `<form method=post enctype="multipart/form-data"></form>`).Form("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Transport: answers(func(*http.Request) *http.Response { return nil })}).Submit(t.Context(), form, ""); !errors.Is(err, ErrEncoding) {
		t.Errorf("got %v, want ErrEncoding", err)
	}
}

func TestChoicesAreTheButtonsThatCanBePressed(t *testing.T) {
	p := read(t, "http://a.test/login", `
		<form action=/login/continue method=post><button id=login-continue>계속</button></form>
		<form action=/login/naver method=post><button id=login-naver disabled>네이버</button></form>
		<li id=login-kakao><form id=login-kakao-form action=/login/kakao method=post><button>카카오</button></form></li>
		<fieldset disabled><form action=/login/oidc><button id=login-oidc>x</button></form></fieldset>
		<form action=/login/pass method=post><input name=name required id=login-pass-name><button id=login-pass>PASS</button></form>
		<a id=login-toss href=/login/toss>토스</a> <a id=login-gone aria-disabled=true href=/x>x</a> <p id=login-help>도움</p>`)
	var got []string
	for _, c := range p.Choices() {
		got = append(got, c.Provider)
	}
	if diff := cmp.Diff([]string{"kakao", "pass", "toss"}, got); diff != "" {
		t.Errorf("choices (-want +got):\n%s", diff)
	}
	if c, ok := p.Continue(); !ok || c.button != "#login-continue" {
		t.Errorf("got %v %v, want the button that continues", c, ok)
	}
}
