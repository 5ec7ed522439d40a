package store

import (
	"context"
	"slices"

	"slotd/store/kv"
)

// customers takes bookings that are not to come any more off the lists of their customers, and removes lists without any. It
// runs before bookings are removed, so that no list names one that is gone.
func (r *retention) customers(ctx context.Context) error {
	old := func(rd *Reader, item kv.Item) (bool, error) {
		_, gone, err := r.toCome(rd.getter, item.Key)
		return gone > 0, err
	}
	return r.sweep(ctx, prefixOpen, "", old, func(ctx context.Context, keys []string) error {
		n := 0
		err := r.store.Update(ctx, func(tx *Tx) error {
			n = 0
			for _, key := range keys {
				left, gone, err := r.toCome(tx.getter, key)
				if err != nil {
					return err
				}
				if gone > 0 {
					tx.PutOpenBookings(key, left)
				}
				if gone > 0 && len(left) == 0 {
					n++
				}
			}
			return nil
		})
		r.removed.Customers += n
		return err
	})
}

// toCome returns which bookings on the list of a customer are to come, and how many are not.
func (r *retention) toCome(g getter, key string) (left []string, gone int, err error) {
	ids, err := g.OpenBookings(key)
	if err != nil {
		return nil, 0, err
	}
	for _, id := range ids {
		b, err := g.Booking(id)
		if err != nil {
			return nil, 0, err
		}
		if b != nil && b.ToCome(r.Now.Unix()) {
			left = append(left, id)
		}
	}
	return slices.Clip(left), len(ids) - len(left), nil
}
