package account

import (
	"context"
	"fmt"
	"time"
)

// saveWithin bounds one save. It is apart from the time of an exchange: a rotated token that came late must be saved too.
const saveWithin = 5 * time.Second

// CloseWithin is how long Close takes at most, unless the store hangs: the longest that one refresh, sign-in or
// disconnection takes once its turn has come, and the last try to save.
func (a *Account) CloseWithin() time.Duration { return a.timeout + 2*saveWithin }

// Close waits for a refresh, a sign-in or a disconnection that is under way, so that a rotated token is saved before the
// store is closed, and tries once more to save one that could not be saved. Those whose turn has not come fail, as all
// requests after Close do.
func (a *Account) Close() {
	a.mu.Lock()
	a.closed = true
	f := a.flight
	a.mu.Unlock()
	if f != nil {
		<-f.done
	}
	a.slot <- struct{}{}
	defer func() { <-a.slot }()
	if a.unsaved != nil {
		_, _ = a.saveRotated(context.Background()) // the status says since when it fails
	}
}

// Hold keeps a new account from touching its tokens until TakeOver, while others may use it already: they wait.
func (a *Account) Hold() { a.slot <- struct{}{} }

// TakeOver ends a Hold. old is the account of the same name before, closed, or nil: it saves nothing from now on, and
// what it could not save goes over to a, unless that is of another provider or application. An old account that is still
// busy when ctx ends keeps it. The error says that what was in memory only is not saved yet; a uses it all the same.
func (a *Account) TakeOver(ctx context.Context, old *Account) error {
	defer func() { <-a.slot }()
	if old == nil {
		return nil
	}
	var doc *document
	select {
	case old.slot <- struct{}{}:
		doc = old.inMemory()
		<-old.slot
	case <-ctx.Done():
	}
	old.end()
	same := a.cfg.Name == old.cfg.Name && a.cfg.Provider == old.cfg.Provider && a.cfg.ClientID == old.cfg.ClientID
	if doc == nil || !same || a.withoutPerson() {
		return nil
	}
	a.kept = doc
	if a.cfg.Keys == nil {
		return nil
	}
	return a.save(ctx, *doc) // when it fails, the next refresh tries again
}

// inMemory returns the document that only the process knows, nil when the store has the newest. Called with the slot taken.
func (a *Account) inMemory() *document {
	if a.unsaved != nil {
		return &a.unsaved.doc
	}
	return a.kept
}

// end lets nothing be saved from its return on. It waits for a save that has begun: that is before those of the next
// account then. The store writes in the order of the calls, so a save that hangs is before them too.
func (a *Account) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	t := time.NewTimer(saveWithin)
	defer t.Stop()
	select {
	case a.saving <- struct{}{}:
		<-a.saving
	case <-t.C:
	}
}

// store stores a document's bytes unless another account has taken over.
func (a *Account) store(ctx context.Context, data []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	select {
	case a.saving <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-a.saving }()
	a.mu.Lock()
	ended := a.ended
	a.mu.Unlock()
	if ended {
		return ErrClosed
	}
	return a.cfg.Tokens.SaveToken(ctx, a.cfg.Name, data)
}

// isClosed says whether Close was called.
func (a *Account) isClosed() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("account %q: %w", a.cfg.Name, ErrClosed)
	}
	return nil
}
