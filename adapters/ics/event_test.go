package ics_test

import (
	"testing"

	"slotd/adapters/ics"
)

// eventTest is one event and the time that it keeps busy in the window of spring 2026.
type eventTest struct {
	name, zone, lines string
	want              []string
	odd               map[string]int
}

func runEvents(t *testing.T, tests []eventTest) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			zone := tt.zone
			if zone == "" {
				zone = "Europe/Berlin"
			}
			wantBusy(t, readText(t, vevent(tt.lines), zone, spring(t)), tt.want, tt.odd)
		})
	}
}

var (
	whole = []string{"2026-03-23T00:00:00Z", "2026-04-13T00:00:00Z"}
	eight = []string{"2026-03-24T08:00:00Z", "2026-03-24T09:00:00Z"}
)

func TestBusyRules(t *testing.T) {
	const timed = "DTSTART:20260324T080000Z\nDTEND:20260324T090000Z\n"
	runEvents(t, []eventTest{
		{name: "nothing said", lines: timed, want: eight},
		{name: "opaque", lines: timed + "TRANSP:OPAQUE", want: eight},
		{name: "transparent", lines: timed + "TRANSP:TRANSPARENT"},
		{name: "in lower case", lines: "dtstart:20260324T080000Z\ndtend:20260324T090000Z\ntransp:transparent"},
		{name: "unknown transparency", lines: timed + "TRANSP:TRANSLUCENT", want: eight},
		{name: "tentative", lines: timed + "STATUS:TENTATIVE", want: eight},
		{name: "cancelled", lines: timed + "STATUS:CANCELLED"},
		{name: "Microsoft free", lines: timed + "X-MICROSOFT-CDO-BUSYSTATUS:FREE"},
		{name: "Microsoft working elsewhere", lines: timed + "X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE\nTRANSP:OPAQUE"},
		{name: "Microsoft tentative", lines: timed + "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE", want: eight},
		{name: "Microsoft out of office", lines: timed + "X-MICROSOFT-CDO-BUSYSTATUS:OOF", want: eight},
		{name: "Microsoft goes before TRANSP", lines: timed + "X-MICROSOFT-CDO-BUSYSTATUS:BUSY\nTRANSP:TRANSPARENT", want: eight},
		{name: "Microsoft unknown", lines: timed + "X-MICROSOFT-CDO-BUSYSTATUS:NAPPING\nTRANSP:TRANSPARENT", want: eight},
		{name: "status of an alarm inside", lines: timed + "BEGIN:VALARM\nSTATUS:CANCELLED\nTRANSP:TRANSPARENT\nEND:VALARM", want: eight},
		// a note with raw line breaks must not free the event that it is about
		{name: "status twice", lines: timed + "STATUS:CONFIRMED\nSTATUS:CANCELLED", want: eight,
			odd: map[string]int{ics.Contradiction: 1}},
		{name: "the same status twice", lines: timed + "STATUS:CANCELLED\nSTATUS:CANCELLED"},
	})
}

func TestAllDayBusy(t *testing.T) {
	text := vevent("DTSTART;VALUE=DATE:20260324\nTRANSP:TRANSPARENT")
	if r := readText(t, text, "UTC", spring(t)); busy(r.snap) != nil {
		t.Errorf("a free day blocks %v", busy(r.snap))
	}
	w := serveText(t, text, func(o *ics.Options) { o.AllDayBusy = func(feed string) bool { return feed == "adams" } })
	snap, err := w.client.Read(t.Context(), "adams", spring(t))
	wantBusy(t, reading{snap, map[string]int{}, err}, []string{"2026-03-24T00:00:00Z", "2026-03-25T00:00:00Z"}, nil)
}

