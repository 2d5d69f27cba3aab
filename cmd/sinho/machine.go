//go:build !skew

package main

import "time"

// machineClock is this machine's.
func machineClock() func() time.Time { return time.Now }
