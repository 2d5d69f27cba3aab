//go:build skew

package main

import (
	"os"
	"time"
)

// machineClock is that of a machine that is off by SINHO_SKEW, such as -7s. It
// is in builds for tests alone: go build -tags skew.
func machineClock() func() time.Time {
	off, err := time.ParseDuration(os.Getenv("SINHO_SKEW"))
	if err != nil {
		return time.Now
	}
	return func() time.Time { return time.Now().Add(off) }
}
