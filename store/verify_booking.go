package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store/kv"
)

// loadBooking decodes a booking and looks at it alone.
func (v *verifier) loadBooking(item kv.Item) {
	id := strings.TrimPrefix(item.Key, prefixBooking)
	e := &verified{}
	v.bookings[id] = e
	var r bookingRecord
	if err := decode(item.Value, &r, r.version); err != nil {
		v.unreadable(kindOf(prefixBooking), id, err)
		return
	}
	e.Booking = r.booking(id)
	e.placements = make([]verifiedPlacement, len(e.Placements))
	if why := strange(e.Booking); why != "" {
		v.foundOf(id, kindOf(prefixBooking), "", "%s", why)
	}
	for i, p := range e.Placements {
		if other, taken := v.identities[p.Identity]; taken {
			e.placements[i].twin = true
			v.foundOf(id, kindOf(prefixBooking), "", "its placement %d has the same identity as one of booking %s", i,
				printable(other))
			continue
		}
		v.identities[p.Identity] = id
	}
}

// strange says what no booking can be; "" when all is well.
func strange(b *booking.Booking) string {
	switch {
	case b.Status != booking.Confirmed && b.Status != booking.Cancelled:
		return "its status is none that exists"
	case b.Interval.Empty():
		return "it takes no time"
	case b.Version == 0:
		return "it has no version"
	case len(b.Placements) == 0:
		return "it has no placement"
	case !slices.Contains(b.Resources(), b.Resource):
		return "it has no placement on the resource that was chosen"
	case b.Status == booking.Confirmed && len(b.Active()) == 0:
		return "it is confirmed and has left all its resources"
	}
	if why := strangeHistory(b); why != "" {
		return why
	}
	known := []booking.PlacementStatus{booking.Pending, booking.Written, booking.Seen, booking.Stuck, booking.Missing}
	for i, p := range b.Placements {
		switch {
		case p.Identity == "":
			return fmt.Sprintf("its placement %d has no identity", i)
		case p.Resource == "" || p.Calendar == "":
			return fmt.Sprintf("its placement %d has no resource or no calendar", i)
		case !slices.Contains(known, p.Status):
			return fmt.Sprintf("the status of its placement %d is none that exists", i)
		}
	}
	return ""
}

// strangeHistory says what no history can be; "" when all is well. A booking of before there was one has none.
func strangeHistory(b *booking.Booking) string {
	for i, c := range b.History {
		switch {
		case i == 0 && c.What != booking.WasCreated && c.What != booking.WasRecovered:
			return "its history does not begin with its creation"
		case i > 0 && c.Version < b.History[i-1].Version:
			return "the versions in its history fall"
		case c.Version > b.Version:
			return "its history is ahead of it"
		}
	}
	return ""
}

// complete says what a booking lacks after all records were read.
func (v *verifier) complete(id string, e *verified) {
	if !e.person {
		v.foundOf(id, kindOf(prefixPerson), "", "the booking has no person record")
	}
	if !e.ref && !v.reported[keyRef(e.Reference)] {
		v.foundOf(id, kindOf(prefixRef), "", "no reference record points to the booking")
	}
	if v.unlisted(e) {
		v.foundOf(id, kindOf(prefixOpen), "", "the booking is not listed under its customer")
	}
	for i, p := range e.Placements {
		seen := e.placements[i]
		claims, there := v.claimsOn[p.Resource]
		readable := !there || claims != nil
		if !seen.claim && v.coming(e) && e.Wanted(i) && readable {
			v.foundOf(id, kindOf(prefixClaims), p.Resource, missingClaim)
		}
		if !seen.left && !p.Left.Empty() && p.Left.End > v.now && readable {
			v.foundOf(id, kindOf(prefixClaims), p.Resource, "the time that the booking has left is not in the claims")
		}
		if !seen.day {
			v.foundOf(id, kindOf(prefixDay), p.Resource, "the booking is not in the index by day")
		}
		if !seen.own && !seen.twin && p.Identity != "" && !v.forgotten(e, p) && !v.reported[keyOwn(p.Calendar, p.Identity)] {
			v.foundOf(id, kindOf(prefixOwn), string(p.Calendar), "the event of placement %d is not in the index of our events", i)
		}
		if p.Status == booking.Pending && !seen.mark {
			v.foundOf(id, kindOf(prefixOutbox), string(p.Calendar), "placement %d is pending and has no mark: nobody will write it", i)
		}
	}
}

