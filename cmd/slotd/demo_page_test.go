package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/emulator/graph"
	"slotd/internal/emulator/whatsapp"
)

// toDay opens the Flow from the last message and goes on to the days of a doctor.
func (s *demoPage) toDay(doctor string) {
	s.Helper()
	s.click(".chat > :last-child .cta")
	s.at("DEPARTMENT")
	s.click(`[data-option="general"]`)
	s.click(demoPageNext)
	s.at("DOCTOR")
	s.click(`[data-option="consultation"]`)
	s.click(fmt.Sprintf(`[data-option=%q]`, doctor))
	s.click(demoPageNext)
	s.at("DAY")
}

// dayAfter chooses the first day after another that the phone offers, and goes on to its times.
func (s *demoPage) dayAfter(day string) string {
	s.Helper()
	day = s.chooseDay(day)
	s.click(demoPageNext)
	s.at("TIME")
	return day
}

// chooseDay chooses the first day after another that the phone offers.
func (s *demoPage) chooseDay(day string) string {
	s.Helper()
	s.until("see a day after "+day, fmt.Sprintf(`(() => {
		window.day = [...document.querySelectorAll("button.day:not(:disabled)")].map((d) => d.dataset.date)
			.find((d) => d > %q);
		if (!day) document.querySelector('[data-focus="date:next"]:not(:disabled)')?.click();
		return day;
	})()`, day))
	day = demoPageRead[string](s, `window.day`)
	s.click(fmt.Sprintf(`[data-date=%q]`, day))
	return day
}

// times returns the times that the phone offers.
func (s *demoPage) times() []time.Time {
	s.Helper()
	var out []time.Time
	for _, id := range demoPageRead[[]string](s,
		`[...document.querySelectorAll('[name="slot"]')].map((e) => e.dataset.option)`) {
		start, err := time.Parse(time.RFC3339, id)
		if err != nil {
			s.Fatal(err)
		}
		out = append(out, start)
	}
	return out
}

// timesAnew asks for the times of the same day once more.
func (s *demoPage) timesAnew() []time.Time {
	s.Helper()
	s.click(".sheet-bar .round")
	s.at("DAY")
	s.click(demoPageNext)
	s.at("TIME")
	return s.times()
}

func (s *demoPage) tapTime(start time.Time) {
	s.Helper()
	s.click(fmt.Sprintf(`[data-option=%q]`, start.UTC().Format(time.RFC3339)))
}

// book plays a customer, from the last message to the bubble of success and to the event on the page. The day is not
// today, so that no time gets too near while the customer chooses.
func (s *demoPage) book(doctor string) demoPageBooking {
	s.Helper()
	s.toDay(doctor)
	today := time.Now().In(s.zone).Format(time.DateOnly)
	day := s.dayAfter(today)
	times := s.times()
	if len(times) == 0 {
		s.Fatalf("%s is offered without a time", day)
	}
	start := times[0]
	s.tapTime(start)
	s.click(demoPageNext)
	s.at("DETAILS")
	s.do("type a name", chromedp.SendKeys(chromedp.CSS(`#field-name`), demoCustomer))
	s.click(demoPageNext)
	s.at("CONFIRM")
	s.click(demoPageNext)
	s.until("see the booking", `!document.querySelector(".sheet-layer") &&
		document.querySelector(".chat > :last-child.booked .reference")`)
	bubble := demoPageRead[string](s, `document.querySelector(".chat > :last-child").textContent`)
	reference := demoPageRead[string](s, `document.querySelector(".chat > :last-child .reference").textContent`)
	b := demoPageBooking{reference: strings.TrimPrefix(reference, "Reference "), day: day, start: start}
	clock := start.In(s.zone).Format("15:04")
	if b.reference == "" || !strings.Contains(bubble, clock) {
		s.Errorf("the bubble of %s at %s says %q", day, clock, bubble)
	}
	s.until("see the event in the calendar", fmt.Sprintf(`document.querySelector(
		'[data-calendar=%q] [data-day=%q] .event.ours[title*=%q][title*=%q]')`, doctor, day, demoCustomer, clock))
	return b
}

// write sends a text in the chat; the business answers with a new message.
func (s *demoPage) write(text string) {
	s.Helper()
	s.do("write to the business", chromedp.SendKeys(chromedp.CSS(".composer input"), text+"\r"))
	s.until("see a new message", `document.querySelector(".chat > :last-child .cta")`)
}

// once waits until nothing waits to be written, and checks that a doctor's calendar holds one event of slotd: the
// booking's.
func (s *demoPage) once(doctor string, b demoPageBooking) {
	s.Helper()
	eventually(s.T, "an empty outbox", func() bool { return s.status().Outbox.Waiting == 0 })
	type event struct {
		start, end time.Time
		body       string
	}
	var ours []event
	for _, e := range s.demo.clinic.google.Events(googleCal) {
		if doctor == googleKey && e.Private["slotd"] != "" {
			ours = append(ours, event{e.Start, e.End, e.Body})
		}
	}
	for _, e := range s.demo.clinic.graph.Events(outlookCal) {
		if doctor == outlookKey && outlookMarker(e) != "" {
			ours = append(ours, event{e.Start, e.End, e.Body})
		}
	}
	if len(ours) != 1 {
		s.Fatalf("%s's calendar holds %d events of slotd, want 1", doctor, len(ours))
	}
	e := ours[0]
	if !e.start.Equal(b.start) || e.end.Sub(e.start) != demoPageVisit || !strings.Contains(e.body, b.reference) {
		s.Errorf("the event is %+v, the booking %+v", e, b)
	}
}

