package outlook

import (
	"strconv"
	"strings"
	"time"

	"slotd/internal/calendar"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// Our extended properties. The first holds marker, version and texts; the second holds the identity alone, because Graph
// can only search for whole values.
const (
	propertySet      = "{5f1c2d8e-7a34-4b69-9c0d-3e8f6a1b2c47}"
	markerProperty   = "String " + propertySet + " Name slotd"
	identityProperty = "String " + propertySet + " Name slotdIdentity"
	expandMarker     = "singleValueExtendedProperties($filter=id eq '" + markerProperty + "')"
)

// seriesMaster is the kind of an event that is a series as such.
const seriesMaster = "seriesMaster"

// row is an event as Graph sent it, without the SDK's pointers.
type row struct {
	id, etag, identity string
	marker             string
	version            uint64
	text               string // what title and body we wrote
	kind               string // singleInstance, occurrence, exception, seriesMaster
	master             string
	showAs             string // "" when Graph did not say
	allDay, cancelled  bool
	declined           bool
	start, end         moment
	zone               *time.Location // the mailbox's, where it was asked for: an all-day event counts in it
}

// moment is a wall time without offset and the name of its zone.
type moment struct{ dateTime, zone string }

func rowOf(ev models.Eventable) row {
	r := row{
		id: str(ev.GetId()), identity: str(ev.GetTransactionId()), master: str(ev.GetSeriesMasterId()),
		allDay: yes(ev.GetIsAllDay()), cancelled: yes(ev.GetIsCancelled()),
		start: momentOf(ev.GetStart()), end: momentOf(ev.GetEnd()),
	}
	if etag, ok := ev.GetAdditionalData()["@odata.etag"].(*string); ok {
		r.etag = str(etag)
	}
	if s := ev.GetShowAs(); s != nil {
		r.showAs = s.String()
	}
	if k := ev.GetTypeEscaped(); k != nil {
		r.kind = k.String()
	}
	if s := ev.GetResponseStatus(); s != nil && s.GetResponse() != nil {
		r.declined = *s.GetResponse() == models.DECLINED_RESPONSETYPE
	}
	for _, p := range ev.GetSingleValueExtendedProperties() {
		if p != nil && strings.EqualFold(str(p.GetId()), markerProperty) {
			r.marker, r.version, r.text = splitMarker(str(p.GetValue()))
		}
	}
	return r
}

func momentOf(t models.DateTimeTimeZoneable) moment {
	if t == nil {
		return moment{}
	}
	return moment{str(t.GetDateTime()), str(t.GetTimeZone())}
}

// joinMarker is the value of our property: the marker, the version, and what texts we wrote. splitMarker reads it. A
// version that cannot be read is 0, none of ours.
func joinMarker(marker string, version uint64, text string) string {
	return marker + " v" + strconv.FormatUint(version, 10) + " " + text
}

func splitMarker(value string) (marker string, version uint64, text string) {
	i := strings.LastIndex(value, " v")
	if i < 0 {
		return value, 0, ""
	}
	number, text, _ := strings.Cut(value[i+2:], " ")
	version, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return value, 0, ""
	}
	return value[:i], version, text
}

// recurring reports an occurrence of a series.
func (r row) recurring() bool {
	return r.master != "" || r.kind == "occurrence" || r.kind == "exception"
}

// stub reports a bare occurrence, of which only the time is known.
func (r row) stub() bool { return r.kind == "occurrence" && r.showAs == "" && r.master != "" }

// event applies the busy rules; keep is false for a row that is no event of the calendar: a cancelled meeting, or a
// series as such, whose times are those of its first occurrence. loc is the zone of all-day events.
func (r row) event(window calendar.Interval, loc *time.Location, allDayBusy bool) (e calendar.Event, keep bool) {
	if r.cancelled || r.kind == seriesMaster {
		return calendar.Event{}, false
	}
	busy := r.busy(allDayBusy)
	freeDay := !busy && r.busy(true) // all_day = "busy" would block it
	span, ok := r.interval(loc)
	switch {
	case !ok:
		span = window // a time that cannot be understood: unknown is not free
	case span.End == span.Start:
		busy = false
	case span.End < span.Start:
		span.End = span.Start + 60
		ok = false
	}
	e = calendar.Event{
		ID: r.id, ETag: r.etag, Interval: span, Busy: busy, FreeDay: freeDay, Recurring: r.recurring(), Odd: !ok,
	}
	if !e.Recurring { // an occurrence inherits what we wrote into an event of which a person made a series
		e.Identity, e.Marker, e.Version = r.identity, r.marker, r.version
	}
	return e, true
}

// busy tells whether the event blocks its time. Tentative, unknown and missing states block.
func (r row) busy(allDayBusy bool) bool {
	switch {
	case r.declined:
		return false
	case r.showAs == models.FREE_FREEBUSYSTATUS.String():
		return r.allDay && allDayBusy
	}
	return r.showAs != models.WORKINGELSEWHERE_FREEBUSYSTATUS.String()
}

// interval returns the time of the event, ok false when it cannot be understood. Graph labels the midnights of an
// all-day event with whatever zone was asked for, without converting them: they are dates in the mailbox's own zone.
func (r row) interval(loc *time.Location) (span calendar.Interval, ok bool) {
	read := moment.instant
	if r.allDay && loc != nil {
		read = func(m moment) (time.Time, bool) { return m.day(loc) }
	}
	start, ok1 := read(r.start)
	end, ok2 := read(r.end)
	return calendar.Between(start, end), ok1 && ok2
}

// instant reads a time with an offset, or a wall time in the zone that is named beside it. Where none is named it is the
// one that we ask for: UTC.
func (m moment) instant() (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, m.dateTime); err == nil {
		return t, true
	}
	if m.zone == "" {
		m.zone = "UTC"
	}
	loc, err := location("", m.zone)
	if err != nil {
		return time.Time{}, false
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05", m.dateTime, loc) // takes Graph's seven decimals too
	return t, err == nil
}

func (m moment) day(loc *time.Location) (time.Time, bool) {
	date, _, _ := strings.Cut(m.dateTime, "T")
	d, err := calendar.ParseDate(date)
	if err != nil {
		return time.Time{}, false
	}
	return d.Interval(loc).StartTime(), true
}
