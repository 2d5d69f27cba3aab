package providers

import (
	"encoding/json"
	"strings"
	"testing"
)

// Origins say of each attribute what was said last, and nothing of what nobody
// said anything about.
func TestOrigins(t *testing.T) {
	var o Origins
	all := map[Attribute]Origin{}
	for i, a := range EveryAttribute() {
		if i%3 == 0 {
			continue
		}
		all[a] = Origin{Source(i%int(FromContact) + 1), Assurance(i%2 + 1)}
		o = o.With(Origin{FromContact, Verified}, a).With(all[a], a)
	}
	for _, a := range EveryAttribute() {
		got, told := o.Of(a)
		if want, is := all[a]; got != want || told != is {
			t.Errorf("%s: got %v, %v, want %v, %v", a, got, told, want, is)
		}
	}
	if _, told := o.Of("shoe size"); told || len(o) > len(EveryAttribute()) {
		t.Errorf("got %d characters for %d attributes", len(o), len(EveryAttribute()))
	}
}

// What has gone is from nowhere any more, and the end is cut off.
func TestOriginsOfWhatHasGone(t *testing.T) {
	id := Identity{Name: "홍길동", Locale: "ko", Address: &Address{Region: "서울"}, CI: NewCI(strings.Repeat("Q0kx", 22))}
	id.from(FromProfile, Asserted, EveryAttribute()...)
	for _, a := range EveryAttribute() {
		if _, told := id.Origins.Of(a); told != id.has(a) {
			t.Errorf("%s is there %v, and its origin is told %v", a, id.has(a), told)
		}
	}
	id.Locale, id.Address, id.Name = "", nil, ""
	id.settle()
	if want := Origins("").With(Origin{FromProfile, Asserted}, AttrCI); id.Origins != want {
		t.Errorf("got %q, want %q", id.Origins, want)
	}
}

// No attribute is vouched for beyond the identity, what came before there were
// origins is judged as a whole, and nonsense vouches for nothing.
func TestAssuranceOf(t *testing.T) {
	verified := Origins("").With(Origin{FromResult, Verified}, AttrName, AttrEmail).With(Origin{FromProfile, Asserted}, AttrPhone)
	for _, tt := range []struct {
		name string
		id   Identity
		of   Attribute
		want Assurance
	}{
		{"a verified name", Identity{Assurance: Verified, Origins: verified}, AttrName, Verified},
		{"an asserted phone beside it", Identity{Assurance: Verified, Origins: verified}, AttrPhone, Asserted},
		{"nothing about a gender", Identity{Assurance: Verified, Origins: verified}, AttrGender, Asserted},
		{"an identity that was lowered since", Identity{Assurance: Asserted, Origins: verified}, AttrName, Asserted},
		{"an older identity's name", Identity{Assurance: Verified}, AttrName, Verified},
		{"an older identity's e-mail", Identity{Assurance: Verified}, AttrEmail, Asserted},
		{"an older asserted one", Identity{Assurance: Asserted}, AttrName, Asserted},
		{"no assurance at all", Identity{}, AttrName, Asserted},
		{"nonsense", Identity{Assurance: Verified, Origins: "\xff~9"}, AttrName, Asserted},
	} {
		if got := tt.id.AssuranceOf(tt.of); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	raw, err := json.Marshal(Identity{Assurance: Verified, Origins: verified})
	var back Identity
	if err != nil || json.Unmarshal(raw, &back) != nil || back.Origins != verified {
		t.Errorf("got %q back of %s, %v", back.Origins, raw, err)
	}
}