func (s *demoPage) status() (status admin.Status) {
	s.Helper()
	if err := ask(s.ctx, s.demo.cfg, "/api/status", nil, &status); err != nil {
		s.Fatal(err)
	}
	return status
}

// spent taps the button of the first message again, which has booked.
func (s *demoPage) spent(b demoPageBooking) {
	s.Helper()
	s.click(".cta")
	s.until("see the refusal", `document.querySelector(".failure-text")`)
	said := demoPageRead[string](s, `document.querySelector(".failure-text").textContent`)
	if clock := b.start.In(s.zone).Format("15:04"); !strings.Contains(said, clock) {
		s.Errorf("the spent message says %q, without %s", said, clock)
	}
	s.until("see the status", `document.querySelector(".wire-list li .wire-status").textContent === "427"`)
	s.click(demoPageNext)
	s.until("see the button dead",
		`!document.querySelector(".sheet-layer") && document.querySelector(".cta").disabled`)
}

// drawn draws over a free hour of a day on which nothing can get too near, and erases it again.
func (s *demoPage) drawn(after demoPageBooking) {
	s.Helper()
	s.toDay(googleKey)
	day := s.dayAfter(after.day)
	all := s.times()
	if len(all) < 2 {
		s.Fatalf("%s has too few times: %v", day, all)
	}
	from := all[len(all)-2]
	to := from.Add(time.Hour)
	left := slices.DeleteFunc(slices.Clone(all), func(start time.Time) bool {
		return start.Before(to) && start.Add(demoPageVisit).After(from)
	})
	s.show(googleKey, day)
	s.drag(googleKey, day, from)
	s.do("name the event", chromedp.SendKeys(chromedp.CSS(`.dialog .title-input`), "Staff training\r"))
	event := fmt.Sprintf(`[data-calendar=%q] [data-day=%q] .event.busy[title^="Staff training"]`, googleKey, day)
	s.until("see the event", fmt.Sprintf(`document.querySelector('%s') && !document.querySelector(".dialog")`, event))
	s.mirrored()
	if times := s.timesAnew(); !slices.Equal(times, left) {
		s.Errorf("with an event at %s the phone offers %v, want %v", from, times, left)
	}
	s.click(event)
	s.click(".dialog .danger")
	s.until("see it go", fmt.Sprintf(`!document.querySelector('%s') && !document.querySelector(".dialog")`, event))
	s.mirrored()
	if times := s.timesAnew(); !slices.Equal(times, all) {
		s.Errorf("without the event the phone offers %v, want %v", times, all)
	}
}

// mirrored waits for the next look at Dr. Adams's calendar that began after this call.
func (s *demoPage) mirrored() {
	s.Helper()
	s.read("google/" + googleCal)
}

// read waits for the next look at a calendar that began after this call.
func (s *demoPage) read(cal calendar.ID) {
	s.Helper()
	now := time.Now()
	eventually(s.T, "the next poll", func() bool { return s.demo.running.Checked(cal).After(now) })
}

// show turns a calendar to the week of a day.
func (s *demoPage) show(key, day string) {
	s.Helper()
	for range 5 {
		days := demoPageRead[[]string](s, fmt.Sprintf(
			`[...document.querySelectorAll('[data-calendar=%q] .column')].map((c) => c.dataset.day)`, key))
		if slices.Contains(days, day) {
			return
		}
		way := "Later"
		if day < days[0] {
			way = "Earlier"
		}
		s.click(fmt.Sprintf(`[data-calendar=%q] [aria-label=%q]`, key, way))
	}
	s.Fatalf("the calendar does not show %s", day)
}

// drag pulls over the hour from a time on.
func (s *demoPage) drag(key, day string, from time.Time) {
	s.Helper()
	local := from.In(s.zone)
	hour := float64(local.Hour()) + float64(local.Minute())/60
	column := demoPageRead[demoPageArea](s, fmt.Sprintf(`(() => {
		const column = document.querySelector('[data-calendar=%q] .column[data-day=%q]');
		const scroller = column.closest(".scroller");
		scroller.scrollTop = column.offsetHeight * %g / 24 - scroller.clientHeight / 3;
		const { x, y, width, height } = column.getBoundingClientRect();
		return { x, y, width, height };
	})()`, key, day, hour))
	x := column.X + column.Width/2
	y := func(hour float64) float64 { return column.Y + column.Height*hour/24 }
	s.do("drag", chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x, y(hour)+1, chromedp.ButtonLeft,
		chromedp.ClickCount(1)),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y(hour+0.5), chromedp.ButtonLeft),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y(hour+1)-2, chromedp.ButtonLeft),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y(hour+1)-2, chromedp.ButtonLeft,
			chromedp.ClickCount(1)),
		chromedp.WaitVisible(chromedp.CSS(".dialog .title-input")))
}

