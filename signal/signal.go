// Package signal decides what colour a provider's light has and who is sent
// where. It is pure: state is a value, time is an argument, and nothing here
// opens a connection, reads a clock or imports anything of Sinho's.
package signal

import "time"

// Light is a provider's colour, from best to worst.
type Light uint8

const (
	Green  Light = iota + 1 // 원활
	Yellow                  // 지연
	Red                     // 혼잡
	Grey                    // 선택불가
)

// Text is a sentence in Korean and English.
type Text struct {
	KO string `json:"ko"`
	EN string `json:"en"`
}

// Reason says why a light has its colour.
type Reason struct {
	Code string `json:"code"`
	Text        // "ko", "en"
}

// Status of one provider as everybody sees it.
type Status struct {
	ID       string     `json:"id"`
	Name     Text       `json:"name"`
	Light    Light      `json:"light"`
	Measured bool       `json:"measured"`
	Since    time.Time  `json:"since"`
	Until    *time.Time `json:"until"`
	Reason   Reason     `json:"reason"`
	Share    float64    `json:"share"` // 0..1, all of them sum to 1
	// Planned is the maintenance that begins within MaintenanceNotice.
	Planned *Period `json:"planned,omitempty"`
}

// Board is the document at /signal: the same bytes for everyone.
type Board struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Local     bool      `json:"local"` // measured by this node alone
	Providers []Status  `json:"providers"`
}