// coming reports whether the booking must hold its claims.
func (v *verifier) coming(e *verified) bool {
	return e.Booking != nil && e.ToCome(v.now)
}

// forgotten reports whether the index entry of a placement's event may have been dropped: the booking ended before the
// window, so that no snapshot will hold the event again.
func (v *verifier) forgotten(e *verified, p booking.Placement) bool {
	window, read := v.mirrors[p.Calendar]
	if !read && v.report.Records[keyRestore] > 0 {
		return p.Status != booking.Pending && e.End <= v.now // a restore forgets the windows
	}
	return read && p.Status != booking.Pending && (window == nil || e.End <= window.Start)
}

func (v *verifier) person(id string, item kv.Item) error {
	e := v.bookings[id]
	if e == nil {
		v.foundOf(id, kindOf(prefixPerson), "", "the booking does not exist")
		return checkRecord(item)
	}
	e.person = true
	var r personRecord
	err := decode(item.Value, &r, r.version)
	e.phone = err == nil && booking.PhoneDigits(r.Phone) != ""
	return err
}

func (v *verifier) reference(reference string, value []byte) error {
	id := string(value)
	if id == "" {
		return errCorrupt
	}
	e := v.bookings[id]
	switch {
	case e == nil:
		v.found(Finding{
			Kind: kindOf(prefixRef), Booking: printable(id), Reference: printable(reference), Text: "the booking does not exist",
		})
	case e.Booking == nil:
	case e.Reference != reference:
		v.foundOf(id, kindOf(prefixRef), "", "the reference %s points to the booking too", printable(reference))
	default:
		e.ref = true
		return nil
	}
	v.reported[keyRef(reference)] = true
	return nil
}

func (v *verifier) visit(key string, value []byte) error {
	var r visitRecord
	if err := decode(value, &r, r.version); err != nil {
		return err
	}
	if r.Hold != nil && booking.Holds(r.Hold.Until.Unix(), v.now) {
		v.visits[key] = r.Hold
	}
	if r.Outcome == nil {
		return nil
	}
	id := r.Outcome.Booking
	e := v.bookings[id]
	switch {
	case e == nil:
		v.foundOf(id, kindOf(prefixVisit), "", "a flow token made the booking, which does not exist")
	case e.visit:
		v.foundOf(id, kindOf(prefixVisit), "", "more than one flow token made the booking")
	default:
		e.visit = true
	}
	return nil
}

func (v *verifier) outbox(rest string, value []byte) error {
	id, number, _ := strings.Cut(rest, "/")
	placement, err := strconv.Atoi(number)
	mark := OutboxID{id, placement}
	if err != nil || keyOutbox(mark) != prefixOutbox+rest {
		return errKey
	}
	v.marks[mark] = nil
	e, kind := v.bookings[id], kindOf(prefixOutbox)
	switch {
	case e == nil:
		v.foundOf(id, kind, "", "a mark of a booking that does not exist")
	case e.Booking == nil:
	case placement < 0 || placement >= len(e.Placements):
		v.foundOf(id, kind, "", "a mark of placement %d, which the booking does not have", placement)
	default:
		e.placements[placement].mark = true
		if p := e.Placements[placement]; p.Status != booking.Pending {
			v.foundOf(id, kind, string(p.Calendar), "placement %d has a mark and is not pending", placement)
		}
	}
	var r markRecord
	if err := decode(value, &r, r.version); err != nil {
		return err
	}
	v.marks[mark] = &Mark{OutboxID: mark, Next: r.Next}
	return nil
}