// TestFreeDays: told are whole days that all_day = "busy" would block, and no others; of a series, each occurrence.
func TestFreeDays(t *testing.T) {
	const day = "DTSTART;VALUE=DATE:20260324\n"
	for name, tt := range map[string]struct {
		lines string
		want  int
	}{
		"transparent":           {day + "TRANSP:TRANSPARENT", 1},
		"Microsoft free":        {day + "X-MICROSOFT-CDO-BUSYSTATUS:FREE", 1},
		"of a series":           {day + "RRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20260325\nTRANSP:TRANSPARENT", 2},
		"busy":                  {day, 0},
		"working elsewhere":     {day + "X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE\nTRANSP:TRANSPARENT", 0},
		"cancelled":             {day + "TRANSP:TRANSPARENT\nSTATUS:CANCELLED", 0},
		"an hour":               {"DTSTART:20260324T080000Z\nDURATION:PT1H\nTRANSP:TRANSPARENT", 0},
		"without a usable date": {"DTSTART;VALUE=DATE:tomorrow\nTRANSP:TRANSPARENT", 0},
	} {
		w := serveText(t, vevent(tt.lines), func(o *ics.Options) {
			o.Feeds["strict"] = o.Feeds["adams"]
			o.AllDayBusy = func(feed string) bool { return feed == "strict" }
		})
		for feed, want := range map[string]int{"adams": tt.want, "strict": 0} {
			snap, err := w.client.Read(t.Context(), feed, spring(t))
			n := 0
			for _, e := range snap.Events {
				if e.FreeDay {
					n++
				}
			}
			if err != nil || n != want {
				t.Errorf("%s, %s: %d free days, %v, want %d", name, feed, n, err, want)
			}
		}
	}
}

