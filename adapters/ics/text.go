package ics

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// What can be wrong with a text as a whole.
var (
	errNotACalendar = errors.New("notACalendar")
	errTruncated    = errors.New("truncated")
	errMalformed    = errors.New("malformedCalendar")
	errUnsupported  = errors.New("unsupportedComponent") // it may hold busy time in a form that we do not read
)

// property is one content line (RFC 5545 §3.1) that counts for busy time. A line that could not be taken apart has an
// empty value.
type property struct {
	name  string // upper case
	tzid  string // of the parameter TZID
	param string // RANGE or FBTYPE, upper case: no property has both
	value string
}

// component is a VEVENT, VFREEBUSY, VTIMEZONE, or the STANDARD or DAYLIGHT of a zone.
type component struct {
	name  string
	props []property
	subs  []component
}

// all returns the properties of that name.
func (c *component) all(name string) []property {
	var out []property
	for _, p := range c.props {
		if p.name == name {
			out = append(out, p)
		}
	}
	return out
}

// one returns the property of that name. Where several say different things, none is taken: clear is false. A note
// whose line breaks were not escaped can look like a property.
func (c *component) one(name string) (p property, found, clear bool) {
	clear = true
	for _, q := range c.props {
		switch {
		case q.name != name:
		case found && q != p:
			clear = false
		default:
			p, found = q, true
		}
	}
	return p, found, clear
}

// feed is what counts of a text.
type feed struct {
	zone     string // X-WR-TIMEZONE
	events   []component
	freeBusy []component
	zones    []component
}

// kept are the properties that count, by component. All others are dropped as they are read.
var kept = map[string][]string{
	"VCALENDAR": {"X-WR-TIMEZONE"},
	"VEVENT": {"UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "STATUS", "TRANSP",
		"X-MICROSOFT-CDO-BUSYSTATUS"},
	"VFREEBUSY": {"DTSTART", "DTEND", "FREEBUSY"},
	"VTIMEZONE": {"TZID", "X-LIC-LOCATION"},
	"STANDARD":  observance,
	"DAYLIGHT":  observance,
}

var observance = []string{"DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE"}

// maxDepth is how deep components may be nested; three levels are usual.
const maxDepth = 16

// parse reads a text: one or several whole calendars.
func parse(text []byte) (*feed, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	f := &feed{}
	var open []component
	calendars := 0
	for line := range lines(text) {
		p := content(line, "")
		switch {
		case p.name == "BEGIN":
			name := strings.ToUpper(strings.TrimSpace(p.value))
			if len(open) == 0 && name != "VCALENDAR" {
				return nil, errNotACalendar
			}
			if name == "VAVAILABILITY" {
				return nil, errUnsupported
			}
			if len(open) == maxDepth {
				return nil, errMalformed
			}
			open = append(open, component{name: name})
		case len(open) == 0:
			if len(bytes.TrimSpace(line)) > 0 {
				return nil, errNotACalendar
			}
		case p.name == "END":
			top := open[len(open)-1]
			if top.name != strings.ToUpper(strings.TrimSpace(p.value)) {
				return nil, errMalformed
			}
			open = open[:len(open)-1]
			if len(open) == 0 {
				calendars++
				continue
			}
			f.close(top, &open[len(open)-1])
		default:
			f.keep(&open[len(open)-1], p, line)
		}
	}
	switch {
	case len(open) > 0:
		return nil, errTruncated
	case calendars == 0:
		return nil, errNotACalendar
	}
	return f, nil
}

func (f *feed) keep(top *component, p property, line []byte) {
	if !slices.Contains(kept[top.name], p.name) {
		return
	}
	if top.name == "VCALENDAR" {
		if zone := strings.TrimSpace(p.value); f.zone == "" {
			f.zone = zone
		} else if f.zone != zone {
			f.zone += " or " + zone // two calendars in one text: a zone that nobody knows
		}
		return
	}
	top.props = append(top.props, content(line, p.name))
}

