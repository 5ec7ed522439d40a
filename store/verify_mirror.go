package store

import (
	"slotd/internal/calendar"
)

func (v *verifier) busyDocument(rest string, value []byte) error {
	cal, err := calendarKey(rest)
	if err != nil {
		return err
	}
	v.busy[cal] = nil
	b, err := unpackBusy(value)
	if err != nil {
		return err
	}
	v.busy[cal] = &b.Window
	if why := disorder(b); why != "" {
		v.found(Finding{Kind: kindOf(prefixBusy), Place: printable(string(cal)), Text: why})
	}
	for _, o := range b.Own {
		if v.bookings[o.Booking] == nil {
			v.foundOf(o.Booking, kindOf(prefixBusy), string(cal), "it has an event of a booking that does not exist")
		}
	}
	return nil
}

// disorder says what makes a busy document unfit for a binary search; "" when all is well.
func disorder(b *calendar.Busy) string {
	if b.Window.Empty() {
		return "its window is empty"
	}
	at := b.Window.Start
	for i, f := range b.Foreign {
		switch {
		case f.Empty():
			return "it has busy time without a length"
		case f.End > b.Window.End, f.Start < b.Window.Start:
			return "it has busy time outside its window"
		case i > 0 && f.Start < at:
			return "its busy time is not sorted, or overlaps"
		}
		at = f.End
	}
	for _, o := range b.Own {
		if o.Empty() || !b.Window.Covers(o.Interval) {
			return "it has an event of ours outside its window, or without a length"
		}
	}
	return ""
}

func (v *verifier) mirror(rest string, value []byte) error {
	cal, err := calendarKey(rest)
	if err != nil {
		return err
	}
	v.mirrors[cal] = nil
	var r mirrorRecord
	if err := decode(value, &r, r.version); err != nil {
		return err
	}
	v.mirrors[cal] = &calendar.Interval{Start: r.Start, End: r.End}
	return nil
}

// compareWindows finds busy documents and mirror records that are not of one read.
func (v *verifier) compareWindows() {
	busy, mirror := kindOf(prefixBusy), kindOf(prefixMirror)
	for cal, window := range v.busy {
		other, there := v.mirrors[cal]
		switch {
		case !there:
			v.found(Finding{Kind: busy, Place: printable(string(cal)), Text: "it has no mirror record: nobody knows when it was read"})
		case window != nil && other != nil && *window != *other:
			v.found(Finding{Kind: mirror, Place: printable(string(cal)), Text: "its window is not that of the busy document"})
		}
	}
	for cal := range v.mirrors {
		if _, there := v.busy[cal]; !there {
			v.found(Finding{Kind: mirror, Place: printable(string(cal)), Text: "it has no busy document"})
		}
	}
}
