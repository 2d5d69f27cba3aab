package citizen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ErrRequired: a required field is empty, so a browser would not send the form.
var ErrRequired = errors.New("citizen: required field is empty")

// ErrEncoding: the form wants multipart or text/plain, which is not done here.
var ErrEncoding = errors.New("citizen: form encoding not supported")

// Form of a page, with its fields as the page filled them in. It is a copy:
// changing it changes nothing else.
type Form struct {
	ID     string
	Name   string
	Method string // GET or POST
	Action *url.URL
	// Fields in document order. Disabled fields are left out.
	Fields []Field
	// Buttons that submit, in document order. Disabled ones are left out.
	Buttons []Button
	// NoValidate sends the form although required fields are empty.
	NoValidate bool

	enctype string
	page    *Page
}

// Field of a form. A radio group or group of checkboxes is several fields with
// one name.
type Field struct {
	ID       string
	Name     string
	Type     string // text, hidden, radio, checkbox, select, textarea, …
	Value    string
	Checked  bool // radio and checkbox
	Required bool
	// Options of a select.
	Options []Option
	// Multiple selects send every selected option.
	Multiple bool

	place int
}

// Option of a select.
type Option struct {
	Value    string
	Text     string
	Selected bool
}

// Button that submits its form.
type Button struct {
	ID    string
	Name  string
	Value string
	Text  string

	place       int
	action      *url.URL // formaction
	method      string   // formmethod
	noValidate  bool     // formnovalidate
	encodedAsIs string   // formenctype
}

func (b *Button) is(selector string) bool {
	return b.ID != "" && "#"+b.ID == selector || b.Text != "" && b.Text == selector ||
		b.Name != "" && (b.Name == selector || b.Name+"="+b.Value == selector)
}

// Field finds the first field of this name.
func (f *Form) Field(name string) (*Field, bool) {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i], true
		}
	}
	return nil, false
}

// Set fills a field in: the text of a text field, the option of a select, the
// radio button of a group, the box of a group of checkboxes ("" unticks all).
// A name or value the form does not offer is an *AbsentError.
func (f *Form) Set(name, value string) error {
	field, ok := f.Field(name)
	if !ok {
		return f.page.absent("field", name, f.names())
	}
	switch field.Type {
	case "radio", "checkbox":
		return f.tick(name, value)
	case "select":
		i := slices.IndexFunc(field.Options, func(o Option) bool { return o.Value == value })
		if i < 0 {
			return f.page.absent("option of "+name, value, values(field.Options))
		}
		for j := range field.Options {
			field.Options[j].Selected = j == i || field.Multiple && field.Options[j].Selected
		}
	default:
		field.Value = value
	}
	return nil
}

func (f *Form) tick(name, value string) error {
	var offered []string
	match := -1
	for i, field := range f.Fields {
		if field.Name == name {
			offered = append(offered, field.Value)
			if field.Value == value {
				match = i
			}
		}
	}
	kind, _ := f.Field(name)
	if match < 0 && (kind.Type == "radio" || value != "") {
		return f.page.absent(kind.Type+" "+name, value, offered)
	}
	for i := range f.Fields {
		switch {
		case f.Fields[i].Name != name:
		case kind.Type == "radio" || value == "":
			f.Fields[i].Checked = i == match
		case i == match:
			f.Fields[i].Checked = true
		}
	}
	return nil
}

// Button finds a submit button by "#id", name, "name=value" or its whole text;
// "" is the first one, which is what the Enter key presses.
func (f *Form) Button(selector string) (*Button, error) {
	var found []string
	for i := range f.Buttons {
		b := &f.Buttons[i]
		if selector == "" || b.is(selector) {
			return b, nil
		}
		found = append(found, named(b.ID, b.Text))
	}
	return nil, f.page.absent("button", selector, found)
}

// Submit presses a button of a form ("" the first one; a form without any is
// sent as by the Enter key) and follows redirects.
func (b *Browser) Submit(ctx context.Context, f *Form, button string) (*Page, error) {
	pressed, err := f.Button(button)
	if err != nil {
		if button != "" {
			return nil, err
		}
		pressed = &Button{place: -1}
	}
	v, err := f.visit(pressed)
	if err != nil {
		return nil, fmt.Errorf("submit form %s on %s: %w", named(f.ID, f.Action.Path), where(f.page.URL), err)
	}
	return b.visit(ctx, v)
}

// visit turns the form into a request.
func (f *Form) visit(pressed *Button) (visit, error) {
	if !f.NoValidate && !pressed.noValidate {
		if err := f.validate(); err != nil {
			return visit{}, err
		}
	}
	v := visit{method: f.Method, to: f.Action, from: f.page}
	if pressed.action != nil {
		v.to = pressed.action
	}
	if pressed.method != "" {
		v.method = pressed.method
	}
	encoded := f.encode(pressed)
	if v.method == http.MethodGet {
		to := *v.to
		to.RawQuery = encoded
		v.to = &to
		return v, nil
	}
	enctype := f.enctype
	if pressed.encodedAsIs != "" {
		enctype = pressed.encodedAsIs
	}
	if enctype != "" && enctype != "application/x-www-form-urlencoded" {
		return visit{}, fmt.Errorf("%w: %s", ErrEncoding, enctype)
	}
	v.body, v.contentType = []byte(encoded), "application/x-www-form-urlencoded"
	return v, nil
}

// validate does of HTML's constraint validation what matters: required.
func (f *Form) validate() error {
	for _, field := range f.Fields {
		if !field.Required {
			continue
		}
		filled := field.Value != ""
		switch field.Type {
		case "radio", "checkbox":
			filled = slices.ContainsFunc(f.Fields, func(o Field) bool {
				return o.Name == field.Name && o.Checked && (field.Type == "radio" || o.place == field.place)
			})
		case "select":
			filled = slices.ContainsFunc(field.Options, func(o Option) bool { return o.Selected && o.Value != "" })
		case "hidden":
			filled = true
		}
		if !filled {
			return fmt.Errorf("%w: %s", ErrRequired, field.Name)
		}
	}
	return nil
}

// encode builds the form data set in document order (HTML, constructing the
// entry list; URL, application/x-www-form-urlencoded serializing).
func (f *Form) encode(pressed *Button) string {
	var out strings.Builder
	add := func(name, value string) {
		if out.Len() > 0 {
			out.WriteByte('&')
		}
		out.WriteString(url.QueryEscape(name) + "=" + url.QueryEscape(value))
	}
	sent := pressed.Name == ""
	for _, field := range f.Fields {
		if !sent && pressed.place < field.place {
			add(pressed.Name, pressed.Value)
			sent = true
		}
		if field.Name == "" {
			continue
		}
		switch field.Type {
		case "radio", "checkbox":
			if field.Checked {
				add(field.Name, field.Value)
			}
		case "select":
			for _, o := range field.Options {
				if o.Selected {
					add(field.Name, o.Value)
				}
			}
		default:
			add(field.Name, field.Value)
		}
	}
	if !sent {
		add(pressed.Name, pressed.Value)
	}
	return out.String()
}

func (f *Form) names() []string {
	var names []string
	for _, field := range f.Fields {
		if !slices.Contains(names, field.Name) {
			names = append(names, field.Name)
		}
	}
	return names
}

func values(options []Option) []string {
	out := make([]string, len(options))
	for i, o := range options {
		out[i] = o.Value
	}
	return out
}
