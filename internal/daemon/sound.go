package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/store"
)

// Bounds of the look at the database at a start.
const (
	verifyWithin = 30 * time.Second
	findingsTold = 5
)

// verify looks once whether the records of what is to come agree. It never keeps the daemon from serving: a finding is
// for a person.
func (h *host) verify(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	begun := time.Now()
	report, err := h.compare(ctx)
	if err == nil && h.reclaim(ctx, report) {
		report, err = h.compare(ctx)
	}
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) {
			h.log.Warn("the look at the database was broken off", "error", err)
		}
		return
	}
	for _, f := range report.Findings {
		h.log.Error("the database: a record does not agree", "finding", f.String())
	}
	h.log.Info("the database: records of what is to come were compared", "bookings", report.Records["booking"],
		"findings", len(report.Findings), "took", time.Since(begun).Round(time.Millisecond).String())
	if len(report.Findings) == 0 {
		return
	}
	text := fmt.Sprintf("records of the database do not agree, findings at the start: %d; run 'slotd backup COPY', then "+
		"'slotd verify COPY'", len(report.Findings))
	for _, f := range report.Findings[:min(len(report.Findings), findingsTold)] {
		text += "\n  " + f.String()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unsound = text
}

func (h *host) compare(ctx context.Context) (store.Report, error) {
	return h.store.VerifyComing(ctx, store.VerifyOptions{Catalog: h.now().catalog, Now: time.Now()})
}

// reclaim puts back the claims that bookings lack, and reports whether there were any. Those of an older form it renews.
func (h *host) reclaim(ctx context.Context, report store.Report) (some bool) {
	for _, f := range report.Findings {
		if !f.MissesClaim() {
			continue
		}
		if err := h.store.Reclaim(ctx, f.Booking, time.Now()); err != nil {
			h.log.Error("the database: a claim could not be put back", "booking", f.Booking, "error", err)
			continue
		}
		h.log.Warn("the database: a claim was missing and is put back", "booking", f.Booking, "resource", f.Place)
		some = true
	}
	for i, id := range report.Outdated {
		if err := h.store.Reclaim(ctx, id, time.Now()); err != nil {
			h.log.Warn("the database: claims could not be brought to the form of today; the next start tries again", "error", err,
				"left", len(report.Outdated)-i)
			break
		}
	}
	return some
}

// found adds what verify found to the problems.
func (h *host) found(add adder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unsound != "" {
		add("", "%s", h.unsound)
	}
}

// restoring says what a restore waits for; nil when there is none.
func (p *parts) restoring(add adder) *admin.Restoring {
	r := p.store.Restoring()
	if r == nil {
		return nil
	}
	out := &admin.Restoring{At: r.At, Calendars: p.syncer.Restoring()}
	of := ""
	if !r.Newest.IsZero() {
		newest := r.Newest
		out.Newest = &newest
		of = " whose newest record is of " + newest.Format(time.RFC3339)
	}
	add("restore", "the database was restored at %s from a copy%s; nothing can be booked, and nothing is written to the "+
		"calendars, until these were read and compared with it: %s", r.At.Format(time.RFC3339), of, joined(out.Calendars))
	mirrored := map[calendar.ID]bool{}
	for _, m := range p.syncer.Status() {
		mirrored[m.Calendar] = true
	}
	for cal := range p.placed {
		if !mirrored[cal] {
			add("restore "+string(cal),
				"bookings of the copy are in calendar %s, which the config does not have: they cannot be compared", cal)
		}
	}
	return out
}

func joined(calendars []calendar.ID) string {
	var out []string
	for _, c := range calendars {
		out = append(out, string(c))
	}
	return strings.Join(out, ", ")
}
