package syncer

import (
	"slices"
	"time"

	"slotd/internal/calendar"
)

// doubt is a full read that found other busy time than was stored, although the provider said that nothing had changed. Feeds of
// changes can be late, so it becomes drift only when the next look hears of no change either.
type doubt struct {
	at                 time.Time
	appeared, vanished int
}

// compareDrift compares what a read found that nothing had asked for with what was stored. Our own events are left out: they
// come and go by our writes, which know of themselves. Snapshots of different windows cannot be compared.
func (m *mirror) compareDrift(was, is *calendar.Busy) {
	if was == nil || was.Window != is.Window || slices.Equal(was.Foreign, is.Foreign) {
		return
	}
	m.doubt = &doubt{m.cfg.Now(), missing(is.Foreign, was.Foreign), missing(was.Foreign, is.Foreign)}
}

// judgeDrift hears what a look was told after a doubtful read.
func (m *mirror) judgeDrift(change calendar.Change, now time.Time) {
	d := m.doubt
	switch {
	case d == nil:
		return
	case change.Changed:
		m.doubt = nil
		return
	case now.Sub(d.at) < lagCheck:
		return
	}
	m.doubt = nil
	m.log.Warn("mirror: a full read found other busy time although nothing was said to have changed",
		"appeared", d.appeared, "vanished", d.vanished)
	if m.cfg.Drifted != nil {
		m.cfg.Drifted(m.id.Account())
	}
}

// missing counts the spans of a that are not as they are in b.
func missing(a, b []calendar.Interval) (n int) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			n++
		}
	}
	return n
}