func (v *verifier) own(rest string, value []byte) error {
	escaped, name, _ := strings.Cut(rest, "/")
	cal, err := calendarKey(escaped)
	if err != nil {
		return err
	}
	identity, err := calendarKey(name)
	if err != nil {
		return err
	}
	var r ownRecord
	if err := decode(value, &r, r.version); err != nil {
		return err
	}
	e, kind := v.bookings[r.Booking], kindOf(prefixOwn)
	switch {
	case e == nil:
		v.foundOf(r.Booking, kind, string(cal), "an index entry of a booking that does not exist")
	case e.Booking == nil:
	case r.Placement < 0 || r.Placement >= len(e.Placements) || e.Placements[r.Placement].Calendar != cal ||
		e.Placements[r.Placement].Identity != string(identity):
		v.foundOf(r.Booking, kind, string(cal), "an index entry of an event that placement %d of the booking does not have",
			r.Placement)
	default:
		e.placements[r.Placement].own = true
		if e.Placements[r.Placement].Event.ID != r.EventID {
			v.foundOf(r.Booking, kind, string(cal), "the index and placement %d name different events", r.Placement)
		}
		return nil
	}
	v.reported[keyOwn(cal, string(identity))] = true
	return nil
}

func (v *verifier) day(rest string) error {
	parts := strings.Split(rest, "/")
	if len(parts) != 3 {
		return errKey
	}
	if _, err := time.Parse(time.DateOnly, parts[0]); err != nil {
		return errKey
	}
	resource, id := parts[1], parts[2]
	e, kind := v.bookings[id], kindOf(prefixDay)
	if e == nil {
		v.foundOf(id, kind, resource, "an index entry of a booking that does not exist")
		return nil
	}
	if e.Booking == nil {
		return nil
	}
	right := keyDay(e.Start, resource, id) == prefixDay+rest
	for i, p := range e.Placements {
		if right && p.Resource == resource {
			e.placements[i].day = true
		}
	}
	if !right || !e.on(resource) {
		v.foundOf(id, kind, resource, "the index has the booking on %s, where it is not", parts[0])
	}
	return nil
}

// on reports whether a placement of the booking is on the resource.
func (e *verified) on(resource string) bool {
	return slices.ContainsFunc(e.Placements, func(p booking.Placement) bool { return p.Resource == resource })
}

func (v *verifier) dueKey(key, rest string) error {
	parts := strings.Split(rest, "/")
	if len(parts) >= 2 && parts[1] != dueOutbox {
		text := fmt.Sprintf("a due key for %q, which this version does not know", kindText(parts[1]))
		v.found(Finding{Kind: kindOf(prefixDue), Text: text})
		return nil
	}
	if len(parts) != 4 {
		return errKey
	}
	unix, err1 := strconv.ParseInt(parts[0], 10, 64)
	placement, err2 := strconv.Atoi(parts[3])
	id := OutboxID{parts[2], placement}
	if err1 != nil || err2 != nil || keyDue(unix, dueOutbox, id.String()) != key {
		return errKey
	}
	v.due[key] = id
	return nil
}

// compareDue finds marks that never come up, and due keys that lead to nothing.
func (v *verifier) compareDue() {
	for id, mark := range v.marks {
		if mark == nil {
			continue
		}
		key := dueKeyOf(*mark)
		if _, there := v.due[key]; !there {
			v.foundOf(id.Booking, kindOf(prefixOutbox), "", "the mark of placement %d has no due key: it never comes up", id.Placement)
		}
		delete(v.due, key)
	}
	for _, id := range v.due {
		if mark, there := v.marks[id]; there && mark == nil {
			continue // when it is due is not known
		}
		v.foundOf(id.Booking, kindOf(prefixDue), "", "a due key without a mark of placement %d that is due then", id.Placement)
	}
}

// calendarKey undoes the escaping of a calendar or an identity in a key.
func calendarKey(escaped string) (calendar.ID, error) {
	id, err := calendarOf(escaped)
	if err != nil || id == "" {
		return "", errKey
	}
	return id, nil
}
