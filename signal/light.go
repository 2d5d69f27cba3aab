package signal

import "fmt"

// String is the light's word on the wire: green, yellow, red or grey.
func (l Light) String() string {
	switch l {
	case Green:
		return "green"
	case Yellow:
		return "yellow"
	case Red:
		return "red"
	case Grey:
		return "grey"
	}
	return fmt.Sprintf("light(%d)", uint8(l))
}

// Word is what a person reads beside the shape.
func (l Light) Word() Text {
	switch l {
	case Green:
		return Text{KO: "원활", EN: "Smooth"}
	case Yellow:
		return Text{KO: "지연", EN: "Slow"}
	case Red:
		return Text{KO: "혼잡", EN: "Busy"}
	case Grey:
		return Text{KO: "선택불가", EN: "Closed"}
	}
	return Text{}
}

// Shape is one character that tells the lights apart without colour.
func (l Light) Shape() string {
	switch l {
	case Green:
		return "●"
	case Yellow:
		return "▲"
	case Red:
		return "■"
	case Grey:
		return "✕"
	}
	return ""
}

// Choosable reports whether a person may begin a login there: any light but grey.
func (l Light) Choosable() bool { return l == Green || l == Yellow || l == Red }

// Worse reports whether l is a worse light than m.
func (l Light) Worse(m Light) bool { return l > m }

// MarshalText writes the light's word; an unset light is an error.
func (l Light) MarshalText() ([]byte, error) {
	if l < Green || l > Grey {
		return nil, fmt.Errorf("marshal light: %d is none", uint8(l))
	}
	return []byte(l.String()), nil
}

// UnmarshalText reads the light's word.
func (l *Light) UnmarshalText(text []byte) error {
	for c := Green; c <= Grey; c++ {
		if c.String() == string(text) {
			*l = c
			return nil
		}
	}
	return fmt.Errorf("unmarshal light: %q is none", text)
}
