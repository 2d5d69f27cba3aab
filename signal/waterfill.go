package signal

// waterfill divides amount over vessels so that all that get any stand at one
// level: the W at which the sum of max(0, room·W − full) is amount. Each gets its
// term of that sum. A vessel without room gets nothing; where none has room,
// nobody gets anything. No number may be negative.
func waterfill(room, full []float64, amount float64) []float64 {
	parts := make([]float64, len(room))
	in := make([]bool, len(room))
	for i := range in {
		in[i] = room[i] > 0
	}
	// Each round leaves out those that stand above the level of all that are left.
	// That lowers the level, so none of them would ever be let in again.
	for range room {
		var width, height float64
		for i := range room {
			if in[i] {
				width, height = width+room[i], height+full[i]
			}
		}
		settled := true
		for i := range room {
			if !in[i] {
				continue
			}
			if parts[i] = room[i]*(height+amount)/width - full[i]; parts[i] < 0 {
				parts[i], in[i], settled = 0, false, false
			}
		}
		if settled {
			break
		}
	}
	return parts
}
