package main

import (
	"fmt"

	"slotd/internal/config"
)

// signsIn returns an error for an account of feeds, which has no sign-in to make or to end.
func signsIn(acc *config.Account) error {
	if acc.Provider != config.ICS {
		return nil
	}
	return usageError{fmt.Errorf("the calendars of account %q are feeds: there is nothing to sign in to. "+
		"'slotd calendars %[1]s' lists them, 'slotd doctor' looks at each", acc.Name)}
}
