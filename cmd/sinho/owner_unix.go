//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// sameOwner gives f to whoever owns the file of info, so that nodes under
// another user can still read what root has rotated.
func sameOwner(f *os.File, info fs.FileInfo) error {
	was, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(was.Uid) == os.Geteuid() && int(was.Gid) == os.Getegid() {
		return nil
	}
	if err := f.Chown(int(was.Uid), int(was.Gid)); err != nil {
		return fmt.Errorf("%w: run this as the user who owns the keys, or as root", err)
	}
	return nil
}
