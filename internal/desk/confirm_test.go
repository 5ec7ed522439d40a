package desk_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
	"slotd/store/kv"

	"github.com/google/go-cmp/cmp"
)

// race runs the confirms at once and returns their results in the same order.
func (c *clinic) race(wishes []desk.Confirm) ([]desk.Confirmed, []error) {
	done, errs := make([]desk.Confirmed, len(wishes)), make([]error, len(wishes))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, w := range wishes {
		wg.Go(func() {
			<-start
			done[i], errs[i] = c.Confirm(c.t.Context(), w)
		})
	}
	close(start)
	wg.Wait()
	return done, errs
}

// winners returns how many succeeded and fails for an error that is not a *LostError of the reason.
func (c *clinic) winners(errs []error, want booking.Reason) int {
	c.t.Helper()
	n := 0
	for _, err := range errs {
		var lost *desk.LostError
		if err == nil {
			n++
		} else if !errors.As(err, &lost) || lost.Reason != want {
			c.t.Errorf("a loser was told %v", err)
		}
	}
	return n
}

func TestOneOfManyWins(t *testing.T) {
	baker := desk.Choice{Department: "heart", Service: "check", Resource: "baker"}
	tests := []struct {
		name   string
		change func(*desk.Config)
		wish   func(c *clinic, i int) desk.Confirm
		want   int
	}{
		{"same slot", nil, func(c *clinic, _ int) desk.Confirm { return c.wish(adams, at(1, 10, 0)) }, 1},
		{"overlapping, unequal starts", nil, func(c *clinic, i int) desk.Confirm {
			return c.wish(adams, at(1, 10, 15*(i%2)))
		}, 1},
		{"chain of overlaps around one", nil, func(c *clinic, i int) desk.Confirm {
			return c.wish(desk.Choice{Service: "check", Resource: "baker"}, at(1, 10, 15*(i%2)))
		}, 1},
		{"two resources, one calendar", func(cfg *desk.Config) {
			cfg.Resources[1].BookInto, cfg.Resources[1].Blocks = "g/adams", []calendar.ID{"g/adams"}
		}, func(c *clinic, i int) desk.Confirm {
			return c.wish([]desk.Choice{adams, baker}[i%2], at(1, 10, 15*(i%2)))
		}, 1},
		{"capacity of two", func(cfg *desk.Config) { cfg.Resources[0].Rules.Capacity = new(2) },
			func(c *clinic, i int) desk.Confirm { return c.wish(adams, at(1, 10, 15*(i%2))) }, 2},
		{"any of two", nil, func(c *clinic, _ int) desk.Confirm {
			return c.wish(desk.Choice{Department: "heart", Service: "check", Resource: desk.Any}, at(1, 10, 0))
		}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, func(cfg *desk.Config) {
				if tt.change != nil {
					tt.change(cfg)
				}
			})
			var wishes []desk.Confirm
			for i := range 64 {
				wishes = append(wishes, tt.wish(c, i))
			}
			done, errs := c.race(wishes)
			if n := c.winners(errs, booking.Claimed); n != tt.want {
				t.Errorf("%d bookings, want %d", n, tt.want)
			}
			stored := c.bookings()
			if len(stored) != tt.want {
				t.Errorf("%d bookings are stored, want %d", len(stored), tt.want)
			}
			for i, d := range done {
				if errs[i] == nil && !slices.ContainsFunc(stored, func(b *booking.Booking) bool { return b.ID == d.Booking }) {
					t.Error("a booking was acknowledged that is not stored")
				}
			}
		})
	}
}

