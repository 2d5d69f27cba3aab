package citizen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Page is what the browser shows after a visit.
type Page struct {
	// URL is where the visit ended.
	URL *url.URL
	// Status is the HTTP status; an error page is a page.
	Status int
	Header http.Header
	Body   []byte
	// Chain is every request of the visit, in order.
	Chain []Hop

	root *html.Node // nil when the page is not HTML
	base *url.URL
}

// Link is an <a href> of a page.
type Link struct {
	ID   string
	Text string
	URL  *url.URL

	page *Page
}

// Refresh is a page's <meta http-equiv="refresh">.
type Refresh struct {
	After time.Duration
	URL   *url.URL
}

// AbsentError says what was looked for on a page and what was there instead.
type AbsentError struct {
	What     string // form, button, link, field, meta refresh
	Selector string // as it was asked for
	Page     string // address without query, and status
	Found    []string
}

// Error lists what the page offers.
func (e *AbsentError) Error() string {
	found := "none"
	if len(e.Found) > 0 {
		found = strings.Join(e.Found, ", ")
	}
	return fmt.Sprintf("citizen: no %s %q on %s; there: %s", e.What, e.Selector, e.Page, found)
}

func (p *Page) absent(what, selector string, found []string) *AbsentError {
	const most = 20
	if len(found) > most {
		found = append(found[:most:most], "…")
	}
	return &AbsentError{What: what, Selector: selector, Page: fmt.Sprintf("%s (%d)", where(p.URL), p.Status), Found: found}
}

// parse reads the body when it is HTML. Scripting is off, so what stands in
// noscript is part of the page.
func (p *Page) parse() {
	p.base = p.URL
	kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
	if kind != "text/html" && kind != "application/xhtml+xml" {
		return
	}
	root, err := html.ParseWithOptions(bytes.NewReader(p.Body), html.ParseOptionEnableScripting(false))
	if err != nil {
		return // html.Parse fails only when its reader does, and nests too deep
	}
	p.root = root
	for n := range p.elements() {
		if n.DataAtom == atom.Base {
			if u, err := p.URL.Parse(attr(n, "href")); err == nil {
				p.base = u
			}
			return
		}
	}
}

// JSON decodes the body into v.
func (p *Page) JSON(v any) error {
	if err := json.Unmarshal(p.Body, v); err != nil {
		return fmt.Errorf("json of %s (%d): %w", where(p.URL), p.Status, err)
	}
	return nil
}

// Title is the text of <title>.
func (p *Page) Title() string {
	for n := range p.elements() {
		if n.DataAtom == atom.Title {
			return textOf(n)
		}
	}
	return ""
}

// Text is all the page says, white space folded.
func (p *Page) Text() string {
	if p.root == nil {
		return ""
	}
	return textOf(p.root)
}

// TextOf is what the element with this id says; ok is false when there is none.
func (p *Page) TextOf(id string) (text string, ok bool) {
	for n := range p.elements() {
		if attr(n, "id") == id {
			return textOf(n), true
		}
	}
	return "", false
}

// IDs are the ids of the page's elements in document order.
func (p *Page) IDs() []string {
	var ids []string
	for n := range p.elements() {
		if id := attr(n, "id"); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// Links are the page's links in document order, those to http only.
func (p *Page) Links() []*Link {
	var links []*Link
	for n := range p.elements() {
		if n.DataAtom != atom.A || !has(n, "href") {
			continue
		}
		u, err := p.base.Parse(strings.TrimSpace(attr(n, "href")))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" {
			continue
		}
		links = append(links, &Link{ID: attr(n, "id"), Text: textOf(n), URL: u, page: p})
	}
	return links
}

// Link finds a link by "#id", by its whole text, by its path, or by the whole
// address; the first in document order wins. None is an *AbsentError.
func (p *Page) Link(selector string) (*Link, error) {
	links := p.Links()
	var found []string
	for _, l := range links {
		if l.ID != "" && "#"+l.ID == selector || l.Text == selector || l.URL.Path == selector || l.URL.String() == selector {
			return l, nil
		}
		found = append(found, named(l.ID, l.Text))
	}
	return nil, p.absent("link", selector, found)
}

// Refresh reads the page's meta refresh, also inside noscript.
func (p *Page) Refresh() (Refresh, bool) {
	for n := range p.elements() {
		if n.DataAtom == atom.Meta && strings.EqualFold(attr(n, "http-equiv"), "refresh") {
			return p.refresh(attr(n, "content"))
		}
	}
	return Refresh{}, false
}

// refresh reads "3; url=/there" (HTML, shared declarative refresh steps).
func (p *Page) refresh(content string) (Refresh, bool) {
	wait, to, _ := strings.Cut(strings.ReplaceAll(content, ",", ";"), ";")
	if before, after, comma := strings.Cut(content, ";"); comma {
		wait, to = before, after // an address may contain commas
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(wait), 64)
	if err != nil || !(seconds >= 0 && seconds <= 86_400) {
		return Refresh{}, false
	}
	r := Refresh{After: time.Duration(seconds * float64(time.Second)), URL: p.URL}
	to = strings.TrimSpace(to)
	if key, value, ok := strings.Cut(to, "="); ok && strings.EqualFold(strings.TrimSpace(key), "url") {
		to = strings.TrimSpace(value)
	}
	if to = strings.Trim(to, `"'`); to != "" {
		if r.URL, err = p.base.Parse(to); err != nil {
			return Refresh{}, false
		}
	}
	return r, true
}

// elements walks the page in document order, leaving out <template>.
func (p *Page) elements() iter.Seq[*html.Node] {
	return func(yield func(*html.Node) bool) {
		if p.root != nil {
			descend(p.root, yield)
		}
	}
}

func descend(n *html.Node, yield func(*html.Node) bool) bool {
	if n.Type == html.ElementNode {
		if n.DataAtom == atom.Template {
			return true
		}
		if !yield(n) {
			return false
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if !descend(c, yield) {
			return false
		}
	}
	return true
}

// textOf is the text below n as a reader meets it.
func textOf(n *html.Node) string {
	var words []string
	var read func(*html.Node)
	read = func(n *html.Node) {
		if n.Type == html.TextNode {
			words = append(words, strings.Fields(n.Data)...)
			return
		}
		if slices.Contains([]atom.Atom{atom.Script, atom.Style, atom.Template}, n.DataAtom) {
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			read(c)
		}
	}
	read(n)
	return strings.Join(words, " ")
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Namespace == "" && a.Key == key })
}

// named shows an element in an error: by id, else by its text, shortened.
func named(id, text string) string {
	if id != "" {
		return "#" + id
	}
	if short := []rune(text); len(short) > 40 {
		return strconv.Quote(string(short[:40]) + "…")
	}
	return strconv.Quote(text)
}
