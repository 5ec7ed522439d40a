package graph

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is one JSON object of a reply. Maps, because $select leaves out what a struct could not.
type object map[string]any

// timeForm is how Graph writes times: no offset, seven decimals, the zone beside it.
const timeForm = "2006-01-02T15:04:05.0000000"

// prefs are the preferences of a Prefer header. They hold for one request: links do not remember them.
type prefs struct {
	zoneName  string
	zone      *time.Location
	immutable bool
	pageSize  int // 0: not asked for
}

var prefer = regexp.MustCompile(`(?i)(IdType|outlook\.timezone|odata\.maxpagesize)\s*=\s*("[^"]*"|[^,;\s]+)`)

func readPrefs(r *http.Request) (prefs, *apiError) {
	p := prefs{zoneName: "UTC", zone: time.UTC}
	for _, m := range prefer.FindAllStringSubmatch(strings.Join(r.Header.Values("Prefer"), ","), -1) {
		value := strings.Trim(m[2], `"`)
		switch strings.ToLower(m[1]) {
		case "idtype":
			p.immutable = strings.EqualFold(value, "ImmutableId")
		case "outlook.timezone":
			loc, err := zoneNamed(value)
			if err != nil {
				return p, badRequest("TimeZoneNotSupportedException", "A valid TimeZone value must be specified.")
			}
			p.zone, p.zoneName = loc, value
		case "odata.maxpagesize":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return p, badRequest("ErrorInvalidParameter", "The page size is invalid.")
			}
			p.pageSize = min(n, maxPage)
		}
	}
	return p, nil
}

func (p prefs) applied() string {
	out := []string{`outlook.timezone="` + p.zoneName + `"`}
	if p.immutable {
		out = append(out, `IdType="ImmutableId"`)
	}
	if p.pageSize > 0 {
		out = append(out, "odata.maxpagesize="+strconv.Itoa(p.pageSize))
	}
	return strings.Join(out, ", ")
}

func (p prefs) id(id string) string {
	if p.immutable {
		return id
	}
	return ordinary(id)
}

// time renders a time. All-day events are midnights labelled with whatever zone was asked for: not converted.
func (p prefs) time(e *Event, t time.Time, date string) object {
	if e.AllDay {
		return object{"dateTime": date + "T00:00:00.0000000", "timeZone": p.zoneName}
	}
	return object{"dateTime": t.In(p.zone).Format(timeForm), "timeZone": p.zoneName}
}

// stub is all that the delta feed says of an untouched occurrence.
func (p prefs) stub(e *Event) object {
	return object{
		"@odata.etag": e.ETag, "id": p.id(e.ID), "type": typeOccurrence, "seriesMasterId": p.id(e.MasterID),
		"start": p.time(e, e.Start, e.StartDate), "end": p.time(e, e.End, e.EndDate),
	}
}

// full is the whole event resource, as far as it is emulated.
func (p prefs) full(e *Event) object {
	o := object{
		"@odata.etag": e.ETag, "id": p.id(e.ID), "changeKey": e.changeKey(), "iCalUId": icalUID(e.ID),
		"createdDateTime":       e.Created.Format("2006-01-02T15:04:05.0000000Z"),
		"lastModifiedDateTime":  e.Updated.Format("2006-01-02T15:04:05.0000000Z"),
		"originalStartTimeZone": e.Zone, "originalEndTimeZone": e.Zone, "categories": []string{}, "hasAttachments": false,
		"subject": e.Title, "bodyPreview": e.Body, "body": object{"contentType": "text", "content": e.Body},
		"importance": "normal", "sensitivity": e.Sensitivity, "isAllDay": e.AllDay, "isCancelled": e.Cancelled,
		"isOrganizer": e.Response == "organizer", "showAs": e.ShowAs, "type": e.kind(), "seriesMasterId": nil,
		"responseStatus": object{"response": e.Response, "time": "0001-01-01T00:00:00Z"},
		"start":          p.time(e, e.Start, e.StartDate), "end": p.time(e, e.End, e.EndDate),
		"location": object{"displayName": e.Location}, "attendees": []any{}, "recurrence": nil, "isDraft": false,
		"onlineMeetingUrl": nil, "isOnlineMeeting": false, "onlineMeetingProvider": "unknown",
	}
	if e.MasterID != "" {
		o["seriesMasterId"] = p.id(e.MasterID)
		o["originalStart"] = e.Original.UTC().Format(time.RFC3339)
	}
	if e.TransactionID != "" { // returned only if an app set it
		o["transactionId"] = e.TransactionID
	}
	if e.master() {
		o["recurrence"] = wireRecurrence(e)
	}
	return o
}

// icalUID differs from one occurrence to the next.
func icalUID(id string) string {
	const alphabet = "0123456789ABCDEF"
	var b strings.Builder
	b.WriteString("040000008200E00074C5B7101A82E008")
	for _, c := range []byte(id) {
		b.WriteByte(alphabet[c>>4])
		b.WriteByte(alphabet[c&15])
	}
	return b.String()
}

// shape applies $expand and $select of the request to an event.
func (c *call) shape(e *Event) object {
	o := c.prefs.full(e)
	q := c.r.URL.Query()
	if ids := expanded(q.Get("$expand")); len(ids) > 0 {
		var props []object
		for _, id := range ids {
			if v, ok := e.Properties[id]; ok {
				if chars := []rune(v); c.list && len(chars) > maxListed {
					v = string(chars[:maxListed])
				}
				props = append(props, object{"id": id, "value": v})
			}
		}
		if props != nil { // an event without the property has no such field
			o["singleValueExtendedProperties"] = props
		}
	}
	if sel := q.Get("$select"); sel != "" {
		keep := append(strings.Split(strings.ReplaceAll(sel, " ", ""), ","),
			"id", "@odata.etag", "singleValueExtendedProperties")
		for k := range o {
			if !slices.Contains(keep, k) {
				delete(o, k)
			}
		}
	}
	return o
}

var idEquals = regexp.MustCompile(`id eq '((?:[^']|'')*)'`)

// expanded returns the property ids of $expand=singleValueExtendedProperties($filter=id eq '…' or id eq '…').
func expanded(expand string) []string {
	rest, ok := strings.CutPrefix(expand, "singleValueExtendedProperties")
	if !ok {
		return nil
	}
	var ids []string
	for _, m := range idEquals.FindAllStringSubmatch(rest, -1) {
		ids = append(ids, unquote(m[1]))
	}
	return ids
}

// unquote undoes OData's doubling of quotes in a string literal.
func unquote(s string) string { return strings.ReplaceAll(s, "''", "'") }