func TestTimes(t *testing.T) {
	runEvents(t, []eventTest{
		{name: "UTC", lines: "DTSTART:20260324T080000Z\nDTEND:20260324T090000Z", want: eight},
		{name: "named zone", lines: "DTSTART;TZID=America/New_York:20260324T040000\nDTEND;TZID=America/New_York:20260324T050000", want: eight},
		{name: "two zones", lines: "DTSTART;TZID=Asia/Tokyo:20260324T170000\nDTEND;TZID=America/New_York:20260324T050000", want: eight},
		{name: "zone behind a path", lines: "DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260324T090000\nDURATION:PT1H", want: eight},
		{name: "Windows zone", lines: "DTSTART;TZID=Tokyo Standard Time:20260324T170000\nDURATION:PT1H", want: eight},
		{name: "floating", lines: "DTSTART:20260324T090000\nDTEND:20260324T100000", want: eight},
		{name: "end without the zone of its start", lines: "DTSTART;TZID=Asia/Tokyo:20260324T170000\nDTEND:20260324T180000", want: eight},
		{name: "offset instead of a zone", lines: "DTSTART:20260324T090000+0100\nDTEND:2026-03-24T10:00:00+01:00", want: eight},
		{name: "seconds round outward", lines: "DTSTART:20260324T075959Z\nDTEND:20260324T090001Z",
			want: []string{"2026-03-24T07:59:59Z", "2026-03-24T09:00:01Z"}},
		{name: "days and hours", lines: "DTSTART:20260324T080000Z\nDURATION:P1DT1H", want: []string{"2026-03-24T08:00:00Z", "2026-03-25T09:00:00Z"}},
		{name: "a week", lines: "DTSTART;VALUE=DATE:20260324\nDURATION:P1W", // over the change: seven days, not 168 hours
			want: []string{"2026-03-23T23:00:00Z", "2026-03-30T22:00:00Z"}},
		{name: "a day without an end", lines: "DTSTART;VALUE=DATE:20260329", want: []string{"2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}},
		{name: "a day that ends on itself", lines: "DTSTART;VALUE=DATE:20260324\nDTEND;VALUE=DATE:20260324",
			want: []string{"2026-03-23T23:00:00Z", "2026-03-24T23:00:00Z"}},
		{name: "a day without saying that it is one", lines: "DTSTART:20260324\nDTEND:20260325",
			want: []string{"2026-03-23T23:00:00Z", "2026-03-24T23:00:00Z"}},
		{name: "a day whose midnight does not exist", zone: "Asia/Beirut", lines: "DTSTART;VALUE=DATE:20260329",
			want: []string{"2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"}},
		{name: "no length", lines: "DTSTART:20260324T080000Z", odd: map[string]int{ics.NoLength: 1}},
		{name: "ends as it starts", lines: "DTSTART:20260324T080000Z\nDTEND:20260324T080000Z"},
		{name: "begins in a gap", lines: "DTSTART;TZID=Europe/Berlin:20260329T023000\nDTEND;TZID=Europe/Berlin:20260329T040000",
			want: []string{"2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"}},
		{name: "ends in a gap", lines: "DTSTART;TZID=Europe/Berlin:20260329T013000\nDTEND;TZID=Europe/Berlin:20260329T023000",
			want: []string{"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"}},
		{name: "begun before the window", lines: "DTSTART:20250101T000000Z\nDTEND:20260324T000000Z",
			want: []string{"2026-03-23T00:00:00Z", "2026-03-24T00:00:00Z"}, odd: map[string]int{ics.VeryLong: 1}},
	})
}

// TestRepeatedHour: both instants of a wall time that exists twice are busy.
func TestRepeatedHour(t *testing.T) {
	r := readText(t, vevent("DTSTART;TZID=Europe/Berlin:20261025T021500\nDTEND;TZID=Europe/Berlin:20261025T024500"), "UTC", autumn(t))
	wantBusy(t, r, []string{"2026-10-25T00:15:00Z", "2026-10-25T01:45:00Z"}, nil)
	r = readText(t, vevent("DTSTART;TZID=Europe/Berlin:20261025T024500\nDTEND:20261025T010000Z"), "UTC", autumn(t))
	wantBusy(t, r, []string{"2026-10-25T00:45:00Z", "2026-10-25T01:00:00Z"}, nil)
}

// TestImpossible: what cannot be placed keeps more busy, not less, and leaves the rest of the feed alone.
func TestImpossible(t *testing.T) {
	const start = "DTSTART:20260324T080000Z\n"
	aDay := []string{"2026-03-24T08:00:00Z", "2026-03-25T08:00:00Z"}
	one := func(kind string) map[string]int { return map[string]int{kind: 1} }
	runEvents(t, []eventTest{
		{name: "no start", lines: "DTEND:20260324T080000Z", want: whole, odd: one(ics.NoStart)},
		{name: "a start that is none", lines: "DTSTART:tomorrow\nDTEND:20260324T080000Z", want: whole, odd: one(ics.NoStart)},
		{name: "two starts", lines: start + "DTSTART:20260325T080000Z", want: whole, odd: one(ics.NoStart)},
		{name: "a start without a colon", lines: "DTSTART\nDTEND:20260324T080000Z", want: whole, odd: one(ics.NoStart)},
		{name: "an unclosed quote", lines: "DTSTART;TZID=\"Europe/Berlin:20260324T080000\nDTEND:20260324T080000Z", want: whole, odd: one(ics.NoStart)},
		{name: "no start, but free", lines: "DTSTART:tomorrow\nTRANSP:TRANSPARENT"},
		{name: "no start, but cancelled", lines: "DTSTART:tomorrow\nSTATUS:CANCELLED"},
		{name: "February 30", lines: "DTSTART:20260230T080000Z", want: whole, odd: one(ics.NoStart)},
		{name: "an end that is none", lines: start + "DTEND:never", want: aDay, odd: one(ics.NoEnd)},
		{name: "two ends", lines: start + "DTEND:20260324T083000Z\nDTEND:20260324T090000Z", want: aDay, odd: one(ics.NoEnd)},
		{name: "a duration that is none", lines: start + "DURATION:1h", want: aDay, odd: one(ics.NoEnd)},
		{name: "a duration beyond all bounds", lines: start + "DURATION:P999999999W", want: aDay, odd: one(ics.NoEnd)},
		{name: "ends before it starts", lines: start + "DTEND:20260324T073000Z",
			want: []string{"2026-03-24T07:30:00Z", "2026-03-25T08:00:00Z"}, odd: one(ics.EndBeforeStart)},
		{name: "ends long before it starts", lines: start + "DTEND:19700101T000000Z", want: aDay, odd: one(ics.EndBeforeStart)},
		{name: "a negative duration", lines: start + "DURATION:-PT30M",
			want: []string{"2026-03-24T07:30:00Z", "2026-03-25T08:00:00Z"}, odd: one(ics.EndBeforeStart)},
		{name: "years long", lines: "DTSTART:20200101T000000Z\nDTEND:20300101T000000Z", want: whole, odd: one(ics.VeryLong)},
		{name: "the year 9999", lines: "DTSTART:99991231T235959Z\nDTEND:99991231T235959Z"},
		{name: "until the year 9999", lines: start + "DTEND:99991231T235959Z",
			want: []string{"2026-03-24T08:00:00Z", "2026-04-13T00:00:00Z"}, odd: one(ics.VeryLong)},
		{name: "the year 1", lines: "DTSTART:00010101T000000Z\nDTEND:00010101T003000Z"},
		{name: "an unknown zone", lines: "DTSTART;TZID=Nowhere:20260324T120000\nDTEND;TZID=Nowhere:20260324T130000",
			want: []string{"2026-03-23T22:00:00Z", "2026-03-25T01:00:00Z"}, odd: one(ics.UnknownZone)},
		{name: "a zone that is a file", lines: "DTSTART;TZID=../../etc/passwd:20260324T120000\nDURATION:PT1H",
			want: []string{"2026-03-23T22:00:00Z", "2026-03-25T01:00:00Z"}, odd: one(ics.UnknownZone)},
		{name: "the zone of this machine", lines: "DTSTART;TZID=Local:20260324T120000\nDURATION:PT1H",
			want: []string{"2026-03-23T22:00:00Z", "2026-03-25T01:00:00Z"}, odd: one(ics.UnknownZone)},
		{name: "a start that is known and an end that is not", lines: start + "DTEND;TZID=Nowhere:20260324T120000",
			want: []string{"2026-03-24T08:00:00Z", "2026-03-25T00:00:00Z"}, odd: one(ics.UnknownZone)},
	})
}

// TestOneBadEventLeavesTheOthers is the same feed with a sound event beside the impossible one.
func TestOneBadEventLeavesTheOthers(t *testing.T) {
	r := readText(t, wrap(`BEGIN:VEVENT
UID:1
DTSTART:20260324T080000Z
DTEND:never
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART:20260401T080000Z
DTEND:20260401T090000Z
END:VEVENT`), "UTC", spring(t))
	wantBusy(t, r, []string{"2026-03-24T08:00:00Z", "2026-03-25T08:00:00Z", "2026-04-01T08:00:00Z", "2026-04-01T09:00:00Z"},
		map[string]int{ics.NoEnd: 1})
}

// TestFeedZone: dates and floating times are in the zone of the feed's entry, of its text, or of the business.
func TestFeedZone(t *testing.T) {
	const event = "BEGIN:VEVENT\nUID:1\nDTSTART:20260324T090000\nDURATION:PT1H\nEND:VEVENT"
	tokyo := []string{"2026-03-24T00:00:00Z", "2026-03-24T01:00:00Z"}
	for _, tt := range []struct {
		name, text, entry string
		want              []string
		odd               map[string]int
	}{
		{name: "business", text: wrap(event), want: eight},
		{name: "text", text: wrap("X-WR-TIMEZONE:Asia/Tokyo\n" + event), want: tokyo},
		{name: "entry", text: wrap("X-WR-TIMEZONE:Nowhere\n" + event), entry: "Asia/Tokyo", want: tokyo},
		{name: "of two calendars in one text", text: wrap("X-WR-TIMEZONE:Europe/Berlin") + wrap("X-WR-TIMEZONE:Asia/Tokyo\n"+event),
			want: []string{"2026-03-23T19:00:00Z", "2026-03-24T22:00:00Z"}, odd: map[string]int{ics.UnknownZone: 1}},
		{name: "unknown", text: wrap("X-WR-TIMEZONE:Nowhere\n" + event),
			want: []string{"2026-03-23T19:00:00Z", "2026-03-24T22:00:00Z"}, odd: map[string]int{ics.UnknownZone: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := reading{odd: map[string]int{}}
			w := serveText(t, tt.text, func(o *ics.Options) {
				o.Zone = location(t, "Europe/Berlin")
				o.Report = r.report
				if tt.entry != "" {
					f := o.Feeds["adams"]
					f.Zone = location(t, tt.entry)
					o.Feeds["adams"] = f
				}
			})
			r.snap, r.err = w.client.Read(t.Context(), "adams", spring(t))
			wantBusy(t, r, tt.want, tt.odd)
		})
	}
}

// TestDefinedZones are zones that a feed brings along.
func TestDefinedZones(t *testing.T) {
	define := func(rules string) string {
		return wrap("BEGIN:VTIMEZONE\nTZID:Ours\n" + rules + "\nEND:VTIMEZONE\n" +
			"BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Ours:20260324T120000\nDTEND;TZID=Ours:20260324T130000\nRRULE:FREQ=WEEKLY;COUNT=2\nEND:VEVENT")
	}
	const winter = "BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n"
	const summer = "BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT"
	unknown := []string{"2026-03-23T22:00:00Z", "2026-03-25T01:00:00Z", "2026-03-30T22:00:00Z", "2026-04-01T01:00:00Z"}
	for _, tt := range []struct {
		name, rules string
		want        []string
		odd         map[string]int
	}{
		{name: "summer time", rules: winter + summer,
			want: []string{"2026-03-24T11:00:00Z", "2026-03-24T12:00:00Z", "2026-03-31T10:00:00Z", "2026-03-31T11:00:00Z"}},
		{name: "one offset", rules: "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:-0330\nTZOFFSETTO:-0330\nEND:STANDARD",
			want: []string{"2026-03-24T15:30:00Z", "2026-03-24T16:30:00Z", "2026-03-31T15:30:00Z", "2026-03-31T16:30:00Z"}},
		{name: "by dates", rules: "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0100\nEND:STANDARD\n" +
			"BEGIN:DAYLIGHT\nDTSTART:20250330T020000\nRDATE:20260329T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:DAYLIGHT\n" +
			"BEGIN:STANDARD\nDTSTART:20251026T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nEND:STANDARD",
			want: []string{"2026-03-24T11:00:00Z", "2026-03-24T12:00:00Z", "2026-03-31T10:00:00Z", "2026-03-31T11:00:00Z"}},
		{name: "summer time that ended in 2020", rules: "BEGIN:STANDARD\nDTSTART:19701025T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n" +
			"RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10;UNTIL=20201025T010000Z\nEND:STANDARD\n" +
			"BEGIN:DAYLIGHT\nDTSTART:19700329T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n" +
			"RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3;UNTIL=20200401T000000Z\nEND:DAYLIGHT",
			want: []string{"2026-03-24T11:00:00Z", "2026-03-24T12:00:00Z", "2026-03-31T11:00:00Z", "2026-03-31T12:00:00Z"}},
		{name: "by the name of its place", rules: "X-LIC-LOCATION:Asia/Tokyo",
			want: []string{"2026-03-24T03:00:00Z", "2026-03-24T04:00:00Z", "2026-03-31T03:00:00Z", "2026-03-31T04:00:00Z"}},
		{name: "nothing", rules: "", want: unknown, odd: map[string]int{ics.UnknownZone: 1}},
		{name: "an offset of a week", rules: "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+9900\nTZOFFSETTO:+9900\nEND:STANDARD",
			want: unknown, odd: map[string]int{ics.UnknownZone: 1}},
		{name: "a rule that is none", rules: "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0100\nRRULE:SOMETIMES\nEND:STANDARD",
			want: unknown, odd: map[string]int{ics.UnknownZone: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantBusy(t, readText(t, define(tt.rules), "UTC", spring(t)), tt.want, tt.odd)
		})
	}
}

func TestFreeBusy(t *testing.T) {
	const head, tail = "BEGIN:VFREEBUSY\nDTSTART:20260320T000000Z\nDTEND:20260501T000000Z\n", "\nEND:VFREEBUSY"
	for _, tt := range []struct {
		name, lines string
		want        []string
		odd         map[string]int
	}{
		{name: "busy", lines: head + "FREEBUSY:20260324T080000Z/20260324T090000Z" + tail, want: eight},
		{name: "unavailable", lines: head + "FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260324T080000Z/PT1H" + tail, want: eight},
		{name: "of a type of its own", lines: head + "FREEBUSY;FBTYPE=X-NAP:20260324T080000Z/PT1H" + tail, want: eight},
		{name: "free", lines: head + "FREEBUSY;FBTYPE=FREE:20260324T080000Z/PT1H" + tail},
		{name: "not a period", lines: head + "FREEBUSY:20260324T080000Z" + tail, want: whole, odd: map[string]int{ics.BadPeriod: 1}},
		{name: "without bounds", lines: "BEGIN:VFREEBUSY\nFREEBUSY:20260324T080000Z/PT1H" + tail, want: eight},
		{name: "what it does not cover is unknown", lines: "BEGIN:VFREEBUSY\nDTSTART:20260324T000000Z\nDTEND:20260412T000000Z" + tail,
			want: []string{"2026-03-23T00:00:00Z", "2026-03-24T00:00:00Z", "2026-04-12T00:00:00Z", "2026-04-13T00:00:00Z"}},
		{name: "bounds that are none", lines: "BEGIN:VFREEBUSY\nDTSTART:soon" + tail, want: whole, odd: map[string]int{ics.BadPeriod: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantBusy(t, readText(t, wrap(tt.lines), "UTC", spring(t)), tt.want, tt.odd)
		})
	}
}
