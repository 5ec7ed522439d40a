package daemon

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"slotd/internal/booking"
	"slotd/internal/config"
)

// Blocklist holds the digits of phone numbers under which nothing can be booked. It may be read concurrently.
type Blocklist map[string]bool

// Has reports whether a number is on the list, by its digits.
func (b Blocklist) Has(digits string) bool { return b[digits] }

// blocklistFaults bounds the faults that are told of one file.
const blocklistFaults = 20

// LoadBlocklist reads the list of phone numbers that the config names; it is nil when it names none. A fault is told by file
// and line, never by the number.
func LoadBlocklist(cfg *config.Config) (Blocklist, error) {
	path := cfg.Business.Blocklist
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, cfg.NoBlocklist(err)
	}
	list := Blocklist{}
	var faults []error
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		number := bare(line)
		switch {
		case number == "":
		case isNumber(number):
			list[booking.PhoneDigits(number)] = true
		default:
			faults = append(faults, fmt.Errorf("%s:%d: this is no phone number: write one a line, as WhatsApp shows it, such as "+
				"+49 170 0000001; a comment begins with #", path, i+1))
		}
	}
	if more := len(faults) - blocklistFaults; more > 0 {
		faults = append(faults[:blocklistFaults], fmt.Errorf("%s: and %d more lines that are no phone number", path, more))
	}
	return list, errors.Join(faults...)
}

// blocked returns what the desk asks about a phone number; nil without a list.
func (p *parts) blocked() (func(digits string) bool, error) {
	list, err := LoadBlocklist(p.cfg)
	if err != nil || list == nil {
		return nil, err
	}
	return list.Has, nil
}

func (f *findings) blocklist(cfg *config.Config) {
	switch list, err := LoadBlocklist(cfg); {
	case err != nil:
		f.fail("blocklist", "%v", err)
	case list != nil:
		f.ok("blocklist", "%s can be read; phone numbers: %d", cfg.Business.Blocklist, len(list))
	}
}

// bare returns a line without what may stand in a number beside its digits and the plus: spaces, dashes, and the invisible
// marks that come along when a number is copied out of WhatsApp.
func bare(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Cf) {
			return -1
		}
		return r
	}, line)
}

// isNumber reports whether bare text is a phone number: digits, perhaps with a plus before them.
func isNumber(text string) bool {
	const least, most = 5, 15 // E.164 has at most 15; fewer than 5 are a slip of the hand
	text = strings.TrimPrefix(text, "+")
	digits := booking.PhoneDigits(text)
	return strings.Trim(text, "0123456789") == "" && len(digits) >= least && len(digits) <= most
}
