package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store/kv"
)

// VerifyOptions is what a store cannot say of itself.
type VerifyOptions struct {
	// Catalog is that of the config: how many claims may overlap, and which resources share a calendar. Nil where there is
	// no config; then overlaps of claims are not looked for.
	Catalog *booking.Catalog
	// Now parts what is to come from what is past.
	Now time.Time
}

// Report is what Verify found.
type Report struct {
	// Records counts the keys by their kind, which is the first part of a key.
	Records map[string]int `json:"records"`
	// Findings are sorted by kind, place and booking.
	Findings []Finding `json:"findings"`
	// Outdated are bookings with claims of an older form, which do not say their service: no fault, but the caps and capacities
	// of services do not count them until [Store.Reclaim].
	Outdated []string `json:"outdated,omitempty"`
	// NotChecked says what was left out, and why.
	NotChecked []string `json:"not_checked,omitempty"`
}

// Finding is one thing that does not hold. It holds no name, no phone number and no token.
type Finding struct {
	// Kind is the kind of key that the finding is about, Place its resource or calendar, "" where it has none.
	Kind  string `json:"kind"`
	Place string `json:"place,omitempty"`
	// Booking and Reference are those of the booking that is concerned, "" where there is none or it is not known.
	Booking   string `json:"booking,omitempty"`
	Reference string `json:"reference,omitempty"`
	Text      string `json:"text"`
}

// missingClaim is the text of the one finding that can be mended without asking anybody.
const missingClaim = "the booking has no claim on its resource"

// MissesClaim reports that a booking lacks a claim, which Reclaim can put back.
func (f Finding) MissesClaim() bool { return f.Kind == kindOf(prefixClaims) && f.Text == missingClaim }

// String is the finding as one line.
func (f Finding) String() string {
	parts := []string{f.Kind}
	if f.Place != "" {
		parts[0] += " " + f.Place
	}
	what := f.Booking
	if f.Reference != "" {
		what = strings.TrimSpace(what + " (" + f.Reference + ")")
	}
	switch {
	case what == "":
	case f.Kind == kindOf(prefixBooking) && f.Place == "":
		parts[0] += " " + what
	default:
		parts = append(parts, "booking "+what)
	}
	return strings.Join(parts, ", ") + ": " + f.Text
}

// Verify reads the whole content of an engine once, as of one moment, and checks that each record can be read and that
// the records agree with each other. It changes nothing. What does not hold is a finding; an error means that the check
// itself could not be made: [ErrNotInitialized] and the engine's. It keeps all bookings in memory, about a kilobyte each.
//
// It is for an engine that nobody writes to: one long View keeps a writer's freed pages from being used again.
func Verify(ctx context.Context, db kv.DB, o VerifyOptions) (Report, error) {
	v := newVerifier(o)
	err := db.View(ctx, func(r kv.Reader) error {
		// All else is compared with the bookings, so they come first.
		if err := each(ctx, r, prefixBooking, v.loadBooking); err != nil {
			return err
		}
		return each(ctx, r, "", v.record)
	})
	if err != nil {
		return Report{}, err
	}
	if v.report.Records[keyMeta] == 0 {
		return Report{}, ErrNotInitialized
	}
	v.finish()
	return v.report, nil
}

// each calls fn for the items under prefix until ctx ends.
func each(ctx context.Context, r kv.Reader, prefix string, fn func(kv.Item)) error {
	n := 0
	for item, err := range r.Scan(prefix, "") {
		if err != nil {
			return err
		}
		if n++; n%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		fn(item)
	}
	return nil
}

// verifier gathers what records say of each other.
type verifier struct {
	now     int64
	catalog *booking.Catalog
	report  Report

	bookings   map[string]*verified
	identities map[string]string // → booking
	unknown    map[string]int    // keys by a kind that is none
	reported   map[string]bool   // keys with a finding: what misses them need not say so again

	claimsOn map[string][]booking.Claim // nil: the document cannot be read
	holds    map[seat]booking.Claim     // of holds that have not ended
	visits   map[string]*holdRecord     // key → what the visit holds, of holds that have not ended
	marks    map[OutboxID]*Mark         // nil: the mark cannot be read
	due      map[string]OutboxID        // key → whose
	busy     map[calendar.ID]*calendar.Interval
	mirrors  map[calendar.ID]*calendar.Interval // nil: the record cannot be read
	listing  listing
}

// verified is a booking and what was found of it so far.
type verified struct {
	*booking.Booking // nil: its record cannot be read
	person, ref      bool
	visit            bool
	phone, listed    bool // its person has a number; it is listed under a customer
	placements       []verifiedPlacement
}

// byPerson reports whether the booking is where it is because a person put its event there, or because that is where its
// event was found after a restore: nobody asked whether there is room.
func (e *verified) byPerson() bool {
	if e == nil || e.Booking == nil {
		return false
	}
	for _, c := range slices.Backward(e.History) {
		switch c.What {
		case booking.WasMoved, booking.WasCreated:
			return c.By == booking.ByCalendar
		case booking.WasRecovered:
			return true
		}
	}
	return false
}

