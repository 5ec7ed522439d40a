package desk

import (
	"context"
	"fmt"
	"math"
	"slices"

	"slotd/store"
)

// UnlistBookings records that confirms do not list bookings under their customers, where no rule counts these: should one do
// so later, they are to be listed anew. It must be called before such a desk serves.
func (d *Desk) UnlistBookings(ctx context.Context) error {
	if d.oneOpen {
		return nil
	}
	listed, err := d.listed(ctx)
	if err == nil && listed {
		err = d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			tx.DeleteOpenListed()
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("forget that bookings are listed under their customers: %w", err)
	}
	return nil
}

func (d *Desk) listed(ctx context.Context) (listed bool, err error) {
	err = d.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		listed, err = r.OpenListed()
		return err
	})
	return listed, err
}

// listAtOnce bounds one Update of ListBookings.
const listAtOnce = 20

// ListBookings lists the bookings to come under their customers, where a rule counts these and that was not done: those made
// while no rule did. It must be called while this desk serves and no other does, so that none slips through. It may be
// broken off and repeated.
func (d *Desk) ListBookings(ctx context.Context) error {
	if !d.oneOpen {
		return nil
	}
	listed, err := d.listed(ctx)
	if err == nil && !listed {
		err = d.listAll(ctx)
	}
	if err != nil {
		return fmt.Errorf("list the bookings to come under their customers: %w", err)
	}
	return nil
}

func (d *Desk) listAll(ctx context.Context) error {
	now := d.cfg.Now()
	var ids []string
	err := d.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		ids, err = r.BookingIDs(now.AddDate(0, 0, -1), now.AddDate(10, 0, 0), math.MaxInt)
		return err
	})
	if err != nil {
		return err
	}
	known, err := d.makers(ctx, ids)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(ids, listAtOnce) {
		err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			for _, id := range batch {
				if err := d.listOld(tx, id, known[id]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		tx.PutOpenListed(now)
		return nil
	})
}

// makers returns the visits that made the bookings, by booking. Where a visit knew no phone number, or is no more (nil), the
// number of the booking was typed as far as anybody can tell.
func (d *Desk) makers(ctx context.Context, ids []string) (map[string]*store.Visit, error) {
	known := make(map[string]*store.Visit, len(ids))
	for _, id := range ids {
		known[id] = nil
	}
	err := pages(ctx, d.cfg.Store, func(r *store.Reader, after string) (string, int, error) {
		all, err := r.Visits(after, forgetPage)
		for _, v := range all {
			after = v.Key
			if v.Outcome == nil {
				continue
			}
			if _, wanted := known[v.Outcome.Booking]; wanted {
				known[v.Outcome.Booking] = &v.Visit
			}
		}
		return after, len(all), err
	})
	return known, err
}

// listOld lists a booking that was made before, if it is still to come and not listed.
func (d *Desk) listOld(tx *store.Tx, id string, maker *store.Visit) error {
	b, err := tx.Booking(id)
	if err != nil || b == nil || !d.toCome(b) {
		return err
	}
	person, err := tx.Person(id)
	if err != nil {
		return err
	}
	who := d.customerOf(maker, person.Phone)
	if who.digits == "" {
		return nil // recovered from its event, say: nobody knows whose it is
	}
	ids, err := tx.OpenBookings(d.openKey(who))
	if err != nil || slices.Contains(ids, id) {
		return err
	}
	tx.PutOpenBookings(d.openKey(who), append(slices.Clone(ids), id))
	return nil
}
