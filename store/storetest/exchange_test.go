package storetest

import (
	"testing"
	"time"
)

func TestTheTableKeepsTheContract(t *testing.T) {
	RunExchange(t, func(*testing.T) (func(string) Exchange, func() time.Time) {
		table := NewTable()
		return func(node string) Exchange { return table.Seat(node) }, table.Now
	})
}
