package main

import (
	"errors"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errUnlean: the page needs a browser that knows more of HTML than this one.
var errUnlean = errors.New("the page uses what the lean walker does not know; run with --citizen")

// view is what the lean walker sees of a page: its forms and its refresh. It is
// one pass over the tags, without a tree; package citizen reads pages properly
// at many times the cost.
type view struct {
	forms   []form
	refresh bool
	after   time.Duration
	to      string // "" is the page itself
}

type form struct {
	id, action string
	post       bool
	light      string // of the list item it stands in
	fields     []field
	buttons    []button
}

type field struct {
	name, value string
	required    bool
}

type button struct{ id, name, value string }

// attributes of one tag, the last of each name.
type attributes struct {
	id, name, value, kind, action, method, equiv, content, light string
	required, disabled, checked, hasValue, owner, special        bool
}

func readAttributes(t *tags) (a attributes) {
	for name, value := range t.each {
		switch string(name) {
		case "id":
			a.id = text(value)
		case "name":
			a.name = text(value)
		case "value":
			a.value, a.hasValue = text(value), true
		case "type":
			a.kind = strings.ToLower(text(value))
		case "action":
			a.action = text(value)
		case "method":
			a.method = strings.ToLower(text(value))
		case "http-equiv":
			a.equiv = strings.ToLower(text(value))
		case "content":
			a.content = text(value)
		case "data-light":
			a.light = text(value)
		case "required":
			a.required = true
		case "disabled":
			a.disabled = true
		case "checked":
			a.checked = true
		case "form":
			a.owner = true
		case "formaction", "formmethod", "formenctype", "enctype":
			a.special = true
		}
	}
	return a
}

// look reads a page. A control that the lean walker does not know how to send
// is errUnlean, as is <base>.
func look(body []byte) (v view, err error) {
	open, shut, shutAt, depth := false, false, 0, 0 // inside a form; inside a disabled fieldset
	light := ""
	for t := (tags{page: body}); t.next(); {
		if t.end {
			switch string(t.name) {
			case "form":
				open = false
			case "li":
				light = ""
			case "fieldset":
				if depth--; shut && depth < shutAt {
					shut = false
				}
			}
			continue
		}
		switch string(t.name) {
		case "base", "template":
			return v, errUnlean
		case "meta":
			if a := readAttributes(&t); a.equiv == "refresh" && !v.refresh {
				v.readRefresh(a.content)
			}
		case "form":
			a := readAttributes(&t)
			if a.special {
				return v, errUnlean
			}
			v.forms = append(v.forms, form{id: a.id, action: a.action, post: a.method == "post", light: light})
			open = true
		case "li":
			light = readAttributes(&t).light
		case "fieldset":
			if a := readAttributes(&t); a.disabled && !shut {
				shut, shutAt = true, depth+1
			}
			depth++
		case "input", "button", "select", "textarea":
			a := readAttributes(&t)
			if a.owner || open && (a.special || t.name[0] == 's' || t.name[0] == 't') {
				return v, errUnlean
			}
			if open && !shut && !a.disabled {
				v.forms[len(v.forms)-1].control(t.name[0] == 'b', a)
			}
		}
	}
	return v, nil
}

func (f *form) control(isButton bool, a attributes) {
	switch a.kind {
	case "submit", "image":
		f.buttons = append(f.buttons, button{a.id, a.name, a.value})
		return
	case "button", "reset", "file":
		return
	case "radio", "checkbox":
		if !a.checked {
			return
		}
		if !a.hasValue {
			a.value = "on"
		}
	}
	if isButton {
		if a.kind == "" {
			f.buttons = append(f.buttons, button{a.id, a.name, a.value})
		}
		return
	}
	f.fields = append(f.fields, field{a.name, a.value, a.required && a.kind != "hidden"})
}

// readRefresh reads "3; url=/there".
func (v *view) readRefresh(content string) {
	wait, to, _ := strings.Cut(content, ";")
	seconds, err := strconv.ParseFloat(strings.TrimSpace(wait), 64)
	if err != nil || !(seconds >= 0 && seconds <= 86_400) {
		return
	}
	v.refresh, v.after = true, time.Duration(seconds*float64(time.Second))
	if key, value, ok := strings.Cut(strings.TrimSpace(to), "="); ok && strings.EqualFold(strings.TrimSpace(key), "url") {
		v.to = strings.Trim(strings.TrimSpace(value), `"'`)
	}
}

// choice is a way on that a chooser offers: its button has the id "login-" and
// the provider's id.
type choice struct {
	provider string
	form     *form
	button   *button
}

// choices are the providers that can be chosen, in the order of the page.
func (v *view) choices() []choice {
	var out []choice
	for i := range v.forms {
		f := &v.forms[i]
		for k := range f.buttons {
			id, ok := strings.CutPrefix(f.buttons[k].id, "login-")
			if ok && id != "" && id != "continue" {
				out = append(out, choice{id, f, &f.buttons[k]})
			}
		}
	}
	return out
}

// fill types a value into the form's field of that name, if it has one.
func (f *form) fill(name, value string) {
	for i := range f.fields {
		if f.fields[i].name == name && value != "" {
			f.fields[i].value = value
		}
	}
}

// wants says whether the form has a field of that name.
func (f *form) wants(name string) bool {
	return slices.ContainsFunc(f.fields, func(one field) bool { return one.name == name })
}

// missing is the name of a required field left empty, or "".
func (f *form) missing() string {
	for _, one := range f.fields {
		if one.required && one.value == "" {
			return one.name
		}
	}
	return ""
}

// encode is the form's data with the button that was pressed, which may be nil.
// Its place among the fields is not kept: no server here minds.
func (f *form) encode(pressed *button) string {
	var out strings.Builder
	add := func(name, value string) {
		if name == "" {
			return
		}
		if out.Len() > 0 {
			out.WriteByte('&')
		}
		out.WriteString(url.QueryEscape(name))
		out.WriteByte('=')
		out.WriteString(url.QueryEscape(value))
	}
	for _, one := range f.fields {
		add(one.name, one.value)
	}
	if pressed != nil {
		add(pressed.name, pressed.value)
	}
	return out.String()
}

// strip takes the tags out of a piece of a page and reads its entities.
func strip(piece string) string {
	var out strings.Builder
	for piece != "" {
		text, rest, tag := strings.Cut(piece, "<")
		out.WriteString(text)
		if !tag {
			break
		}
		_, piece, _ = strings.Cut(rest, ">")
	}
	return html.UnescapeString(out.String())
}
