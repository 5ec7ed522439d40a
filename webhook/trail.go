package webhook

import (
	"container/list"
	"maps"
	"sync"
	"time"

	"slotd/internal/flow"
)

// trailSize bounds how many tokens a trail remembers.
const trailSize = 10_000

// trail remembers of each token when it was last answered and with which screens. It only makes answers kinder: a BACK
// request carries no payload, and a screen that was left open for long should not lead to a lost slot. Forgetting is
// harmless, so it is bounded and lives in memory.
type trail struct {
	size int

	mu    sync.Mutex
	steps map[string]*list.Element // flow token → element holding *steps
	order *list.List               // most recently used first
}

type steps struct {
	token   string
	at      time.Time
	screens map[string]step
	made    chooses
}

type step struct {
	choices map[flow.Name]string
	extras  map[string]string
}

func newTrail(size int) *trail {
	return &trail{size: size, steps: map[string]*list.Element{}, order: list.New()}
}

// answered records that a token was shown a screen.
func (t *trail) answered(token, screen string, choices map[flow.Name]string, extras map[string]string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.steps[token]
	if e == nil {
		e = t.order.PushFront(&steps{token: token, screens: map[string]step{}})
		t.steps[token] = e
		if t.order.Len() > t.size {
			oldest := t.order.Back()
			t.order.Remove(oldest)
			delete(t.steps, oldest.Value.(*steps).token)
		}
	}
	t.order.MoveToFront(e)
	s := e.Value.(*steps)
	s.at = now
	s.screens[screen] = step{choices: maps.Clone(choices), extras: maps.Clone(extras)}
}

// shown returns what a screen was last shown with.
func (t *trail) shown(token, screen string) (map[flow.Name]string, map[string]string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.steps[token]
	if e == nil {
		return nil, nil, false
	}
	s, ok := e.Value.(*steps).screens[screen]
	if !ok {
		return nil, nil, false
	}
	return maps.Clone(s.choices), maps.Clone(s.extras), true
}

// first returns what of did the token was not known to have chosen since it was opened, and remembers it.
func (t *trail) first(token string, did chooses) chooses {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.steps[token]
	if e == nil {
		return did
	}
	s := e.Value.(*steps)
	did &^= s.made
	s.made |= did
	return did
}

// older reports whether the token is remembered and was last answered longer than ttl ago.
func (t *trail) older(token string, now time.Time, ttl time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.steps[token]
	return e != nil && ttl > 0 && now.Sub(e.Value.(*steps).at) > ttl
}

// forget begins a token's trail anew.
func (t *trail) forget(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.steps[token]; e != nil {
		t.order.Remove(e)
		delete(t.steps, token)
	}
}