// close files a component that has ended.
func (f *feed) close(c component, parent *component) {
	switch {
	case c.name == "VEVENT" && parent.name == "VCALENDAR":
		f.events = append(f.events, c)
	case c.name == "VFREEBUSY" && parent.name == "VCALENDAR":
		f.freeBusy = append(f.freeBusy, c)
	case c.name == "VTIMEZONE" && parent.name == "VCALENDAR":
		f.zones = append(f.zones, c)
	case (c.name == "STANDARD" || c.name == "DAYLIGHT") && parent.name == "VTIMEZONE":
		parent.subs = append(parent.subs, c)
	}
}

// lines yields the unfolded lines of a text, without their ends. Lines end in LF or CR LF; a line that begins with a
// space or tab continues the one before it. A slice is valid until the next one.
func lines(text []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		var line []byte
		begun := false
		for len(text) > 0 {
			raw := text
			if i := bytes.IndexByte(text, '\n'); i >= 0 {
				raw, text = text[:i], text[i+1:]
			} else {
				text = nil
			}
			raw = bytes.TrimSuffix(raw, []byte("\r"))
			if begun && len(raw) > 0 && (raw[0] == ' ' || raw[0] == '\t') {
				line = append(line, raw[1:]...)
				continue
			}
			if begun && !yield(line) {
				return
			}
			line, begun = append(line[:0], raw...), true
		}
		if begun {
			yield(line)
		}
	}
}

// content takes a line apart: NAME;PARAM=value;PARAM="quoted":value. Unless the name is the wanted one, parameters are
// not looked at beyond what finding the value needs.
func content(line []byte, wanted string) property {
	i := bytes.IndexAny(line, ";:")
	if i < 0 {
		return property{name: strings.ToUpper(strings.TrimSpace(string(line[:min(len(line), 64)])))}
	}
	if i > 64 {
		return property{}
	}
	p := property{name: strings.ToUpper(strings.TrimSpace(string(line[:i])))}
	colon := valueAt(line, i)
	if colon < 0 {
		return p
	}
	if wanted != "" && line[i] == ';' {
		p.tzid, p.param = parameters(string(line[i+1 : colon]))
	}
	if wanted != "" || p.name == "BEGIN" || p.name == "END" || p.name == "X-WR-TIMEZONE" {
		p.value = string(line[colon+1:])
	}
	return p
}

// valueAt returns the index of the colon before the value, looking from i on: the first that is not quoted. -1: none.
func valueAt(line []byte, i int) int {
	quoted := false
	for ; i < len(line); i++ {
		switch line[i] {
		case '"':
			quoted = !quoted
		case ':':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

func parameters(s string) (tzid, param string) {
	for s != "" {
		end, quoted := len(s), false
		for i := range len(s) {
			if s[i] == '"' {
				quoted = !quoted
			} else if s[i] == ';' && !quoted {
				end = i
				break
			}
		}
		name, value, _ := strings.Cut(s[:end], "=")
		value = strings.TrimSpace(strings.Trim(value, `"`))
		switch strings.ToUpper(name) {
		case "TZID":
			tzid = value
		case "RANGE", "FBTYPE":
			param = strings.ToUpper(value)
		}
		s = strings.TrimPrefix(s[end:], ";")
	}
	return tzid, param
}

// digest stands for all that counts of the feed, whatever the order of its components. UIDs count only where they tie
// components together: some servers make them anew for every request.
func (f *feed) digest() string {
	var sums []string
	for _, list := range [][]component{f.events, f.freeBusy, f.zones} {
		for i := range list {
			sums = append(sums, list[i].digest())
		}
	}
	slices.Sort(sums)
	sum := sha256.New()
	sum.Write([]byte(f.zone + "\n" + strings.Join(sums, "")))
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

func (c *component) digest() string {
	tied := false
	for _, p := range c.props {
		tied = tied || p.name == "RRULE" || p.name == "RDATE" || p.name == "RECURRENCE-ID"
	}
	var parts []string
	for _, p := range c.props {
		if p.name != "UID" || tied {
			parts = append(parts, p.name+"\n"+p.tzid+"\n"+p.param+"\n"+p.value)
		}
	}
	for i := range c.subs {
		parts = append(parts, c.subs[i].digest())
	}
	slices.Sort(parts)
	sum := sha256.Sum256([]byte(c.name + "\n\n" + strings.Join(parts, "\n\n")))
	return hex.EncodeToString(sum[:16])
}
