package store

// listing is what is known of the lists of bookings by customer.
type listing struct {
	kept       bool // all bookings to come are said to be listed
	unreadable bool // what a list that cannot be read holds is not known
}

// openBookings checks the list of a customer's bookings. It names no customer: the key is made of a phone number. Bookings
// that are over or cancelled may stay on it until the customer books again, or a night passes.
func (v *verifier) openBookings(value []byte) error {
	var r openRecord
	if err := decode(value, &r, r.version); err != nil {
		v.listing.unreadable = true
		return err
	}
	kind, seen := kindOf(prefixOpen), map[string]bool{}
	for _, id := range r.Bookings {
		e := v.bookings[id]
		switch {
		case seen[id]:
			v.foundOf(id, kind, "", "a customer's list has the booking twice")
		case e == nil:
			v.foundOf(id, kind, "", "a customer's list has a booking that does not exist")
		default:
			e.listed = true
		}
		seen[id] = true
	}
	return nil
}

// unlisted reports whether a booking should be listed under its customer and is not. Without a phone number it has none.
func (v *verifier) unlisted(e *verified) bool {
	return v.listing.kept && !v.listing.unreadable && e.phone && v.coming(e) && !e.listed
}
