package store

import "slotd/internal/booking"

// notify writes the notice of a change of a booking.
func (t *Tx) notify(b *booking.Booking, c booking.Change) {}
