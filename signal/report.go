package signal

// Measured is what one node knows of one provider at the end of a second.
type Measured struct {
	ID     string
	Bucket Bucket
	// InFlight are the server legs under way then, by age.
	InFlight Histogram
}

// Report is what one node leaves for the others about one second. A provider
// that is missing was not measured; one with an empty bucket was.
type Report struct {
	Second    int64 // Unix second
	Providers []Measured
}

// MarshalBinary writes a report: some 40 bytes for a quiet provider, 200 for a
// busy one.
func (r Report) MarshalBinary() ([]byte, error) {
	var w wire
	r.attach()
	r.walk(&w)
	return w.end()
}

// UnmarshalBinary reads a report; ErrFormat for anything else.
func (r *Report) UnmarshalBinary(data []byte) error {
	*r = Report{}
	w := wire{buf: data, reading: true}
	r.walk(&w)
	r.detach(&w)
	_, err := w.end()
	return err
}

func (r *Report) walk(w *wire) {
	w.format(reportV1)
	number(w, &r.Second)
	for i := range w.count(len(r.Providers)) {
		if w.err != nil {
			return
		}
		if w.reading {
			r.Providers = append(r.Providers, Measured{Bucket: Bucket{Second: r.Second}})
		}
		m := &r.Providers[i]
		w.text(&m.ID)
		m.Bucket.walk(w)
		w.histogram(&m.InFlight)
	}
}

// walk leaves out the second, which the report has, and what is in the annex.
func (b *Bucket) walk(w *wire) {
	w.histogram(&b.Legs)
	w.histogram(&b.Left)
	for _, n := range []*uint32{
		&b.Started, &b.StartedGreen, &b.Cancelled,
		&b.ProbesOK, &b.ProbesFailed, &b.PagesOK, &b.PagesFailed,
		&b.GreenEnded, &b.GreenFailed, &b.GreenSlow,
	} {
		number(w, n)
	}
	for i := range b.Errors {
		number(w, &b.Errors[i])
	}
	n := w.count(len(b.Backs))
	if w.reading && n > 0 {
		b.Backs = make([]Back, n)
	}
	for i := range b.Backs {
		c := &b.Backs[i]
		age := b.Second - c.Start
		number(w, &age)
		number(w, &c.N)
		number(w, &c.Green)
		if !w.reading {
			continue
		}
		if c.Start = b.Second - age; i > 0 && c.Start <= b.Backs[i-1].Start {
			w.fail("returns that do not ascend")
		}
	}
}
