package room

import (
	"os"
	"testing"

	"sinho/store/redistest"
)

func TestMain(m *testing.M) {
	redistest.Quiet()
	os.Exit(m.Run())
}