func TestDemoPageInTheBrowser(t *testing.T) {
	s := openDemoPage(t, false)
	if s == nil {
		return
	}
	first := s.book(googleKey)
	s.once(googleKey, first)
	s.write("One more, please")
	second := s.book(outlookKey)
	s.once(outlookKey, second)
	if second.reference == first.reference {
		t.Errorf("both bookings are %s", first.reference)
	}
	s.spent(first)
	s.write("And another one")
	s.drawn(first)
	s.portrait(first)
	s.faultless()
}

// TestDayFirstInTheBrowser chooses the day first: of the doctors only those are offered who have a time on it.
func TestDayFirstInTheBrowser(t *testing.T) {
	s := openDemoPage(t, true)
	if s == nil {
		return
	}
	s.click(".chat > :last-child .cta")
	s.at("DEPARTMENT")
	s.click(`[data-option="general"]`)
	s.click(`[data-option="consultation"]`)
	s.click(demoPageNext)
	s.at("DAY")
	day := s.chooseDay(time.Now().In(s.zone).Format(time.DateOnly))
	from, err := time.ParseInLocation(time.DateOnly, day, s.zone)
	must(t, err)
	s.demo.clinic.graph.Put(outlookCal, graph.Event{
		Title: "Away", Start: from, End: from.AddDate(0, 0, 1), ShowAs: "busy",
	})
	s.read("outlook/" + outlookCal)
	s.click(demoPageNext)
	s.at("DOCTOR")
	doctors := demoPageRead[[]string](s, `[...document.querySelectorAll('[name="resource"]')].map((e) => e.dataset.option)`)
	if !slices.Equal(doctors, []string{googleKey}) {
		t.Errorf("on %s, when Dr. Baker is away, the phone offers %v", day, doctors)
	}
	s.picture("day_first")
	s.click(fmt.Sprintf(`[data-option=%q]`, googleKey))
	s.click(demoPageNext)
	s.at("TIME")
	for _, start := range s.times() {
		if got := start.In(s.zone).Format(time.DateOnly); got != day {
			t.Errorf("of %s the phone offers a time on %s", day, got)
		}
	}
	s.faultless()
}

// portrait makes the picture of the README, where SLOTD_SCREENSHOTS names a directory for it.
func (s *demoPage) portrait(b demoPageBooking) {
	if os.Getenv("SLOTD_SCREENSHOTS") == "" {
		return
	}
	monday := b.start.In(s.zone)
	monday = monday.AddDate(0, 0, -(int(monday.Weekday())+6)%7)
	for _, v := range []struct {
		doctor, service, name, slot string
		day                         int
	}{
		{googleKey, "checkup", "Robin Fox", "14:00", 0}, {googleKey, "consultation", "Alex Winter", "11:00", 1},
		{googleKey, "checkup", "Jo Marsh", "14:30", 1}, {googleKey, "checkup", "Kim Lake", "13:30", 3},
		{googleKey, "consultation", "Mia Ford", "10:00", 4}, {googleKey, "checkup", "Finn Vale", "13:00", 4},
		{outlookKey, "checkup", "Chris Hill", "15:00", 0}, {outlookKey, "checkup", "Nia Stone", "11:00", 1},
		{outlookKey, "consultation", "Lee Brook", "09:30", 2}, {outlookKey, "checkup", "Max Field", "15:30", 2},
		{outlookKey, "checkup", "Eli Moss", "10:30", 3}, {outlookKey, "consultation", "Toni Reed", "09:00", 4},
	} {
		phone, err := s.demo.phone(s.ctx)
		if err != nil {
			s.Fatal(err)
		}
		result, err := whatsapp.Walk(s.ctx, phone, whatsapp.Plan{
			Department: "general", Service: v.service, Resource: v.doctor, Name: v.name, Slot: v.slot,
			Date: monday.AddDate(0, 0, v.day).Format(time.DateOnly),
		})
		if err != nil || result.Outcome != whatsapp.Success {
			s.Fatalf("no booking for the picture: %v", err)
		}
		s.until("see "+v.name, fmt.Sprintf(`document.querySelector('.event.ours[title*=%q]')`, v.name))
	}
	for _, key := range []string{googleKey, outlookKey} {
		s.show(key, b.day)
	}
	s.do("show the working day", chromedp.Evaluate[chromedp.Void](`document.querySelectorAll(".scroller").forEach(
		(s) => s.scrollTop = s.scrollHeight * 7.75 / 24)`))
	s.tapTime(s.timesAnew()[2])
	s.until("see all calm", `!document.querySelector(".flash")`)
	s.picture("demo")
}

// picture saves what is seen, where SLOTD_SCREENSHOTS names a directory for that.
func (s *demoPage) picture(name string) {
	s.Helper()
	dir := os.Getenv("SLOTD_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(s.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		s.Error(err)
	}
}
