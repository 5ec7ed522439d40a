package syncer

import (
	"context"
	"slices"

	"slotd/internal/calendar"
	"slotd/store"
)

// compareDrift tells of a mirror that had drifted: a full read found other busy time than was stored, although the provider
// says that nothing has changed. Snapshots of different windows are not compared. The snapshot is stored already; only its
// telling can fail.
func (m *mirror) compareDrift(ctx context.Context, was, is *calendar.Busy, state store.Mirror) {
	if was == nil || was.Window != is.Window || slices.Equal(was.Foreign, is.Foreign) && sameOwn(was.Own, is.Own) {
		return
	}
	// What changed between the question and the read is no drift: asked again, the provider tells of it.
	change, err := m.changed(ctx, state.Window, state.Cursor)
	if err != nil || change.Changed {
		return
	}
	appeared, vanished := missing(is.Foreign, was.Foreign), missing(was.Foreign, is.Foreign)
	m.log.Warn("mirror: a full read found other busy time although nothing was said to have changed",
		"appeared", appeared, "vanished", vanished, "own_before", len(was.Own), "own_now", len(is.Own))
	if m.cfg.Drifted != nil {
		m.cfg.Drifted(m.id.Account())
	}
}

// sameOwn compares without regard to the order, which is the provider's.
func sameOwn(a, b []calendar.Own) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(o calendar.Own) bool { return !slices.Contains(b, o) })
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
