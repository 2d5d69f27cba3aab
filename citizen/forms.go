package citizen

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Forms are the page's forms in document order, dialog forms left out. Controls
// outside that name a form by their form attribute belong to it.
func (p *Page) Forms() []*Form {
	var forms []*Form
	for _, f := range p.owned() {
		forms = append(forms, f.form)
	}
	return forms
}

// Form finds a form by "#id", by name, by the path it posts to, or by the id of
// one of its buttons; "" is the first. None is an *AbsentError.
func (p *Page) Form(selector string) (*Form, error) {
	var found []string
	for _, f := range p.Forms() {
		if selector == "" || f.ID != "" && "#"+f.ID == selector || f.Name != "" && f.Name == selector || f.Action.Path == selector ||
			slices.ContainsFunc(f.Buttons, func(b Button) bool { return b.ID != "" && "#"+b.ID == selector }) {
			return f, nil
		}
		found = append(found, named(f.ID, f.Method+" "+f.Action.Path))
	}
	return nil, p.absent("form", selector, found)
}

// ownedForm is a form with the node it came from.
type ownedForm struct {
	node *html.Node
	form *Form
}

func (p *Page) owned() []ownedForm {
	var forms []ownedForm
	for n := range p.elements() {
		if n.DataAtom != atom.Form || strings.EqualFold(attr(n, "method"), "dialog") {
			continue
		}
		action, err := p.action(attr(n, "action"))
		if err != nil {
			continue
		}
		forms = append(forms, ownedForm{n, &Form{
			ID: attr(n, "id"), Name: attr(n, "name"), Method: method(attr(n, "method")), Action: action,
			NoValidate: has(n, "novalidate"), enctype: strings.ToLower(attr(n, "enctype")), page: p,
		}})
	}
	place := 0
	for n := range p.elements() {
		place++
		if f := ownerOf(n, forms); f != nil && !disabled(n) {
			p.control(f, n, place)
		}
	}
	for _, f := range forms {
		settle(f.form)
	}
	return forms
}

// action is where a form leads; an empty action is the page itself.
func (p *Page) action(value string) (*url.URL, error) {
	if value = strings.TrimSpace(value); value == "" {
		u := *p.URL
		u.Fragment = ""
		return &u, nil
	}
	return p.base.Parse(value)
}

func method(value string) string {
	if strings.EqualFold(value, "post") {
		return http.MethodPost
	}
	return http.MethodGet
}

// control adds n to its form when it is a control that can be sent or pressed.
func (p *Page) control(f *Form, n *html.Node, place int) {
	kind := strings.ToLower(attr(n, "type"))
	switch n.DataAtom {
	case atom.Button:
		if kind == "" || kind == "submit" {
			f.Buttons = append(f.Buttons, p.button(n, textOf(n), place))
		}
	case atom.Select:
		f.Fields = append(f.Fields, Field{
			ID: attr(n, "id"), Name: attr(n, "name"), Type: "select", Required: has(n, "required"),
			Multiple: has(n, "multiple"), Options: options(n), place: place,
		})
	case atom.Textarea:
		var text strings.Builder
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			text.WriteString(c.Data)
		}
		f.Fields = append(f.Fields, Field{
			ID: attr(n, "id"), Name: attr(n, "name"), Type: "textarea", Value: text.String(), Required: has(n, "required"), place: place,
		})
	case atom.Input:
		switch kind {
		case "submit", "image":
			f.Buttons = append(f.Buttons, p.button(n, attr(n, "value"), place))
		case "button", "reset", "file":
		default:
			f.Fields = append(f.Fields, input(n, kind, place))
		}
	default: // not a control
	}
}

func input(n *html.Node, kind string, place int) Field {
	if kind == "" {
		kind = "text"
	}
	field := Field{
		ID: attr(n, "id"), Name: attr(n, "name"), Type: kind, Value: attr(n, "value"),
		Required: has(n, "required"), place: place,
	}
	if kind == "radio" || kind == "checkbox" {
		field.Checked = has(n, "checked")
		if !has(n, "value") {
			field.Value = "on"
		}
	}
	return field
}

func (p *Page) button(n *html.Node, text string, place int) Button {
	b := Button{
		ID: attr(n, "id"), Name: attr(n, "name"), Value: attr(n, "value"), Text: text,
		place: place, noValidate: has(n, "formnovalidate"), encodedAsIs: strings.ToLower(attr(n, "formenctype")),
	}
	if has(n, "formaction") {
		if u, err := p.action(attr(n, "formaction")); err == nil {
			b.action = u
		}
	}
	if has(n, "formmethod") {
		b.method = method(attr(n, "formmethod"))
	}
	return b
}

func options(n *html.Node) []Option {
	var out []Option
	descend(n, func(o *html.Node) bool {
		if o.DataAtom == atom.Option && !has(o, "disabled") {
			text := textOf(o)
			value := text
			if has(o, "value") {
				value = attr(o, "value")
			}
			out = append(out, Option{Value: value, Text: text, Selected: has(o, "selected")})
		}
		return true
	})
	return out
}

// settle applies what browsers do with defaults: a drop-down shows its first
// option, and of a radio group only the last checked one stays so.
func settle(f *Form) {
	last := map[string]int{}
	for i := range f.Fields {
		field := &f.Fields[i]
		switch field.Type {
		case "select":
			one(field)
		case "radio":
			if j, ok := last[field.Name]; ok && field.Checked {
				f.Fields[j].Checked = false
			}
			if field.Checked {
				last[field.Name] = i
			}
		}
	}
}

func one(field *Field) {
	if field.Multiple || len(field.Options) == 0 {
		return
	}
	chosen := 0
	for i, o := range field.Options {
		if o.Selected {
			chosen = i
		}
	}
	for i := range field.Options {
		field.Options[i].Selected = i == chosen
	}
}

// ownerOf is the form n belongs to: by its form attribute, else by nesting.
func ownerOf(n *html.Node, forms []ownedForm) *Form {
	switch n.DataAtom {
	case atom.Input, atom.Button, atom.Select, atom.Textarea:
	default:
		return nil
	}
	id, named := attr(n, "form"), has(n, "form")
	for _, f := range forms {
		if named && id != "" && f.form.ID == id || !named && within(n, f.node) {
			return f.form
		}
	}
	return nil
}

func within(n, ancestor *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n == ancestor {
			return true
		}
	}
	return false
}

// disabled says whether a control or a fieldset around it is disabled; what is
// in the fieldset's first legend stays usable.
func disabled(n *html.Node) bool {
	if has(n, "disabled") {
		return true
	}
	for child, up := n, n.Parent; up != nil; child, up = up, up.Parent {
		if up.DataAtom == atom.Fieldset && has(up, "disabled") && child != firstLegend(up) {
			return true
		}
	}
	return false
}

func firstLegend(fieldset *html.Node) *html.Node {
	for c := fieldset.FirstChild; c != nil; c = c.NextSibling {
		if c.DataAtom == atom.Legend {
			return c
		}
	}
	return nil
}
