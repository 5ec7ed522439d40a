package desk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// TestRelate compares who guards whose time with the rule as it is said: two resources are related when one books into
// a calendar that blocks the other, or has bookings to come there.
func TestRelate(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable
		pick := func() calendar.ID { return calendar.ID(fmt.Sprintf("a/%d", random.IntN(8))) }
		var resources []booking.Resource
		placed := map[calendar.ID][]string{}
		for i := range 6 {
			r := booking.Resource{ID: fmt.Sprintf("r%d", i), BookInto: pick()}
			r.Blocks = []calendar.ID{r.BookInto, pick(), pick()}
			resources = append(resources, r)
		}
		placed[pick()] = []string{"r0", "gone"}
		got := relate(resources, placed)
		for _, r := range resources {
			var want []string
			for _, o := range resources {
				guards := slices.Contains(r.Blocks, o.BookInto) || slices.Contains(o.Blocks, r.BookInto)
				if o.ID != r.ID && guards {
					want = append(want, o.ID)
				}
			}
			for _, cal := range r.Blocks {
				for _, id := range placed[cal] {
					if id != r.ID && !slices.Contains(want, id) {
						want = append(want, id)
					}
				}
			}
			slices.Sort(want)
			if !slices.Equal(got[r.ID], want) {
				t.Fatalf("seed %d: %s is related to %v, want %v", seed, r.ID, got[r.ID], want)
			}
		}
	}
}