// TestAnyTakesTheLeastBusy: of those who are free at the time, whoever has the least work that day.
func TestAnyTakesTheLeastBusy(t *testing.T) {
	c := open(t)
	anyone := desk.Choice{Department: "heart", Service: "check", Resource: desk.Any}
	c.mustConfirm(c.wish(adams, at(1, 9, 0)))
	var got []string
	for _, start := range []int64{at(1, 11, 0), at(1, 13, 0), at(2, 11, 0)} {
		done := c.mustConfirm(c.wish(anyone, start))
		got = append(got, done.Booking)
	}
	var who []string
	for _, id := range got {
		for _, b := range c.bookings() {
			if b.ID == id {
				who = append(who, b.Placements[0].Resource)
			}
		}
	}
	// Tuesday: baker has nothing, then both have one and the order of the config decides. Wednesday begins anew.
	if want := []string{"baker", "adams", "adams"}; !slices.Equal(who, want) {
		t.Errorf("%v, want %v", who, want)
	}
}

// TestAnyTriesTheNext: the first choice is taken between ranking and claiming.
func TestAnyTriesTheNext(t *testing.T) {
	c := open(t)
	mine := c.wish(desk.Choice{Department: "heart", Service: "check", Resource: desk.Any}, at(1, 10, 0))
	rival := c.wish(adams, at(1, 10, 0))
	c.db.fail(func(n int64) outcome {
		if n != 1 {
			return outcome{}
		}
		return outcome{race: func() { c.mustConfirm(rival) }}
	})
	done := c.mustConfirm(mine)
	if want := "baker"; !slices.ContainsFunc(c.bookings(), func(b *booking.Booking) bool {
		return b.ID == done.Booking && b.Placements[0].Resource == want
	}) {
		t.Errorf("not booked at %s", want)
	}
}