type verifiedPlacement struct{ claim, left, own, day, mark, twin bool }

func newVerifier(o VerifyOptions) *verifier {
	return &verifier{
		now: o.Now.Unix(), catalog: o.Catalog, report: Report{Records: map[string]int{}, Findings: []Finding{}},
		bookings: map[string]*verified{}, identities: map[string]string{}, unknown: map[string]int{},
		reported: map[string]bool{}, claimsOn: map[string][]booking.Claim{}, marks: map[OutboxID]*Mark{},
		holds: map[seat]booking.Claim{}, visits: map[string]*holdRecord{},
		due: map[string]OutboxID{}, busy: map[calendar.ID]*calendar.Interval{},
		mirrors: map[calendar.ID]*calendar.Interval{},
	}
}

// errKey means that a key is not one that this package makes.
var errKey = errors.New("malformed key")

// record checks one record by its kind.
func (v *verifier) record(item kv.Item) {
	kind, rest, slash := strings.Cut(item.Key, "/")
	prefix := kind
	if slash {
		prefix += "/"
	}
	var err error
	switch prefix {
	case prefixBooking: // loadBooking has seen it
	case keyMeta, keyRestore, prefixToken, prefixHolders:
		err = checkRecord(item)
	case prefixBusy:
		err = v.busyDocument(rest, item.Value)
	case prefixMirror:
		err = v.mirror(rest, item.Value)
	case prefixChecked, prefixChannel:
		if _, err = calendarKey(rest); err == nil {
			err = checkRecord(item)
		}
	case prefixClaims:
		err = v.claimsDocument(rest, item.Value)
	case prefixPerson:
		err = v.person(rest, item)
	case prefixRef:
		err = v.reference(rest, item.Value)
	case prefixVisit:
		err = v.visit(rest, item.Value)
	case prefixOutbox:
		err = v.outbox(rest, item.Value)
	case prefixOwn:
		err = v.own(rest, item.Value)
	case prefixDay:
		err = v.day(rest)
	case prefixDue:
		err = v.dueKey(item.Key, rest)
	case prefixNotice:
		err = checkRecord(item)
	case prefixOpen:
		err = v.openBookings(item.Value)
	case keyListed:
		v.listing.kept = true
		err = checkRecord(item)
	default:
		v.unknown[kind]++
		return
	}
	v.report.Records[kind]++
	if err != nil {
		v.reported[item.Key] = true
		v.unreadable(kind, rest, err)
	}
}

// unreadable adds the finding of a record that cannot be used.
func (v *verifier) unreadable(kind, rest string, err error) {
	f := Finding{Kind: kind, Text: "the record cannot be decoded"}
	switch {
	case errors.Is(err, ErrNewer):
		f.Text = "the record was written by a newer slotd than this one"
	case errors.Is(err, errKey):
		f.Text = "the key is malformed"
	}
	first, _, _ := strings.Cut(rest, "/")
	switch kind + "/" {
	case prefixBooking, prefixPerson, prefixOutbox:
		f = v.of(f, first)
	case prefixRef:
		f.Reference = printable(rest)
	case prefixClaims, prefixToken:
		f.Place = printable(rest)
	case prefixBusy, prefixMirror, prefixChecked, prefixOwn, prefixChannel:
		if c, err := calendarKey(first); err == nil {
			f.Place = printable(string(c))
		}
	}
	v.found(f)
}

func (v *verifier) found(f Finding) { v.report.Findings = append(v.report.Findings, f) }

// foundOf adds a finding that concerns a booking.
func (v *verifier) foundOf(id, kind, place, format string, args ...any) {
	v.found(v.of(Finding{Kind: kind, Place: printable(place), Text: fmt.Sprintf(format, args...)}, id))
}

// of names the booking that a finding concerns.
func (v *verifier) of(f Finding, id string) Finding {
	f.Booking = printable(id)
	if e := v.bookings[id]; e != nil && e.Booking != nil {
		f.Reference = printable(e.Reference)
	}
	return f
}

// finish compares what was gathered, and brings the findings into an order.
func (v *verifier) finish() {
	for id, e := range v.bookings {
		if e.Booking != nil {
			v.complete(id, e)
		}
	}
	v.compareDue()
	v.compareHolds()
	v.compareWindows()
	v.overlaps()
	for kind, n := range v.unknown {
		text := fmt.Sprintf("%d keys of a kind %q, which this version does not know", n, kindText(kind))
		v.found(Finding{Kind: "unknown", Text: text})
	}
	slices.SortFunc(v.report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Booking, b.Booking),
			cmp.Compare(a.Reference, b.Reference), cmp.Compare(a.Text, b.Text))
	})
	slices.Sort(v.report.NotChecked)
}

// printable returns what may be shown of an id: a damaged one can hold anything.
func printable(id string) string {
	if len(id) > 100 {
		id = id[:100]
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./@#=+:", r) {
			return r
		}
		return '?'
	}, id)
}

// kindText returns what may be shown of a kind that is none of ours.
func kindText(kind string) string {
	if len(kind) > 20 || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz_-") != "" {
		return "?"
	}
	return kind
}
