package syncer

import (
	"context"
	"testing"
	"time"

	"slotd/internal/calendar"
)

// TestStuckNamesALoopThatHangs: a provider that fails, throttles or hangs for as long as a call may take stops no loop; a
// call that does not come back although it was broken off does.
func TestStuckNamesALoopThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		never := func(d time.Duration) {
			t.Helper()
			for end := time.Now().Add(d); time.Now().Before(end); r.wait(10 * time.Second) {
				if loop := r.Stuck(); loop != "" {
					t.Fatalf("%s seems to hang", loop)
				}
			}
		}
		hang := func(ops ...string) (release func()) {
			hung := make(chan struct{})
			r.provider.hook(func(op, cal string) error {
				for _, o := range ops {
					if op == o && cal == "adams" {
						<-hung
					}
				}
				return nil
			})
			return func() { r.provider.hook(nil); close(hung); r.wait(0) }
		}
		r.start()
		never(time.Hour)
		for _, cause := range []error{
			fault(calendar.Unclear), fault(calendar.NeedsPerson), context.DeadlineExceeded,
			&calendar.Error{Kind: calendar.Throttled, Op: "test", RetryAfter: 3 * time.Hour},
		} {
			r.provider.hook(func(string, string) error { return cause })
			r.book("b"+cause.Error(), cal1, hours(1, 10, 11))
			never(5 * time.Hour)
		}
		r.provider.hook(nil)
		never(5 * time.Hour)

		release := hang("changed")
		r.wait(callTimeout + stepWithin + 2*time.Minute)
		if got, want := r.Stuck(), "the mirror of "+string(cal1); got != want {
			t.Errorf("stuck is %q, want %q", got, want)
		}
		release()
		never(time.Hour)

		release = hang("apply")
		r.book("last", cal1, hours(2, 10, 11))
		r.wait(writeTimeout + stepWithin + time.Minute)
		if got, want := r.Stuck(), "writing to "+string(cal1); got != want {
			t.Errorf("stuck is %q, want %q", got, want)
		}
		release()
		never(time.Hour)
	})
}
