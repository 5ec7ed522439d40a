package syncer

import (
	"context"
	"errors"
	"time"
)

// errNoRoom means that the account was busy with reading and writing for long.
var errNoRoom = errors.New("the account had no call to spare")

// Bounds of the wait for a call to spare.
const (
	spareEvery  = time.Second
	spareWithin = 5 * time.Minute
)

// doSpare makes a call that nobody waits for: only while other calls find room beside it, and it closes the gate for
// nobody when it is refused. It is broken off after limit.
func (g *gate) doSpare(ctx context.Context, limit time.Duration, call func(context.Context) error) error {
	for begun := time.Now(); !g.spare(); {
		if time.Since(begun) > spareWithin {
			return errNoRoom
		}
		if err := sleep(ctx, jitter(spareEvery)); err != nil {
			return err
		}
	}
	defer func() { <-g.slots }()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return call(ctx)
}

// spare takes a slot if one is left beside it, where there are several, and the rate is far from its limit.
func (g *gate) spare() bool {
	burst := float64(g.rate.Burst())
	if g.wait() > 0 || g.rate.Tokens() < min(burst, 1+burst/4) {
		return false
	}
	if len(g.slots)+1 >= cap(g.slots) && cap(g.slots) > 1 {
		return false
	}
	select {
	case g.slots <- struct{}{}:
		g.rate.Allow()
		return true
	default:
		return false
	}
}
