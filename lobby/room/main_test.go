package room

import (
	"fmt"
	"os"
	"testing"

	"sinho/store/redistest"
)

func TestMain(m *testing.M) {
	redistest.Quiet()
	if addr := os.Getenv(nodeOfRoom); addr != "" {
		if err := work(addr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
