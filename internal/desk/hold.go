package desk

import (
	"context"
	"fmt"
	"time"

	"slotd/internal/booking"
	"slotd/store"
)

// renewals is how many times its length a token can hold one slot by choosing it again. Nobody can keep a slot from others
// for ever without booking it.
const renewals = 3

// Hold holds a slot for the flow token until the customer confirms, for at most Config.Hold. A token holds one slot: what it
// held before is released, unless the slot cannot be had. A slot that is free and yet cannot be held, because the customer
// holds too many or this one for too long, is no error: a confirm never needs a hold.
// Errors: *LostError, *TokenError, *CustomerError, *UnknownError, and those of the store.
func (d *Desk) Hold(ctx context.Context, token string, c Choice, start int64) error {
	chosen, reason, err := d.rank(ctx, token, c, start)
	if err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	var missed misses
	for _, o := range chosen {
		err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error { return d.hold(tx, token, o, start) })
		if missed.next(err) {
			continue
		}
		d.refresh(o)
		return err
	}
	return missed.err(reason)
}

// hold is the transaction of a hold. It may run several times.
func (d *Desk) hold(tx *store.Tx, token string, o *booking.Offer, start int64) error {
	key, now := store.VisitKey(token), d.cfg.Now()
	visit, err := tx.Visit(key)
	if err != nil {
		return err
	}
	if _, err := d.admit(visit, ""); err != nil {
		return err
	}
	if _, err := d.admitCustomer(tx, d.customerOf(visit, ""), o); err != nil {
		return err
	}
	team, err := d.newView(d.asked(booking.Asker{Visit: key}).about(start)).team(tx, o)
	if err != nil {
		return err
	}
	why, resources := team.Check(start)
	if why != booking.Free {
		return &LostError{Reason: why}
	}
	if d.holds(visit, o.Service.ID, start) && visit.Hold.Resources[0] == o.Resource.ID && visit.Hold.Until.Sub(now) > d.cfg.Hold/2 {
		return nil // long enough for the next screen; what is not written is not waited for
	}
	if visit == nil {
		visit = &store.Visit{Expires: now.Add(d.cfg.TokenTTL)}
	}
	h := d.nextHold(visit.Hold, o, resources, start, now)
	if h == nil && d.cfg.Hold > 0 {
		return nil // held for as long as may be; that the visit remembers it keeps it from being held anew
	}
	if h != nil {
		if h, err = d.counted(tx, key, visit, h, now); err != nil {
			return err
		}
	}
	switch {
	case h != nil:
		err = tx.PutHold(key, visit, h, o.Hold(start, key, h.Until.Unix()), now)
	case visit.Hold == nil:
		return nil
	default:
		err = d.release(tx, key, visit, now)
	}
	if err != nil {
		return err
	}
	tx.PutVisit(key, visit)
	return nil
}

// nextHold returns the hold of a slot after the token's last one; nil when it may not hold it any longer.
func (d *Desk) nextHold(
	last *store.Hold, o *booking.Offer, resources []*booking.Resource, start int64, now time.Time,
) *store.Hold {
	h := &store.Hold{Service: o.Service.ID, Start: start, Since: now, Until: now.Add(d.cfg.Hold)}
	for _, r := range resources {
		h.Resources = append(h.Resources, r.ID)
	}
	if last != nil && last.Start == start && last.Resources[0] == h.Resources[0] {
		h.Since = last.Since
		if most := last.Since.Add(renewals * d.cfg.Hold); h.Until.After(most) {
			h.Until = most
		}
	}
	if !h.Until.After(now) {
		return nil
	}
	return h
}

// counted counts a hold for its customer; nil when the customer holds enough by other tokens.
func (d *Desk) counted(tx *store.Tx, key string, v *store.Visit, h *store.Hold, now time.Time) (*store.Hold, error) {
	if v.Phone == "" || d.cfg.HoldsPerCustomer <= 0 {
		return h, nil
	}
	customer := d.cfg.Store.CustomerKey(v.Phone)
	n, err := tx.Holding(customer, key, now)
	if err != nil || n >= d.cfg.HoldsPerCustomer {
		return nil, err
	}
	return h, tx.PutHolding(customer, key, h.Until, now)
}

// release ends what a visit holds, so that it counts for its customer no more either.
func (d *Desk) release(tx *store.Tx, key string, v *store.Visit, now time.Time) error {
	if v.Hold == nil {
		return nil
	}
	if v.Phone != "" && v.Hold.Until.After(now) {
		if err := tx.PutHolding(d.cfg.Store.CustomerKey(v.Phone), key, now, now); err != nil {
			return err
		}
	}
	return tx.PutHold(key, v, nil, booking.Claim{}, now)
}
