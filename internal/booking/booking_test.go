package booking_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// newBooking returns a booking from 1000 to 2000 with a doctor and a room.
func newBooking() *booking.Booking {
	return &booking.Booking{
		ID: "b1", Reference: "K7Q2", Version: 3, Status: booking.Confirmed, Resource: "adams",
		Interval: calendar.Interval{Start: 1000, End: 2000}, Before: 60, After: 120,
		Placements: []booking.Placement{
			{Resource: "adams", Calendar: "clinic/adams", Identity: "id0", Attempt: 1, Status: booking.Pending},
			{Resource: "room", Calendar: "clinic/room", Identity: "id1", Attempt: 1, Status: booking.Pending},
		},
	}
}

// early and later are before the appointment.
var early, later = time.Unix(100, 0), time.Unix(500, 0)

// written is what is known of the event after a write of a version.
func written(version uint64) calendar.Written {
	return calendar.Written{ID: "e", ETag: "v", Interval: calendar.Interval{Start: 1000, End: 2000}, Version: version}
}

func TestSettled(t *testing.T) {
	event := written(3)
	for _, before := range []booking.PlacementStatus{
		booking.Pending, booking.Written, booking.Seen, booking.Stuck, booking.Missing,
	} {
		b := newBooking()
		b.Placements[1].Status, b.Placements[1].Reason = before, "why"
		if !b.Settled(1, event, 3, later) {
			t.Errorf("%s: not level though it has the booking's version", before)
		}
		want := booking.Placement{
			Resource: "room", Calendar: "clinic/room", Identity: "id1", Attempt: 1, Status: booking.Written, Event: event,
			Since: later,
		}
		if diff := cmp.Diff(want, b.Placements[1]); diff != "" {
			t.Errorf("%s: want −, got +:\n%s", before, diff)
		}
		if b.Placements[0].Status != booking.Pending {
			t.Errorf("%s: the other placement is %s", before, b.Placements[0].Status)
		}
	}
	b := newBooking()
	if b.Settled(0, event, 2, later) || b.Placements[0].Status != booking.Pending || b.Placements[0].Event != event {
		t.Errorf("an older version settled: %+v", b.Placements[0])
	}
}

