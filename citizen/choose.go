package citizen

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	choicePrefix = "login-"
	continueID   = "continue"
)

// Choice is one way on that a chooser offers: a button, link, form or card with
// the id "login-" and the provider's id.
type Choice struct {
	Provider string

	form   *Form
	button string
	link   *Link
}

// Policy picks one of the providers on offer, which are in document order, by
// index; below zero is none of them.
type Policy func(offered []string) int

// First takes the first suggestion.
func First() Policy { return func([]string) int { return 0 } }

// Named takes this provider and no other.
func Named(provider string) Policy {
	return func(offered []string) int { return slices.Index(offered, provider) }
}

// Anyone takes any with equal chance; pick returns a number in [0, n).
func Anyone(pick func(n int) int) Policy {
	return func(offered []string) int { return pick(len(offered)) }
}

// Choices are the providers that can be chosen on this page, in document order.
// "login-continue" (single sign-on) is not among them; see Continue.
func (p *Page) Choices() []Choice {
	return slices.DeleteFunc(p.choices(), func(c Choice) bool { return c.Provider == continueID })
}

// Continue is the page's way on with a live session; ok is false without one.
func (p *Page) Continue() (c Choice, ok bool) {
	all := p.choices()
	i := slices.IndexFunc(all, func(c Choice) bool { return c.Provider == continueID })
	if i < 0 {
		return Choice{}, false
	}
	return all[i], true
}

func (p *Page) choices() []Choice {
	var out []Choice
	forms := p.owned()
	for n := range p.elements() {
		provider, ok := strings.CutPrefix(attr(n, "id"), choicePrefix)
		if !ok || provider == "" || attr(n, "aria-disabled") == "true" {
			continue
		}
		c, ok := p.choice(n, forms)
		if !ok || slices.ContainsFunc(out, func(o Choice) bool { return o.Provider == provider || o.same(c) }) {
			continue
		}
		c.Provider = provider
		out = append(out, c)
	}
	return out
}

// same says that both press the same button: a card and the form inside it may
// each have an id.
func (c Choice) same(o Choice) bool {
	return c.form != nil && c.form == o.form && (c.button == o.button || c.button == "" || o.button == "")
}

// choice says what pressing the element n does.
func (p *Page) choice(n *html.Node, forms []ownedForm) (Choice, bool) {
	switch n.DataAtom {
	case atom.A:
		l, err := p.Link("#" + attr(n, "id"))
		return Choice{link: l}, err == nil
	case atom.Button, atom.Input:
		for _, f := range forms {
			if b, err := f.form.Button("#" + attr(n, "id")); err == nil {
				return Choice{form: f.form, button: "#" + b.ID}, true
			}
		}
		return Choice{}, false
	default:
	}
	// A card: the form it is, or the first one inside it that can be sent.
	for _, f := range forms {
		if within(f.node, n) && len(f.form.Buttons) > 0 {
			return Choice{form: f.form}, true
		}
	}
	return Choice{}, false
}

// press takes a choice. Fields of a push form are filled in for person.
func (b *Browser) press(ctx context.Context, c Choice, person Person) (*Page, error) {
	if c.link != nil {
		return b.Follow(ctx, c.link)
	}
	for name, value := range map[string]string{"name": person.Name, "birthdate": person.Birthdate, "phone": person.Phone} {
		if _, ok := c.form.Field(name); ok {
			if err := c.form.Set(name, value); err != nil {
				return nil, err
			}
		}
	}
	return b.Submit(ctx, c.form, c.button)
}

// Person is what somebody types into a push form.
type Person struct {
	Name      string
	Birthdate string // YYYYMMDD
	Phone     string // digits
}
