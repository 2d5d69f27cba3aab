package providers

import (
	"context"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// whole is an identity with every field set.
func whole(t *testing.T) Identity {
	t.Helper()
	yes := true
	id := Identity{Foreigner: &yes, AuthTime: time.Unix(1, 0), Address: &Address{Locality: "서울"}, Assurance: Verified, CI: NewCI(strings.Repeat("Q0kx", 22)), DI: asDI("d")}
	v := reflect.ValueOf(&id).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() { //nolint:exhaustive // the rest are set above
		case reflect.String:
			f.SetString("x" + v.Type().Field(i).Name)
		case reflect.Bool:
			f.SetBool(true)
		}
		if v.Field(i).IsZero() {
			t.Fatalf("%s is not set", v.Type().Field(i).Name)
		}
	}
	id.Origins = ""
	id.from(FromProfile, Verified, EveryAttribute()...)
	return id
}

// always is how every identity keeps who it is.
var always = []string{"Provider", "Issuer", "Subject", "CI", "Assurance", "AuthTime", "Origins"}

func fieldsLeft(id Identity) map[string]bool {
	left := map[string]bool{}
	v := reflect.ValueOf(id)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			left[v.Type().Field(i).Name] = true
		}
	}
	for _, name := range always {
		delete(left, name)
	}
	return left
}

// TestEachAttributeIsNamedByOneWord: so a field that is added to Identity and not
// to the terms fails here.
func TestEachAttributeIsNamedByOneWord(t *testing.T) {
	id, named := whole(t), map[string]string{}
	for _, word := range Attributes() {
		got := Terms{Limited: true, Attributes: []string{word}}.permitted(id)
		left := fieldsLeft(got)
		if len(left) == 0 {
			t.Errorf("%s permits nothing", word)
		}
		for field := range left {
			if other, twice := named[field]; twice {
				t.Errorf("%s is permitted by %s and by %s", field, other, word)
			}
			named[field] = word
		}
	}
	for field := range fieldsLeft(id) {
		if named[field] == "" {
			t.Errorf("no word permits %s", field)
		}
	}
	if got := (Terms{Limited: true, Attributes: Attributes()}).permitted(id); !cmp.Equal(id, got) {
		t.Errorf("with every word (-want +got):\n%s", cmp.Diff(id, got))
	}
	got := Terms{Limited: true}.permitted(id)
	if left := fieldsLeft(got); len(left) != 0 || got.Subject != id.Subject || got.CI != id.CI || got.Assurance != id.Assurance {
		t.Errorf("with none: got %v left, want who it is and nothing else", left)
	}
	if !cmp.Equal(id, Terms{}.permitted(id)) {
		t.Error("without a limit: got another identity")
	}
}

type flatRedirector struct{ id Identity }

func (flatRedirector) Info() Info { return Info{ID: "flat", Shape: Redirect} }

func (flatRedirector) AuthURL(context.Context, Ask) (string, error) { return "https://a.example/", nil }

func (f flatRedirector) Exchange(context.Context, Ask, url.Values) (Identity, error) {
	return f.id, nil
}

type flatPusher struct{ id Identity }

func (flatPusher) Info() Info { return Info{ID: "flat", Shape: Push} }

func (flatPusher) Push(context.Context, Ask, Contact, string) (Pending, error) {
	return Pending{}, nil
}

func (flatPusher) Poll(context.Context, Pending) (Progress, error) { return Approved, nil }

func (f flatPusher) Result(context.Context, Pending) (Identity, error) { return f.id, nil }

func TestTermsLieOverEveryShapeOfAdapter(t *testing.T) {
	id := whole(t)
	terms := Terms{Clients: []string{"booking"}, Limited: true, Attributes: []string{"gender"}, Notice: Text{KO: "알림", EN: "Notice"}}
	ruled := Under(flatRedirector{id}, terms)
	got, err := ruled.(Redirector).Exchange(t.Context(), Ask{}, nil)
	if left := fieldsLeft(got); err != nil || len(left) != 1 || !left["Gender"] {
		t.Errorf("redirect: got %v (%v), want gender alone", left, err)
	}
	pushed := Under(flatPusher{id}, terms)
	if got, err = pushed.(Pusher).Result(t.Context(), Pending{}); err != nil || len(fieldsLeft(got)) != 1 {
		t.Errorf("push: got %v (%v), want gender alone", fieldsLeft(got), err)
	}
	for _, p := range []Provider{ruled, pushed} {
		if info := p.Info(); info.ID != "flat" || !cmp.Equal(info.Clients, terms.Clients) || info.Notice != terms.Notice {
			t.Errorf("got %+v, want it to tell its terms", info)
		}
	}
	if _, both := ruled.(Pusher); both {
		t.Error("a redirect provider became a push provider")
	}
	plain := Provider(flatRedirector{})
	if got, same := Under(plain, Terms{}).(flatRedirector); !same {
		t.Errorf("without terms: got %T, want the adapter itself", got)
	}
}