// TestSameRequestSameAnswer: WhatsApp sends a request again when the reply was lost.
func TestSameRequestSameAnswer(t *testing.T) {
	for _, choice := range []desk.Choice{adams, {Department: "heart", Service: "check", Resource: desk.Any}} {
		t.Run(choice.Resource, func(t *testing.T) {
			c := open(t)
			wish := c.wish(choice, at(1, 10, 0))
			done, errs := c.race(slices.Repeat([]desk.Confirm{wish}, 16))
			firsts := 0
			for i := range done {
				if errs[i] != nil || string(done[i].Answer) != string(done[0].Answer) || done[i].Booking != done[0].Booking {
					t.Errorf("%d: %+v, %v; the first got %+v", i, done[i], errs[i], done[0])
				}
				if !done[i].Repeated {
					firsts++
				}
			}
			if firsts != 1 || len(c.bookings()) != 1 {
				t.Errorf("%d made a booking, %d are stored", firsts, len(c.bookings()))
			}
			c.reopen()
			c.now = c.now.Add(72 * time.Hour) // the slot is past, the token expired, the mirror old
			again := c.mustConfirm(wish)
			if !again.Repeated || string(again.Answer) != string(done[0].Answer) {
				t.Errorf("after a restart: %+v", again)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	spent := func(c *clinic, w *desk.Confirm) { c.mustConfirm(*w) }
	tests := []struct {
		name    string
		foreign bool
		do      func(c *clinic, w *desk.Confirm)
		want    string
	}{
		{name: "ours"},
		{name: "spent, other slot", do: func(c *clinic, w *desk.Confirm) {
			spent(c, w)
			w.Start, w.Request = at(1, 11, 0), "other"
		}, want: "spent"},
		{name: "spent, same slot, other request", do: func(c *clinic, w *desk.Confirm) {
			spent(c, w)
			w.Request = "other"
		}, want: "spent"},
		{name: "expired at its last moment", do: func(c *clinic, _ *desk.Confirm) {
			c.now = c.now.Add(24 * time.Hour)
			c.read("g/adams")
		}, want: "expired"},
		{name: "just before that", do: func(c *clinic, w *desk.Confirm) {
			c.now = c.now.Add(24*time.Hour - time.Second)
			c.read("g/adams")
			w.Start = at(2, 13, 0)
		}},
		{name: "foreign, refused", do: func(_ *clinic, w *desk.Confirm) { w.Token = "made-by-another-tool" }, want: "unknown"},
		{name: "foreign, accepted", foreign: true, do: func(_ *clinic, w *desk.Confirm) { w.Token = "made-by-another-tool" }},
		{name: "foreign, spent", foreign: true, do: func(c *clinic, w *desk.Confirm) {
			w.Token = "made-by-another-tool"
			spent(c, w)
			w.Start, w.Request = at(1, 11, 0), "other"
		}, want: "spent"},
		{name: "ours, expired, where foreign ones are accepted", foreign: true, do: func(c *clinic, _ *desk.Confirm) {
			c.now = c.now.Add(25 * time.Hour)
			c.read("g/adams")
		}, want: "expired"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, func(cfg *desk.Config) { cfg.AcceptForeignTokens = tt.foreign })
			wish := c.wish(adams, at(1, 10, 0))
			if tt.do != nil {
				tt.do(c, &wish)
			}
			before := c.dump()
			done, err := c.Confirm(t.Context(), wish)
			if tt.want == "" {
				if err != nil || done.Repeated {
					t.Fatalf("%+v, %v", done, err)
				}
				return
			}
			var token *desk.TokenError
			if !errors.As(err, &token) || token.Why != tt.want || (token.Booking != "") != (tt.want == "spent") {
				t.Errorf("%#v, want %s", err, tt.want)
			}
			if _, err := c.Visitor(t.Context(), wish.Token); tt.want != "spent" && !errors.As(err, &token) {
				t.Errorf("Visitor: %v", err)
			}
			if !maps.Equal(before, c.dump()) {
				t.Error("something was written")
			}
		})
	}
}

// TestOneTokenOneBooking: the same token asks for two slots at once.
func TestOneTokenOneBooking(t *testing.T) {
	c := open(t)
	first := c.wish(adams, at(1, 10, 0))
	var wishes []desk.Confirm
	for i := range 16 {
		w := first
		w.Start, w.Request = at(1, 9+i%2*2, 15*(i%4)), fmt.Sprint("request ", i)
		wishes = append(wishes, w)
	}
	_, errs := c.race(wishes)
	won := 0
	for _, err := range errs {
		var token *desk.TokenError
		var lost *desk.LostError
		switch {
		case err == nil:
			won++
		case !errors.As(err, &token) && !errors.As(err, &lost):
			t.Error(err)
		}
	}
	if won != 1 || len(c.bookings()) != 1 {
		t.Errorf("%d won, %d bookings", won, len(c.bookings()))
	}
}

// TestRefused: a slot that was never offered, or is not any more, and a choice that was forged.
func TestRefused(t *testing.T) {
	tests := []struct {
		name   string
		choice desk.Choice
		start  int64
		want   booking.Reason
	}{
		{"past", adams, at(-3, 10, 0), booking.TooSoon},
		{"within the notice", adams, at(0, 10, 45), booking.TooSoon},
		{"beyond the horizon", adams, at(9, 9, 15), booking.TooFar},
		{"off the grid", adams, at(1, 10, 5), booking.NotOffered},
		{"before opening", adams, at(1, 8, 45), booking.NotOffered},
		{"ends after closing", adams, at(1, 11, 45), booking.NotOffered},
		{"at night", adams, at(1, 3, 0), booking.NotOffered},
		{"closed day", adams, at(6, 10, 0), booking.NotOffered},
		{"the year 1", adams, -62135596800, booking.TooSoon},
		{"the year 9999", adams, 253402300799, booking.TooFar},
		{"any, where nobody does it", desk.Choice{Department: "empty", Service: "check", Resource: desk.Any}, at(1, 10, 0),
			booking.NotOffered},
		{"resource of another department", desk.Choice{Department: "skin", Service: "check", Resource: "adams"}, at(1, 10, 0),
			booking.NotOffered},
		{"resource without the service", desk.Choice{Department: "heart", Service: "scan", Resource: "adams"}, at(1, 10, 30),
			booking.NotOffered},
		{"busy", adams, at(2, 10, 0), booking.Busy},
	}
	c := open(t)
	c.read("g/adams", minutes(at(2, 10, 15), 1))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wish := c.wish(tt.choice, tt.start)
			before := c.dump()
			var lost *desk.LostError
			if _, err := c.Confirm(t.Context(), wish); !errors.As(err, &lost) || lost.Reason != tt.want {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if !maps.Equal(before, c.dump()) {
				t.Error("something was written")
			}
		})
	}
	t.Run("unknown service", func(t *testing.T) {
		wish := c.wish(desk.Choice{Department: "heart", Service: "x", Resource: desk.Any}, at(1, 10, 0))
		var unknown *desk.UnknownError
		if _, err := c.Confirm(t.Context(), wish); !errors.As(err, &unknown) {
			t.Error(err)
		}
	})
}

