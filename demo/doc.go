// Package demo is everything of `sinho demo` that is not Sinho itself: a
// booking site and a school platform, the crowd of synthetic citizens that logs
// in to them, and the stage on which one watches.
//
// The sites are plain relying parties on go-oidc and oauth2, and the stage and
// the crowd know Sinho over HTTP alone. Of ours the package imports citizen and
// nothing else, so whatever works here works for any stranger's site.
package demo

import "embed"

// What the sites call themselves, for whoever registers them as clients.
const (
	BookingKO = "나루 예약"
	BookingEN = "Naru Booking"
	SchoolKO  = "배움터 학교"
	SchoolEN  = "Baeumteo School"
)

//go:embed pages static
var files embed.FS
