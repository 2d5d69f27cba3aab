package signal

// ChapterMinutes is how many minutes one record holds: half an hour stays below
// 16 KiB whatever was counted, as long as no minute came in several parts.
const ChapterMinutes = 30

// ChapterSeconds is how long a Chapter is.
const ChapterSeconds = ChapterMinutes * 60

// chapterV1 is the format of a record of minutes.
const chapterV1 = 1

// Chapter is half an hour of one provider, by minute.
type Chapter [ChapterMinutes]Parts

// ChapterOf is the number of the chapter that has a Unix minute, and its place.
func ChapterOf(minute int64) (chapter int64, place int) {
	return minute / ChapterMinutes, int(minute % ChapterMinutes)
}

// Merge is both readings together, with the laws of Parts. Neither is changed.
func (c Chapter) Merge(o Chapter) Chapter {
	for i := range c {
		c[i] = c[i].Merge(o[i])
	}
	return c
}

// Thin leaves out the emptiest part of the minute that has the most parts; false
// where none has two.
func (c *Chapter) Thin() bool {
	most := 0
	for i := range c {
		if len(c[i]) > len(c[most]) {
			most = i
		}
	}
	if len(c[most]) < 2 {
		return false
	}
	c[most] = c[most][: len(c[most])-1 : len(c[most])-1]
	return true
}

// MarshalBinary writes a chapter; equal ones give equal bytes.
func (c Chapter) MarshalBinary() ([]byte, error) {
	var w wire
	c.walk(&w)
	return w.end()
}

// UnmarshalBinary reads a chapter; ErrFormat for anything else.
func (c *Chapter) UnmarshalBinary(data []byte) error {
	*c = Chapter{}
	w := wire{buf: data, reading: true}
	c.walk(&w)
	_, err := w.end()
	return err
}

func (c *Chapter) walk(w *wire) {
	w.format(chapterV1)
	w.sparse(len(c), func(i int) bool { return len(c[i]) > 0 }, func(i int) {
		n := w.count(len(c[i]))
		if w.reading {
			if n > mostParts {
				w.fail("too many parts")
				return
			}
			c[i] = make(Parts, n)
		}
		for k := range n {
			c[i][k].walk(w)
		}
		if w.reading && w.err == nil {
			c[i] = c[i].Merge(nil)
		}
	})
}

func (p *Part) walk(w *wire) {
	number(w, &p.Run)
	number(w, &p.Mask)
	if w.reading && (p.Mask <= 0 || p.Mask > wholeMinute) {
		w.fail("a mask")
	}
	if !w.reading {
		p.clamp()
	}
	p.Rollup.walk(w)
}
