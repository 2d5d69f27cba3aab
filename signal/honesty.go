package signal

// Honesty counts what became of logins begun on a green light. A login counts
// once it is judged: when it ends (read, failed or cancelled), or when it is
// taken for vanished.
//
//   - Failed: it ended by a failure that colours (connection, time-out, 5xx,
//     throttling).
//   - Slow: it ended well, but from the person's return to the end took longer
//     than t2 as in force then.
//   - Vanished: the person never came back, beyond what is usual, though too few
//     people came back for the person leg to be judged as usual, or no server leg
//     or no page answered until the light turned red or grey.
//
// Each is the provider's fault; people who leave as people do are not.
type Honesty struct {
	Begun    int64   `json:"begun"`
	Ended    int64   `json:"ended"`
	Failed   int64   `json:"failed"`
	Slow     int64   `json:"slow"`
	Vanished float64 `json:"vanished"`
}

// take adds one second.
func (h *Honesty) take(b *Bucket, vanished float64) {
	h.Begun += int64(b.StartedGreen)
	h.Ended += int64(b.GreenEnded)
	h.Failed += int64(b.GreenFailed)
	h.Slow += int64(b.GreenSlow)
	h.Vanished += vanished
}

// Add adds another provider's, or an earlier, count.
func (h Honesty) Add(o Honesty) Honesty {
	h.Begun += o.Begun
	h.Ended += o.Ended
	h.Failed += o.Failed
	h.Slow += o.Slow
	h.Vanished += o.Vanished
	return h
}

// Share is green honesty: the share of judged logins whose green told the
// truth, 0..1. ok is false while nothing was judged.
func (h Honesty) Share() (share float64, ok bool) {
	judged := float64(h.Ended) + h.Vanished
	if judged <= 0 {
		return 0, false
	}
	bad := float64(h.Failed+h.Slow) + h.Vanished
	return max(1-bad/judged, 0), true
}
