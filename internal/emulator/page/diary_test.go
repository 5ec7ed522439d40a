package page

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"
)

// diary is a calendar in memory. All diaries of a test share a bell that rings on every change.
type diary struct {
	info Info
	bell *bell

	mu     sync.Mutex
	events []Event
	last   int
}

func (d *diary) Info() Info { return d.info }

func (d *diary) Events(from, to time.Time) []Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []Event
	for _, e := range d.events {
		if e.Start.Before(to) && e.End.After(from) {
			found = append(found, e)
		}
	}
	return found
}

func (d *diary) Draw(title string, start, end time.Time, busy bool) (string, error) {
	return d.add(Event{Title: title, Start: start, End: end, Busy: busy}), nil
}

// add stores an event under a new id and rings the bell. Graph ids end in "=", so these do as well.
func (d *diary) add(e Event) string {
	d.mu.Lock()
	d.last++
	e.ID = d.info.Key + "-" + strconv.Itoa(d.last) + "="
	d.events = append(d.events, e)
	d.mu.Unlock()
	d.bell.ring()
	return e.ID
}

func (d *diary) SetBusy(id string, busy bool) error {
	return d.change(id, func(i int) { d.events[i].Busy = busy })
}

func (d *diary) Erase(id string) error {
	return d.change(id, func(i int) { d.events = append(d.events[:i], d.events[i+1:]...) })
}

func (d *diary) change(id string, f func(i int)) error {
	d.mu.Lock()
	for i := range d.events {
		if d.events[i].ID == id {
			f(i)
			d.mu.Unlock()
			d.bell.ring()
			return nil
		}
	}
	d.mu.Unlock()
	return errors.New("no such event")
}

// find returns the event with a title.
func (d *diary) find(title string) (Event, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		if e.Title == title {
			return e, true
		}
	}
	return Event{}, false
}

// busyAt reports whether something blocks a time.
func (d *diary) busyAt(start, end time.Time) bool {
	for _, e := range d.Events(start, end) {
		if e.Busy {
			return true
		}
	}
	return false
}

// bell tells every listener that something changed.
type bell struct {
	mu        sync.Mutex
	listeners map[chan struct{}]bool
}

func newBell() *bell { return &bell{listeners: map[chan struct{}]bool{}} }

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.listeners {
		select {
		case c <- struct{}{}:
		default: // it has not heard the last ring yet: one is enough
		}
	}
}

func (b *bell) listen(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	b.listeners[c] = true
	b.mu.Unlock()
	context.AfterFunc(ctx, func() {
		b.mu.Lock()
		delete(b.listeners, c)
		b.mu.Unlock()
	})
	return c
}

// monday is the day on which these tests play, at twenty past ten.
var monday = time.Date(2026, time.November, 23, 10, 20, 0, 0, time.UTC)

// london is where these tests play: UTC in November.
func london(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// twoDiaries returns the calendars of a clinic in an ordinary week.
func twoDiaries(b *bell) (adams, baker *diary) {
	adams = &diary{bell: b, info: Info{Key: "adams", Provider: "Google", Title: "Dr. Adams", Owner: "Cardiology",
		Zone: "Europe/London"}}
	baker = &diary{bell: b, info: Info{Key: "baker", Provider: "Outlook", Title: "Dr. Baker", Owner: "General practice",
		Zone: "Europe/London"}}
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, time.November, day, hour, minute, 0, 0, time.UTC)
	}
	busy := func(d *diary, title string, day, h1, m1, h2, m2 int) {
		d.add(Event{Title: title, Start: at(day, h1, m1), End: at(day, h2, m2), Busy: true})
	}
	busy(adams, "Ward round", 23, 8, 30, 10, 0)
	busy(adams, "Ward round", 25, 8, 30, 10, 0)
	busy(adams, "Ward round", 27, 8, 30, 10, 0)
	busy(adams, "Team meeting", 24, 13, 0, 14, 0)
	busy(adams, "Catheter lab", 26, 9, 0, 12, 30)
	busy(adams, "Echo training", 26, 11, 30, 13, 30)
	adams.add(Event{Title: "Journal club", Start: at(25, 15, 0), End: at(25, 16, 0)})
	adams.add(Event{Title: "Check-up", Start: at(23, 14, 0), End: at(23, 14, 30), Busy: true, Ours: true})
	adams.add(Event{Title: "ECG", Start: at(24, 9, 30), End: at(24, 10, 15), Busy: true, Ours: true})
	busy(baker, "Home visits", 24, 14, 0, 16, 30)
	busy(baker, "Supervision", 25, 9, 0, 10, 30)
	busy(baker, "School vaccinations", 26, 8, 30, 12, 0)
	busy(baker, "Dentist", 27, 11, 0, 12, 0)
	baker.add(Event{Title: "Public holiday elsewhere", Start: at(27, 0, 0), End: at(28, 0, 0), AllDay: true})
	baker.add(Event{Title: "Keep free for calls", Start: at(23, 13, 0), End: at(23, 14, 0)})
	baker.add(Event{Title: "Check-up", Start: at(23, 11, 0), End: at(23, 11, 30), Busy: true, Ours: true})
	baker.add(Event{Title: "Vaccination", Start: at(25, 14, 0), End: at(25, 14, 15), Busy: true, Ours: true})
	return adams, baker
}
