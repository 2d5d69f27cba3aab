//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// enoughFiles says whether this process may open need files at once; fit is how
// the one who asked should ask for less, given what is allowed.
func enoughFiles(need uint64, fit func(allowed uint64) string) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if allowed := uint64(limit.Cur); allowed < need { //nolint:unconvert // signed on some systems
		return fmt.Errorf("too few file descriptors: %d may be open and %d are needed; raise the limit (ulimit -n %d) or %s", allowed, need, need, fit(allowed))
	}
	return nil
}
