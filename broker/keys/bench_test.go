package keys

import (
	"bytes"
	"testing"
)

var claims = append([]byte(`{"iss":"https://id.example.kr","sub":"`), append(bytes.Repeat([]byte("s"), 300), `"}`...)...)

func BenchmarkSign(b *testing.B) {
	s := full(b)
	for _, alg := range s.Algorithms() {
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Sign(alg, claims, "JWT"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	s := full(b)
	for _, alg := range s.Algorithms() {
		token, err := s.Sign(alg, claims, "JWT")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Verify(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
