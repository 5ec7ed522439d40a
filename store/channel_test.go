package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/calendar"
	"slotd/store/kv"
)

// TestChannels: what is remembered of channels comes back as it was, of all calendars, and without channels no record stays.
func TestChannels(t *testing.T) {
	s := newStore(t)
	at := time.Date(2027, 4, 1, 12, 0, 0, 0, time.UTC)
	cal := calendar.ID("office/adams@clinic.example")
	want := []Channel{
		{ID: "one", Secret: []byte{1, 2}, Handle: "h", URL: "https://a.example/push", Phase: ChannelLive, Asked: at,
			Expires: at.Add(time.Hour), Renew: at.Add(time.Minute)},
		{ID: "two", Secret: []byte{3}, URL: "https://a.example/push", Phase: ChannelAsked, Asked: at, Expires: at.Add(time.Hour)},
	}
	put := func(list []Channel) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx *Tx) error { tx.PutChannels(cal, list); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	put(want)
	err := s.View(t.Context(), func(r *Reader) error {
		got, err := r.Channels(cal)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("channels (-want +got): %v\n%s", err, d)
		}
		all, err := r.AllChannels()
		if d := cmp.Diff(map[calendar.ID][]Channel{cal: want}, all); d != "" {
			t.Errorf("all channels (-want +got):\n%s", d)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Verify(t.Context(), s.db, VerifyOptions{Now: at})
	if err != nil || len(report.Findings) > 0 || report.Records["channel"] != 1 {
		t.Errorf("verify: %+v, %v", report, err)
	}
	put(nil)
	err = s.db.View(t.Context(), func(r kv.Reader) error {
		value, err := r.Get(keyChannel(cal))
		if value != nil {
			t.Error("a calendar without channels has a record")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
