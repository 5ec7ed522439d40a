package webhook

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"slotd/internal/booking"
	"slotd/internal/desk"
)

// What customers read when something is not as they wished. Short, friendly, and always with a way on.
const (
	textNotUnderstood = "Sorry, that was not understood. Please try again."
	textStartAgain    = "This form has changed. Please start again."
	textTooOld        = "You were away for a while. Here is what is free now."
	textBadDate       = "Please choose a day from the calendar."
	textNoTimes       = "There are no free times on that day. Please choose another day."
	textNotThatDay    = "Sorry, there are no free times with this choice on that day. Please choose another."
	textNotOffered    = "Sorry, this time is not offered. Please choose another."
	textNoSlot        = "Please choose a time."
	textNoDepartment  = "Please choose a department."
	textTrouble       = "Sorry, something went wrong on our side. Please try again in a minute."
	textClosed        = "This button can't be used any more. Please send us a message to get a new one."
)

// lostText says why a slot cannot be booked; empty when it can.
func lostText(r booking.Reason) string {
	switch r {
	case booking.Free:
		return ""
	case booking.NotOffered:
		return textNotOffered
	case booking.TooSoon:
		return "Sorry, this time is too soon to book. Please choose a later one."
	case booking.TooFar:
		return "Sorry, this time is too far ahead. Please choose an earlier one."
	case booking.Capped:
		return "Sorry, no more appointments can be booked on that day. Please choose another."
	case booking.Unknown:
		return "Sorry, we can't be sure that this time is free. Please choose another or try again in a few minutes."
	}
	return "Sorry, this time has just been taken. Please choose another."
}

// spentText says what became of the booking that a token made. Much may have happened to it since.
func (c *conversation) spentText(b *booking.Booking, v desk.Visitor) string {
	if b == nil {
		return "You have booked already."
	}
	text := "You have booked %s (%s). Send us a message to book another appointment."
	switch {
	case b.Status == booking.Cancelled:
		text = "Your appointment %s (%s) was cancelled. Send us a message to book a new one."
	case slices.ContainsFunc(b.History, func(c booking.Change) bool { return c.What == booking.WasMoved }):
		text = "Your appointment was moved. It is now %s (%s). Send us a message to book another one."
	}
	return fmt.Sprintf(text, c.summary(b, v), b.Reference)
}

// noDays is said when the whole horizon has no slot.
func (c *conversation) noDays() string {
	return c.orCall("Sorry, there are no free times at the moment.", "")
}

// noOther is said when a slot was lost and there is no other.
func (c *conversation) noOther() string {
	return c.orCall("Sorry, this time can't be booked any more, and there is no other at the moment.", "")
}

// orCall ends a text with the number to call, where the business has one, and with what for; "" where that is plain.
func (c *conversation) orCall(text, what string) string {
	if c.cfg.Phone == "" {
		return text
	}
	return text + " Please call " + strings.TrimSpace(c.cfg.Phone+" "+what) + "."
}

func noun(what string) string {
	if what == "resource" {
		return "choice"
	}
	return what
}

// clean makes text from outside fit to be stored and written into a calendar: at most so many characters, no control
// characters but line breaks, no space around it.
func clean(s string, most int) string {
	n := 0
	s = strings.Map(func(r rune) rune {
		if n >= most || r == unicode.ReplacementChar || unicode.IsControl(r) && r != '\n' {
			return -1
		}
		n++
		return r
	}, s)
	return strings.TrimSpace(s)
}

// oneLine is clean for what has one line, such as a name.
func oneLine(s string, most int) string { return strings.Join(strings.Fields(clean(s, most)), " ") }

// maxHeading is how many characters a heading takes.
const maxHeading = 80

// inHeading joins the parts of a line that ends with what matters most: titles before it are shortened until the line
// fits into a heading.
func inHeading(parts []string) string {
	const between = " · "
	line := strings.Join(parts, between)
	if utf8.RuneCountInString(line) <= maxHeading {
		return line
	}
	last := len(parts) - 1
	if last == 0 {
		return shortened(line, maxHeading)
	}
	room := maxHeading - utf8.RuneCountInString(parts[last]) - last*utf8.RuneCountInString(between)
	short := make([]string, 0, len(parts))
	for _, part := range parts[:last] {
		short = append(short, shortened(part, room/last))
	}
	return strings.Join(append(short, parts[last]), between)
}

func shortened(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return strings.TrimSpace(string(runes[:most-1])) + "…"
}