// TestEdgesAreInclusive: the first and the last instant that notice and horizon allow.
func TestEdgesAreInclusive(t *testing.T) {
	c := open(t)
	for _, start := range []int64{at(0, 11, 0), at(9, 9, 0)} {
		c.mustConfirm(c.wish(adams, start))
	}
	c.now = c.now.Add(time.Nanosecond)
	baker := desk.Choice{Department: "heart", Service: "check", Resource: "baker"}
	c.read("g/baker")
	if why := c.mustCheck(baker, at(0, 11, 0)); why != booking.TooSoon {
		t.Errorf("a nanosecond too late: %v", why)
	}
}

func TestThePhoneOfTheTokenWins(t *testing.T) {
	tests := []struct {
		name       string
		foreign    bool
		typed      booking.Person
		want       booking.Person
		knownPhone string
	}{
		{name: "typed in another's number", typed: booking.Person{Name: "Max", Phone: "491700000099", Notes: "knee"},
			want: booking.Person{Name: "Max", Phone: "491700000001", Notes: "knee"}},
		{name: "nothing typed", want: booking.Person{Name: "Erika", Phone: "491700000001"}},
		{name: "a token that knows nothing", foreign: true, typed: booking.Person{Name: "Max", Phone: "491700000099"},
			want: booking.Person{Name: "Max", Phone: "491700000099"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, func(cfg *desk.Config) { cfg.AcceptForeignTokens = tt.foreign })
			wish := c.wish(adams, at(1, 10, 0))
			wish.Person = tt.typed
			if tt.foreign {
				wish.Token = "made-by-another-tool"
			}
			done := c.mustConfirm(wish)
			var got booking.Person
			err := c.store.View(t.Context(), func(r *store.Reader) (err error) {
				got, err = r.Person(done.Booking)
				return err
			})
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			for key, value := range c.dump() { // the token is a secret
				if len(value) > 0 && (key == wish.Token || value == wish.Token) {
					t.Error("the token itself is stored")
				}
			}
		})
	}
}

