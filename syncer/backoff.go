package syncer

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// jitter spreads d evenly over ±20 %, so that loops that began together drift apart.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// The delays between attempts to write: doubled from the first to the longest.
const (
	firstDelay   = time.Second
	longestDelay = 10 * time.Minute
)

// delay returns how long to wait after the nth attempt (counted from 1) of one piece of work. It is a pure function, so
// that a restart goes on where it was; key spreads the work of one outage.
func delay(attempts int, key string) time.Duration {
	d := longestDelay
	if attempts < 12 {
		d = min(firstDelay<<max(attempts-1, 0), longestDelay)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	spread := float64(h.Sum32()%1000) / 1000 // [0, 1)
	return time.Duration(float64(d) * (0.75 + 0.5*spread))
}