func TestNeedsPerson(t *testing.T) {
	const overlap = "it overlaps somebody's event or another booking"
	tests := []struct {
		name   string
		change func(*booking.Booking)
		now    int64
		need   booking.Need
		want   string
	}{
		{"all is well", func(*booking.Booking) {}, 0, "", ""},
		{"set aside", func(b *booking.Booking) { b.SetAside(1, "refused (403)", early) }, 0,
			booking.NotWritten, "not written to clinic/room: refused (403)"},
		{"missing", func(b *booking.Booking) { b.Lost(0, early) }, 0,
			booking.EventMissing, "its event is missing from clinic/adams: it was deleted as soon as it was written"},
		{"missing, nobody has looked yet", func(b *booking.Booking) {
			b.Settled(0, written(3), 3, early)
			b.Lost(0, early)
		}, 100 + 3*60, booking.EventMissing, "its event is missing from clinic/adams"},
		{"missing, and slotd is finding out why", func(b *booking.Booking) {
			b.Settled(0, written(3), 3, early)
			b.Lost(0, early)
		}, 100 + 2*60, "", ""},
		{"conflict", func(b *booking.Booking) { b.SetConflict(1, true, early) }, 0, booking.Overlap, overlap},
		{"during the appointment", func(b *booking.Booking) { b.SetConflict(0, true, early) }, 1999, booking.Overlap, overlap},
		{"past", func(b *booking.Booking) { b.SetConflict(0, true, early) }, 2000, "", ""},
		{"of a resource that it has left", func(b *booking.Booking) {
			b.Placements[1].Conflict, b.Placements[1].Dropped = true, true
		}, 0, "", ""},
		{"cancelled", func(b *booking.Booking) { b.Placements[0].Conflict, b.Status = true, booking.Cancelled }, 0, "", ""},
		{"cancelled and gone", func(b *booking.Booking) {
			b.Status, b.Placements[0].Status = booking.Cancelled, booking.Missing
		}, 0, "", ""},
		{"cancelled and its event cannot be removed", func(b *booking.Booking) {
			b.Status = booking.Cancelled
			b.SetAside(1, "refused (403)", early)
		}, 0, booking.NotRemoved, "not removed from clinic/room: refused (403)"},
		{"left and its event cannot be removed", func(b *booking.Booking) {
			b.Placements[1].Dropped = true
			b.SetAside(1, "refused (403)", early)
		}, 0, booking.NotRemoved, "not removed from clinic/room: refused (403)"},
		{"written after all", func(b *booking.Booking) {
			b.SetAside(1, "refused (403)", early)
			b.Settled(1, calendar.Written{}, 3, early)
		}, 0, "", ""},
		{"the customer does not know", func(b *booking.Booking) { _ = b.Cancel(booking.Act{At: early, By: booking.ByOperator}) }, 0,
			booking.NotTold, "the customer has not been told that it was cancelled"},
		{"and the event is more urgent", func(b *booking.Booking) {
			b.Untold = booking.WasMoved
			b.SetAside(0, "x", early)
		}, 0, booking.NotWritten, "not written to clinic/adams: x"},
		{"nobody needs to tell of what is past", func(b *booking.Booking) { b.Untold = booking.WasMoved }, 2000, "", ""},
	}
	for _, tt := range tests {
		b := newBooking()
		tt.change(b)
		if got := b.NeedsPerson(time.Unix(tt.now, 0)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if need, _ := b.Need(time.Unix(tt.now, 0)); need != tt.need {
			t.Errorf("%s: a need of kind %q, want %q", tt.name, need, tt.need)
		}
	}
}

func TestBookingClaim(t *testing.T) {
	want := booking.Claim{Interval: calendar.Interval{Start: 1000, End: 2000}, Before: 60, After: 120, Booking: "b1"}
	if got := newBooking().Claim(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRender(t *testing.T) {
	full := booking.Person{Name: "Ann Example", Phone: "15550100", Notes: "second floor"}
	const body = "Reference: {reference}\nPhone: {phone}\n{notes}\n\nwith {resource}"
	tests := []struct {
		name        string
		templates   booking.Templates
		person      booking.Person
		conflict    bool
		title, body string
	}{
		{"all known", booking.Templates{Title: "{service}: {name}", Body: body}, full, false,
			"Check-up: Ann Example", "Reference: K7Q2\nPhone: 15550100\nsecond floor\nwith Dr. Adams"},
		{"nothing known of the person", booking.Templates{Title: "{service}: {name}", Body: body}, booking.Person{}, false,
			"Check-up", "Reference: K7Q2\nwith Dr. Adams"},
		{"punctuation in front", booking.Templates{Title: "{name} – {service}"}, booking.Person{}, false, "Check-up", ""},
		{"nothing left of the title", booking.Templates{Title: "{name}"}, booking.Person{}, false, "K7Q2", ""},
		{"conflict", booking.Templates{Title: "{service}: {name}"}, full, true, "⚠ CONFLICT – Check-up: Ann Example", ""},
		{"what a person typed is no template", booking.Templates{Title: "{name}", Body: "{notes}"},
			booking.Person{Name: "{phone}", Phone: "15550100", Notes: "{reference} {name}"}, false, "{phone}", "{reference} {name}"},
		{"a title is one line", booking.Templates{Title: "{service}: {notes}", Body: "{notes}"},
			booking.Person{Notes: "two\r\n lines\n"}, false, "Check-up: two lines", "two\nlines"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBooking()
			b.SetConflict(0, tt.conflict, early)
			title, body := tt.templates.Render(b, tt.person, "Check-up", "Dr. Adams")
			if title != tt.title {
				t.Errorf("title %q, want %q", title, tt.title)
			}
			if diff := cmp.Diff(tt.body, body); diff != "" {
				t.Errorf("body: want −, got +:\n%s", diff)
			}
		})
	}
}