// TestEngineErrors: whatever the engine does, one wish makes at most one booking, and who asks again gets its answer.
func TestEngineErrors(t *testing.T) {
	onDisk, lost := outcome{err: kv.ErrUncertain}, outcome{err: kv.ErrUncertain, lost: true}
	first := func(o ...outcome) func(int64) outcome {
		return func(n int64) outcome {
			if n > int64(len(o)) {
				return outcome{}
			}
			return o[n-1]
		}
	}
	always := func(o outcome) func(int64) outcome { return func(int64) outcome { return o } }
	tests := []struct {
		name   string
		plan   func(int64) outcome
		err    error
		stored int // before the request is sent again
	}{
		{"on disk though uncertain", first(onDisk), nil, 1},
		{"on disk, twice", first(onDisk, onDisk), nil, 1},
		{"lost", first(lost), nil, 1},
		{"lost, then on disk", first(lost, onDisk), nil, 1},
		{"fn runs again", first(outcome{race: func() {}}), nil, 1},
		{"fn runs again, on disk though uncertain", first(outcome{race: func() {}, err: kv.ErrUncertain}), nil, 1},
		{"always uncertain, on disk", always(onDisk), kv.ErrUncertain, 1},
		{"always uncertain, lost", always(lost), kv.ErrUncertain, 0},
		{"full", always(outcome{err: kv.ErrFull, lost: true}), kv.ErrFull, 0},
		{"read-only", always(outcome{err: kv.ErrReadOnly, lost: true}), kv.ErrReadOnly, 0},
	}
	for _, tt := range tests {
		for _, choice := range []desk.Choice{adams, {Department: "heart", Service: "check", Resource: desk.Any}} {
			t.Run(tt.name+", "+choice.Resource, func(t *testing.T) {
				c := open(t)
				wish := c.wish(choice, at(1, 10, 0))
				before := c.dump()
				c.db.fail(tt.plan)
				done, err := c.Confirm(t.Context(), wish)
				c.db.fail(nil)
				if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				if n := len(c.bookings()); n != tt.stored {
					t.Fatalf("%d bookings, want %d", n, tt.stored)
				}
				if tt.stored == 0 && !maps.Equal(before, c.dump()) {
					t.Error("something was written")
				}
				c.reopen()
				again := c.mustConfirm(wish)
				if n := len(c.bookings()); n != 1 {
					t.Errorf("%d bookings after asking again", n)
				}
				if err == nil && (string(again.Answer) != string(done.Answer) || again.Booking != done.Booking) {
					t.Errorf("two answers: %+v and %+v", done, again)
				}
				if want := "booked " + c.bookings()[0].Reference; string(again.Answer[:len(want)]) != want {
					t.Errorf("answer %s, want %s", again.Answer, want)
				}
			})
		}
	}
}

// TestWrittenIsTold: the write-back hears of every booking that was committed, also where the engine was not sure.
func TestWrittenIsTold(t *testing.T) {
	told := 0
	c := open(t, func(cfg *desk.Config) { cfg.Written = func(calendar.ID) { told++ } })
	wish := c.wish(adams, at(1, 10, 0))
	c.db.fail(func(n int64) outcome {
		if n == 1 {
			return outcome{err: kv.ErrUncertain}
		}
		return outcome{}
	})
	c.mustConfirm(wish)
	if told == 0 {
		t.Error("the booking waits for the timer")
	}
}

