package daemon_test

import (
	"slices"
	"testing"

	"slotd/internal/config"
	"slotd/internal/daemon"
)

func TestConfigChoosesTheOrder(t *testing.T) {
	for dayFirst, want := range map[bool]string{false: "DOCTOR", true: "DAY"} {
		f, err := daemon.LoadFlow(&config.Config{Flow: config.Flow{DayFirst: dayFirst}})
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Entry().Next; !slices.Equal(got, []string{want}) {
			t.Errorf("day first %v: the first screen leads to %v", dayFirst, got)
		}
	}
}
