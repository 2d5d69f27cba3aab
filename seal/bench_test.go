package seal

import (
	"testing"
	"time"
)

const issuer = "https://id.example.kr"

func BenchmarkSeal(b *testing.B) {
	box := ring(b, "seoul").Box("request")
	plain := make([]byte, 500)
	expires := time.Now().Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Seal(plain, expires, issuer, "shop"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	box := ring(b, "seoul").Box("request")
	now := time.Now()
	token, err := box.Seal(make([]byte, 500), now.Add(time.Hour), issuer, "shop")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Open(token, now, issuer, "shop"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenWithSecret(b *testing.B) {
	box, share := ring(b, "seoul").Box("access"), make([]byte, 32)
	now := time.Now()
	token, err := box.With(share).Seal(make([]byte, 500), now.Add(time.Hour), issuer, "shop")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.With(share).Open(token, now, issuer, "shop"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenForged(b *testing.B) {
	box := ring(b, "seoul").Box("request")
	now := time.Now()
	token, err := box.Seal(make([]byte, 500), now.Add(time.Hour), issuer, "shop")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Open(token, now, issuer, "school"); err == nil {
			b.Fatal("opened")
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	r, journey := ring(b, "seoul"), make([]byte, 16)
	b.ReportAllocs()
	for b.Loop() {
		r.Derive("code", noon, journey)
	}
}
