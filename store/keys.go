package store

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"slotd/internal/calendar"
)

// The keys. Parts that may hold a slash are path-escaped.
//
//	meta                               the store itself                       JSON
//	restore                            that it is a copy put in place         JSON
//	busy/<calendar>                    busy time of the window                packed, see packed.go
//	mirror/<calendar>                  cursor, window and time of the read    JSON
//	checked/<calendar>                 freshness                              JSON
//	claims/<resource>                  claims that can still matter           packed
//	booking/<booking>                  the booking and its placements         JSON
//	person/<booking>                   who it is for                          JSON
//	ref/<reference>                    booking id, so that references are unique
//	visit/<hash of the flow token>     what we know of a token                JSON
//	holders/<hash of a phone number>   which visits of a customer hold time   JSON
//	open/<hash of a phone number>      bookings to come of a customer         JSON
//	listed                             that open/ has all bookings to come    JSON
//	outbox/<booking>/<placement>       the placement is ahead of its calendar JSON
//	own/<calendar>/<identity>          our event in a calendar: index         JSON
//	day/<date>/<resource>/<booking>    bookings by day (UTC date): index      empty
//	due/<unix>/<kind>/<id>             what must be done when: index          empty
//	notice/<time>-<n>-<booking>        what another system is to be told      JSON
//	channel/<calendar>                 push channels of a calendar            JSON
//	token/<account>                    OAuth token, as package account wrote it
const (
	keyMeta       = "meta"
	keyRestore    = "restore"
	keyListed     = "listed"
	prefixBusy    = "busy/"
	prefixMirror  = "mirror/"
	prefixChecked = "checked/"
	prefixClaims  = "claims/"
	prefixBooking = "booking/"
	prefixPerson  = "person/"
	prefixRef     = "ref/"
	prefixVisit   = "visit/"
	prefixHolders = "holders/"
	prefixOpen    = "open/"
	prefixOutbox  = "outbox/"
	prefixOwn     = "own/"
	prefixDay     = "day/"
	prefixDue     = "due/"
	prefixNotice  = "notice/"
	prefixChannel = "channel/"
	prefixToken   = "token/"
)

func keyBusy(c calendar.ID) string     { return prefixBusy + url.PathEscape(string(c)) }
func keyMirror(c calendar.ID) string   { return prefixMirror + url.PathEscape(string(c)) }
func keyChecked(c calendar.ID) string  { return prefixChecked + url.PathEscape(string(c)) }
func keyClaims(resource string) string { return prefixClaims + resource }
func keyBooking(id string) string      { return prefixBooking + id }
func keyPerson(booking string) string  { return prefixPerson + booking }
func keyRef(reference string) string   { return prefixRef + reference }
func keyVisit(visit string) string     { return prefixVisit + visit }
func keyNotice(id string) string       { return prefixNotice + id }
func keyChannel(c calendar.ID) string  { return prefixChannel + url.PathEscape(string(c)) }
func keyToken(account string) string   { return prefixToken + account }
func keyOutbox(m OutboxID) string {
	return fmt.Sprintf("%s%s/%d", prefixOutbox, m.Booking, m.Placement)
}
func prefixOwnOf(c calendar.ID) string      { return prefixOwn + url.PathEscape(string(c)) + "/" }
func keyOwn(c calendar.ID, i string) string { return prefixOwnOf(c) + url.PathEscape(i) }

func keyDay(start int64, resource, booking string) string {
	return prefixDay + time.Unix(start, 0).UTC().Format(time.DateOnly) + "/" + resource + "/" + booking
}

// The kinds of due key.
const dueOutbox = "outbox"

// keyDue orders by time: 12 digits reach to the year 33658.
func keyDue(unix int64, kind, id string) string {
	return fmt.Sprintf("%s%012d/%s/%s", prefixDue, max(unix, 0), kind, id)
}

// kindOf returns the first part of a key, which is safe to print.
func kindOf(key string) string {
	kind, _, _ := strings.Cut(key, "/")
	return kind
}

func calendarOf(escaped string) (calendar.ID, error) {
	id, err := url.PathUnescape(escaped)
	return calendar.ID(id), err
}
