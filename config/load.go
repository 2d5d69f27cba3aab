package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// Load reads, completes and checks the file at path. env looks environment
// variables up (nil: os.LookupEnv). Relative paths in the file are taken from
// its own folder and come back joined to it. The error is Mistakes, all of
// them at once.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	if env == nil {
		env = os.LookupEnv
	}
	d := newDocument(path, env)
	d.files = []string{path}
	body, err := readFile(path)
	if err != nil {
		return nil, Mistakes{{
			File: path, Wrong: "cannot be read: " + err.Error(),
			Do: "name the file with --config; docs/sinho.example.yaml is one to begin with",
		}}
	}
	c := Default()
	c.doc = d
	root := d.parse(body)
	if root == nil {
		return nil, d.mistakes
	}
	d.take(root, &c)
	if len(d.mistakes) > 0 {
		return nil, d.mistakes.sorted()
	}
	return &c, nil
}

// take reads what the file says into c, and judges it.
func (d *document) take(root *ast.MappingNode, c *Config) {
	d.fields(root.Values, "", reflect.ValueOf(c).Elem())
	d.publicKeys(c)
	c.settle()
	if err := c.Validate(); err != nil {
		d.mistakes = append(d.mistakes, err.(Mistakes)...) //nolint:errorlint // it is nothing else
	}
}

// publicKeys reads the key files of providers and clients.
func (d *document) publicKeys(c *Config) {
	for i := range c.Providers {
		p := &c.Providers[i]
		d.publicKey(fmt.Sprintf("providers[%d].public_key_file", i), p.PublicKeyFile, "public_key_pem", &p.PublicKeyPEM)
	}
	for i := range c.Clients {
		one := &c.Clients[i]
		d.publicKey(fmt.Sprintf("clients[%d].jwks_file", i), one.JWKSFile, "jwks", (*string)(&one.JWKS))
	}
}

// publicKey reads one file, if named, into the value that key may say instead.
func (d *document) publicKey(path, name, key string, into *string) {
	if name == "" {
		return
	}
	if *into != "" {
		d.refuse(d.find(path), path, "says again what "+key+" says", "keep one of them")
		return
	}
	body, err := d.read(name)
	if err != nil {
		d.refuse(d.find(path), path, fmt.Sprintf("%s cannot be read: %v", name, err), "correct the path (it is relative to this file) or its rights")
		return
	}
	*into = string(body)
}

// settle joins relative paths to the folder of the file, and notes the files
// that are read later.
func (c *Config) settle() {
	resolve := func(name *string) {
		*name = c.doc.resolve(*name)
		if *name != "" {
			c.doc.files = append(c.doc.files, *name)
		}
	}
	c.KeysDir = c.doc.resolve(c.KeysDir)
	if _, remote, err := parseStore(c.Store); !remote && err == nil {
		c.Store = c.doc.resolve(c.Store)
	}
	if c.TLS != nil {
		resolve(&c.TLS.CertFile)
		resolve(&c.TLS.KeyFile)
	}
	if c.Redis != nil {
		resolve(&c.Redis.CAFile)
	}
}

// Files are the configuration itself and every file it names but the keys and
// the store: when one of them changes, loading again may give something else.
func (c *Config) Files() []string {
	if c.doc == nil {
		return nil
	}
	return slices.Clone(c.doc.files)
}

// Mistake is what a caller found wrong with the setting at path, with its place
// in the file.
func (c *Config) Mistake(path, wrong, do string) *Mistake {
	m := &Mistake{Path: path, Wrong: wrong, Do: do}
	if c.doc != nil {
		at := c.doc.find(path)
		m.File, m.Line, m.Column = c.doc.file, at.line, at.column
	}
	return m
}
