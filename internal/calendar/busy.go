package calendar

// Busy is the busy time of one calendar as the mirror keeps it.
type Busy struct {
	// Window is the interval that the snapshot covered. Outside it nothing is known, and unknown is never free.
	Window Interval
	// Foreign is the union of all busy time that is not ours, sorted and disjoint, cut to Window.
	Foreign []Interval
	// Own are our own events in this calendar, each with its booking. A claim with the same booking and the block are
	// one thing: they count once, as their union.
	Own []Own
}

// Own is one of our events in a calendar.
type Own struct {
	Interval
	Booking string
}

// FirstOverlap returns the index of the first of the sorted, disjoint spans that ends after start. Binary search.
func FirstOverlap(spans []Interval, start int64) int {
	lo, hi := 0, len(spans)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if spans[mid].End <= start {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// AnyOverlap reports whether one of the sorted, disjoint spans overlaps want.
func AnyOverlap(spans []Interval, want Interval) bool {
	i := FirstOverlap(spans, want.Start)
	return i < len(spans) && spans[i].Overlaps(want)
}
