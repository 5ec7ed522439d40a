package desk

import (
	"crypto/rand"
	"errors"
	"time"

	"slotd/internal/calendar"
)

// Start parses a slot id, an instant in RFC 3339, as its Unix seconds. Slot ids come from outside.
func Start(slotID string) (int64, error) {
	t, err := time.Parse(time.RFC3339, slotID)
	if err != nil {
		return 0, errors.New("not a slot id")
	}
	return t.Unix(), nil
}

// SlotID is the id of a start time on a screen.
func SlotID(start int64) string {
	return calendar.Interval{Start: start}.StartTime().Format(time.RFC3339)
}

// The letters of a reference: none that is mistaken for another when it is read out over a telephone.
const referenceLetters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

// newReference returns a random code such as "K7M-2QX".
func newReference() string {
	var raw [6]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	out := make([]byte, 0, 7)
	for i, b := range raw {
		if i == 3 {
			out = append(out, '-')
		}
		out = append(out, referenceLetters[int(b)%len(referenceLetters)])
	}
	return string(out)
}
