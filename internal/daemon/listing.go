package daemon

import (
	"context"
	"time"
)

// listWithin bounds how long a start waits until bookings are listed under their customers. The next night goes on.
const listWithin = 10 * time.Second

// listBookings lists the bookings to come under their customers, where a rule counts these and that was not done. These
// parts must serve, and no others.
func (p *parts) listBookings(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	p.unlistBookings(ctx)
	if err := p.desk.ListBookings(ctx); err != nil {
		p.log.Error("not all bookings count for their customers until the next night", "error", err)
	}
}

// unlistBookings has them listed anew should a rule count them later, where none does now.
func (p *parts) unlistBookings(ctx context.Context) {
	if err := p.desk.UnlistBookings(ctx); err != nil {
		p.log.Error("which bookings count for their customers may be out of date", "error", err)
	}
}
