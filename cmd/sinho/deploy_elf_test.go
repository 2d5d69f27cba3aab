package main

import (
	"debug/elf"
	"testing"
)

// dynamicParts counts what of a program the system would have to bring: an
// interpreter and libraries.
func dynamicParts(t *testing.T, path string) (n int) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			n++
		}
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	return n + len(libraries)
}
