package ics

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxTransitions bounds the changes of offset in a zone that a feed defines: two a year, since 1601, with room.
const maxTransitions = 4000

// transition is a change of offset, in seconds east of UTC.
type transition struct {
	at       int64
	from, to int64
}

// define makes a location of a VTIMEZONE (RFC 5545 §3.6.5), good until the instant; nil when it cannot be understood.
func define(c *component, until int64) *time.Location {
	var all []transition
	for i := range c.subs {
		changes, ok := observed(&c.subs[i], until)
		if !ok || len(all)+len(changes) > maxTransitions {
			return nil
		}
		all = append(all, changes...)
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b transition) int { return cmp.Compare(a.at, b.at) })
	// Package time makes a location of nothing but the binary form (RFC 8536).
	loc, err := time.LoadLocationFromTZData("feed", zoneFile(all))
	if err != nil {
		return nil
	}
	return loc
}

// observed returns the transitions of one STANDARD or DAYLIGHT.
func observed(c *component, until int64) ([]transition, bool) {
	from, ok1 := offset(c, "TZOFFSETFROM")
	to, ok2 := offset(c, "TZOFFSETTO")
	start, found, clear := c.one("DTSTART")
	if !ok1 || !ok2 || !found || !clear {
		return nil, false
	}
	onset, err := time.Parse(layouts[0], strings.TrimSpace(start.value))
	if err != nil {
		return nil, false
	}
	walls := []int64{onset.Unix()}
	for _, p := range c.all("RDATE") {
		for v := range strings.SplitSeq(p.value, ",") {
			t, err := time.Parse(layouts[0], strings.TrimSpace(v))
			if err != nil {
				return nil, false
			}
			walls = append(walls, t.Unix())
		}
	}
	for _, p := range c.all("RRULE") {
		r, err := parseRule(p.value)
		if err != nil {
			return nil, false
		}
		if r.untilUTC {
			r.until, r.untilUTC = r.until+from, false
		}
		more, err := r.walls(context.Background(), onset.Unix(), onset.Unix(), until+day, maxTransitions)
		if err != nil {
			return nil, false
		}
		walls = append(walls, more...)
	}
	var out []transition
	for _, w := range walls {
		out = append(out, transition{at: w - from, from: from, to: to})
	}
	return out, true
}

// offset reads ±HHMM or ±HHMMSS, in seconds.
func offset(c *component, name string) (int64, bool) {
	p, found, clear := c.one(name)
	v := strings.TrimSpace(p.value)
	if !found || !clear || len(v) != 5 && len(v) != 7 || v[0] != '+' && v[0] != '-' {
		return 0, false
	}
	n, err := strconv.ParseUint((v[1:] + "00")[:6], 10, 32)
	if err != nil {
		return 0, false
	}
	seconds := int64(n/10000)*hour + int64(n/100%100)*minute + int64(n%100)
	if v[0] == '-' {
		seconds = -seconds
	}
	return seconds, -14*hour <= seconds && seconds <= 14*hour
}

// zoneFile writes sorted transitions as RFC 8536 has it, version 2: an empty block of 32-bit times, one of 64-bit
// times, and no rule for what comes after the last transition, so that the last offset goes on.
func zoneFile(all []transition) []byte {
	offsets := []int64{all[0].from} // the first type holds before the first transition
	var times, types bytes.Buffer
	for _, t := range all {
		i := slices.Index(offsets[1:], t.to) + 1
		if i == 0 {
			offsets = append(offsets, t.to)
			i = len(offsets) - 1
		}
		_ = binary.Write(&times, binary.BigEndian, t.at) // a bytes.Buffer takes everything
		types.WriteByte(byte(i))
	}
	var out bytes.Buffer
	header := func(transitions, offsets, chars int) {
		out.WriteString("TZif2" + strings.Repeat("\x00", 15))
		// UT/local indicators, standard/wall indicators, leap seconds: none
		_ = binary.Write(&out, binary.BigEndian, []uint32{0, 0, 0, uint32(transitions), uint32(offsets), uint32(chars)})
	}
	header(0, 0, 0)
	header(len(all), len(offsets), 2)
	out.Write(times.Bytes())
	out.Write(types.Bytes())
	for _, o := range offsets {
		_ = binary.Write(&out, binary.BigEndian, int32(o))
		out.Write([]byte{0, 0}) // not marked as summer time; the name at index 0
	}
	out.WriteString("X\x00\n\n")
	return out.Bytes()
}
