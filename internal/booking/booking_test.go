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
		ID: "b1", Reference: "K7Q2", Version: 3, Status: booking.Confirmed,
		Interval: calendar.Interval{Start: 1000, End: 2000}, Before: 60, After: 120,
		Placements: []booking.Placement{
			{Resource: "adams", Calendar: "clinic/adams", Identity: "id0", Status: booking.Pending},
			{Resource: "room", Calendar: "clinic/room", Identity: "id1", Status: booking.Pending},
		},
	}
}

func TestSettled(t *testing.T) {
	event := calendar.Written{ID: "e", ETag: "v", Interval: calendar.Interval{Start: 1000, End: 2000}, Version: 3}
	for _, before := range []booking.PlacementStatus{
		booking.Pending, booking.Written, booking.Seen, booking.Stuck, booking.Missing,
	} {
		b := newBooking()
		b.Placements[1].Status, b.Placements[1].Reason = before, "why"
		if !b.Settled(1, event, 3) {
			t.Errorf("%s: not level though it has the booking's version", before)
		}
		want := booking.Placement{
			Resource: "room", Calendar: "clinic/room", Identity: "id1", Status: booking.Written, Event: event,
		}
		if diff := cmp.Diff(want, b.Placements[1]); diff != "" {
			t.Errorf("%s: want −, got +:\n%s", before, diff)
		}
		if b.Placements[0].Status != booking.Pending {
			t.Errorf("%s: the other placement is %s", before, b.Placements[0].Status)
		}
	}
	b := newBooking()
	if b.Settled(0, event, 2) || b.Placements[0].Status != booking.Pending || b.Placements[0].Event != event {
		t.Errorf("an older version settled: %+v", b.Placements[0])
	}
}

func TestObserve(t *testing.T) {
	tests := []struct {
		before  booking.PlacementStatus
		present bool
		after   booking.PlacementStatus
	}{
		{booking.Pending, true, booking.Pending}, // a write is under way: it settles first
		{booking.Pending, false, booking.Pending},
		{booking.Written, true, booking.Seen},
		{booking.Written, false, booking.Written}, // providers show a write with delay
		{booking.Seen, true, booking.Seen},
		{booking.Seen, false, booking.Missing},
		{booking.Missing, true, booking.Seen},
		{booking.Missing, false, booking.Missing},
		{booking.Stuck, true, booking.Stuck}, // only a person resolves it
		{booking.Stuck, false, booking.Stuck},
	}
	for _, tt := range tests {
		b := newBooking()
		b.Placements[0].Status = tt.before
		changed := b.Observe(0, tt.present)
		if got := b.Placements[0].Status; got != tt.after || changed != (tt.before != tt.after) {
			t.Errorf("%s, present %t: %s, changed %t, want %s", tt.before, tt.present, got, changed, tt.after)
		}
		if b.Status != booking.Confirmed {
			t.Errorf("%s, present %t: absence cancelled the booking", tt.before, tt.present)
		}
	}
}

func TestNeedsPerson(t *testing.T) {
	tests := []struct {
		name   string
		change func(*booking.Booking)
		now    int64
		need   booking.Need
		want   string
	}{
		{"all is well", func(*booking.Booking) {}, 0, "", ""},
		{"set aside", func(b *booking.Booking) { b.SetAside(1, "refused (403)") }, 0,
			booking.NotWritten, "not written to clinic/room: refused (403)"},
		{"missing", func(b *booking.Booking) {
			b.Settled(0, calendar.Written{}, 3)
			b.Observe(0, true)
			b.Observe(0, false)
		}, 0, booking.EventMissing, "its event is missing from clinic/adams"},
		{"conflict", func(b *booking.Booking) { b.Conflict = true }, 0, booking.Overlap, "it overlaps somebody's event"},
		{"during the appointment", func(b *booking.Booking) { b.Conflict = true }, 1999, booking.Overlap, "it overlaps somebody's event"},
		{"past", func(b *booking.Booking) { b.Conflict = true }, 2000, "", ""},
		{"cancelled", func(b *booking.Booking) { b.Conflict, b.Status = true, booking.Cancelled }, 0, "", ""},
		{"cancelled and gone", func(b *booking.Booking) {
			b.Status, b.Placements[0].Status = booking.Cancelled, booking.Missing
		}, 0, "", ""},
		{"cancelled and its event cannot be removed", func(b *booking.Booking) {
			b.Status = booking.Cancelled
			b.SetAside(1, "refused (403)")
		}, 0, booking.NotRemoved, "not removed from clinic/room: refused (403)"},
		{"written after all", func(b *booking.Booking) {
			b.SetAside(1, "refused (403)")
			b.Settled(1, calendar.Written{}, 3)
		}, 0, "", ""},
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
			b.Conflict = tt.conflict
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