// TestInterferenceBetweenRuns: an engine that decides late runs fn again after somebody else committed.
func TestInterferenceBetweenRuns(t *testing.T) {
	tests := []struct {
		name  string
		rival func(c *clinic, w desk.Confirm) desk.Confirm
		check func(t *testing.T, done desk.Confirmed, err error, rival desk.Confirmed)
	}{
		{"another customer took the slot", func(c *clinic, _ desk.Confirm) desk.Confirm { return c.wish(adams, at(1, 10, 15)) },
			func(t *testing.T, _ desk.Confirmed, err error, _ desk.Confirmed) {
				var lost *desk.LostError
				if !errors.As(err, &lost) {
					t.Error(err)
				}
			}},
		{"the twin of this request", func(_ *clinic, w desk.Confirm) desk.Confirm { return w },
			func(t *testing.T, done desk.Confirmed, err error, rival desk.Confirmed) {
				if err != nil || !done.Repeated || string(done.Answer) != string(rival.Answer) {
					t.Errorf("%+v, %v", done, err)
				}
			}},
		{"the same token, another slot", func(_ *clinic, w desk.Confirm) desk.Confirm {
			w.Start, w.Request = at(1, 15, 0), "other"
			return w
		}, func(t *testing.T, _ desk.Confirmed, err error, _ desk.Confirmed) {
			var token *desk.TokenError
			if !errors.As(err, &token) {
				t.Error(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t)
			wish := c.wish(adams, at(1, 10, 0))
			other := tt.rival(c, wish)
			var rival desk.Confirmed
			c.db.fail(func(n int64) outcome {
				if n != 1 {
					return outcome{}
				}
				return outcome{race: func() { rival = c.mustConfirm(other) }}
			})
			done, err := c.Confirm(t.Context(), wish)
			tt.check(t, done, err, rival)
			if n := len(c.bookings()); n != 1 {
				t.Errorf("%d bookings", n)
			}
		})
	}
}

// TestAMirrorThatChangesWhileConfirming: the transaction decides by what is stored when it commits.
func TestAMirrorThatChangesWhileConfirming(t *testing.T) {
	c := open(t)
	wish := c.wish(adams, at(1, 10, 0))
	c.db.fail(func(n int64) outcome {
		if n != 1 {
			return outcome{}
		}
		return outcome{race: func() { c.read("g/adams", minutes(at(1, 10, 10), 5)) }}
	})
	var lost *desk.LostError
	if _, err := c.Confirm(t.Context(), wish); !errors.As(err, &lost) || lost.Reason != booking.Busy {
		t.Errorf("%v", err)
	}
}

func TestReferences(t *testing.T) {
	t.Run("unique", func(t *testing.T) {
		c := open(t)
		seen := map[string]bool{}
		for day := range 5 {
			for _, start := range c.mustSlots(adams, calendar.DateOf(at(day, 12, 0), c.Zone())) {
				if c.mustCheck(adams, start) == booking.Free {
					c.mustConfirm(c.wish(adams, start))
				}
			}
		}
		for _, b := range c.bookings() {
			if seen[b.Reference] || len(b.Reference) != 7 || b.Reference[3] != '-' {
				t.Errorf("reference %q", b.Reference)
			}
			seen[b.Reference] = true
		}
		if len(seen) < 40 {
			t.Errorf("only %d bookings", len(seen))
		}
	})
	t.Run("one that is taken is not given again", func(t *testing.T) {
		c := open(t)
		wish := c.wish(adams, at(1, 10, 0))
		refused := ""
		c.db.lie = func(key string) []byte {
			if len(key) > 4 && key[:4] == "ref/" && (refused == "" || refused == key) {
				refused = key
				return []byte("another booking")
			}
			return nil
		}
		done := c.mustConfirm(wish)
		b := c.bookings()[0]
		if len(c.bookings()) != 1 || "ref/"+b.Reference == refused || string(done.Answer) != "booked "+b.Reference+" adams" {
			t.Errorf("%+v, refused %s, answer %s", b, refused, done.Answer)
		}
	})
}

func TestSlotID(t *testing.T) {
	for _, start := range []int64{0, at(1, 10, 0), at(27, 3, 0), 253402300799} {
		got, err := desk.Start(desk.SlotID(start))
		if err != nil || got != start {
			t.Errorf("%d became %q, %d, %v", start, desk.SlotID(start), got, err)
		}
	}
	if got, err := desk.Start("2027-03-02T10:00:00+01:00"); err != nil || got != at(1, 10, 0) {
		t.Errorf("%d, %v", got, err)
	}
	for _, bad := range []string{"", "10:00", "2027-03-02", "2027-02-30T10:00:00Z", "1803978000", "x"} {
		if _, err := desk.Start(bad); err == nil {
			t.Errorf("%q is a slot id", bad)
		}
	}
}

func FuzzStart(f *testing.F) {
	for _, s := range []string{"", "2027-03-02T10:00:00Z", "2027-03-02T10:00:00.5+01:00", "0000-01-01T00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		start, err := desk.Start(s)
		if err != nil {
			return
		}
		if again, err := desk.Start(desk.SlotID(start)); err == nil && again != start {
			t.Errorf("%q is %d, then %d", s, start, again)
		}
	})
}
