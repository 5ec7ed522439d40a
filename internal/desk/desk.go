// Package desk is what a customer or an operator does with the business: see what can be booked, and book it.
//
// It answers from the store alone. One thing may wait for a provider, and for less than a second: a confirm of a time whose
// mirror is older than Config.VerifyWithin has that time looked at first, see [Live].
//
// One function decides whether a start time can be booked ([booking.Team.Check] over the facts of one snapshot); lists, days,
// alternatives and confirms all go through the same state, so what was listed and what is accepted cannot drift apart. A
// confirm repeats that decision inside the transaction that makes the claim, and there decides as well whether its customer
// may book, see [CustomerError].
//
// A mirror that was never read, or that the provider has not confirmed within Config.ServeWithin, makes no slot appear.
package desk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// Any is the choice of a customer to whom every resource of the department is right.
const Any = "any"

// Config is what New needs. Store, a Business with a Zone or a Catalog of one, and Identity are required. Durations and counts
// may be zero.
type Config struct {
	Store *store.Store
	// Business is all that can be booked. The desk keeps it; nobody may change it any more.
	booking.Business
	// Catalog is one that was made of the business already, which is then taken from it; it may be nil.
	Catalog *booking.Catalog
	// Placed says which resources have coming bookings in a calendar, whatever the config says of them now; see [Placed].
	Placed map[calendar.ID][]string
	// ServeWithin is how long ago the provider may have confirmed a mirror that is still answered from.
	ServeWithin time.Duration
	// VerifyWithin is the age of a mirror from which a confirm asks the provider about its time first; 0: never.
	VerifyWithin time.Duration
	// AcceptUnverified lets a confirm go on where the provider could not be asked.
	AcceptUnverified bool
	// ClockWrong reports that the host's clock is too far off for its "now" to mean anything; nothing is offered or booked
	// then. Nil: it is never asked.
	ClockWrong func() bool
	// Live asks the providers; it may be nil when VerifyWithin is 0.
	Live Live
	// Hold is how long a chosen slot is held for its flow token; 0: not at all.
	Hold time.Duration
	// HoldsPerCustomer bounds the slots that one customer, known by the phone number, holds at once by several tokens.
	HoldsPerCustomer int
	// TokenTTL is how long a flow token made by NewToken can be used.
	TokenTTL time.Duration
	// AcceptForeignTokens lets flow tokens book that another tool made.
	AcceptForeignTokens bool
	// Blocked reports whether nothing can be booked under a phone number, of which it gets the digits; nil: nobody is
	// refused. It is asked within transactions, concurrently, and must be quick.
	Blocked func(digits string) bool
	// Defaults are used where a Flow does not ask. Empty fields are filled when there is only one possibility.
	Defaults Choice
	// Identity returns the provider identity of a placement; the form depends on the provider of the calendar.
	Identity func(cal calendar.ID, booking, resource string, attempt int) string
	// Written is told the calendars of a booking that was made or changed, after the commit, so that the write-back need
	// not wait for its timer. It may be nil.
	Written func(calendar.ID)
	// Now is the clock; nil: that of the host.
	Now func() time.Time
}

// Desk answers customers. All methods may be called concurrently.
type Desk struct {
	cfg     Config
	catalog *booking.Catalog
	related atomic.Pointer[map[string][]string] // resource → the other resources that share a calendar with it
	// members are the resources of each department that can be chosen, in the order of the config; those of "" are all.
	members map[string][]*booking.Resource
	zones   sync.Map // name → *time.Location, of customers
	// oneOpen is set when some rule allows a customer only one booking to come: otherwise nobody lists them by customer.
	oneOpen bool
}

// New returns a desk for the business that cfg describes.
func New(cfg Config) (*Desk, error) {
	if cfg.Catalog == nil {
		cfg.Catalog = booking.NewCatalog(cfg.Business)
	}
	cfg.Business = *cfg.Catalog.Business()
	if cfg.Store == nil || cfg.Zone == nil || cfg.Identity == nil {
		return nil, errors.New("desk: Store, Zone and Identity are required")
	}
	if cfg.VerifyWithin > 0 && cfg.Live == nil {
		return nil, errors.New("desk: VerifyWithin needs Live")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Desk{
		cfg: cfg, catalog: cfg.Catalog, members: map[string][]*booking.Resource{},
	}
	for i := range cfg.Resources {
		r := &cfg.Resources[i]
		if len(r.Services) == 0 {
			continue // one that is only needed beside others is no choice
		}
		d.members[""] = append(d.members[""], r)
		for _, dep := range slices.Compact(slices.Sorted(slices.Values(r.Departments))) {
			d.members[dep] = append(d.members[dep], r)
		}
	}
	d.oneOpen = hasOneOpen(cfg.Business)
	d.Place(cfg.Placed)
	return d, nil
}

// Place replaces what Config.Placed says: until this desk serves, another one may make bookings on resources that are not
// in its config any more.
func (d *Desk) Place(placed map[calendar.ID][]string) {
	related := relate(d.cfg.Resources, placed)
	d.related.Store(&related)
}

// relate returns for each resource the others that share a calendar with it: an event of one blocks the other. Those in
// placed do so by their bookings, whatever the config says of them.
func relate(resources []booking.Resource, placed map[calendar.ID][]string) map[string][]string {
	into, blocked := map[calendar.ID][]string{}, map[calendar.ID][]string{} // → who books into it, whom it blocks
	for _, r := range resources {
		into[r.BookInto] = append(into[r.BookInto], r.ID)
		for _, cal := range r.Blocks {
			blocked[cal] = append(blocked[cal], r.ID)
		}
	}
	related := map[string][]string{}
	for _, r := range resources {
		others := slices.Clone(blocked[r.BookInto])
		for _, cal := range r.Blocks {
			others = append(append(others, into[cal]...), placed[cal]...)
		}
		slices.Sort(others)
		others = slices.DeleteFunc(slices.Compact(others), func(id string) bool { return id == r.ID })
		if len(others) > 0 {
			related[r.ID] = others
		}
	}
	return related
}

// Placed returns which resources have bookings to come in which calendar. A resource that left the config, or that books
// into another calendar now, keeps its bookings; until their events are mirrored only its claims guard their time.
func Placed(ctx context.Context, st *store.Store, now time.Time) (map[calendar.ID][]string, error) {
	placed := map[calendar.ID][]string{}
	err := st.View(ctx, func(r *store.Reader) error {
		ids, err := r.BookingIDs(now.AddDate(0, 0, -1), now.AddDate(10, 0, 0), math.MaxInt)
		if err != nil {
			return err
		}
		for _, id := range ids {
			b, err := r.Booking(id)
			if err != nil {
				return err
			}
			if b == nil {
				continue // the index is only a hint
			}
			for _, p := range b.Placements {
				if !slices.Contains(placed[p.Calendar], p.Resource) {
					placed[p.Calendar] = append(placed[p.Calendar], p.Resource)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find the resources with bookings to come: %w", err)
	}
	return placed, nil
}

// Choice is what a customer chose so far, as ids. Resource is Any when every resource is right.
type Choice struct {
	Department string `json:"department,omitempty"`
	Service    string `json:"service,omitempty"`
	Resource   string `json:"resource,omitempty"`
}

// UnknownError says that a request named something that does not exist, or not in this combination.
type UnknownError struct {
	What string // "department", "service", "resource"; of an invitation "zone"
}

func (e *UnknownError) Error() string { return "unknown " + e.What }

// Departments returns the departments that have a resource, in the order of the config.
func (d *Desk) Departments() []booking.Department {
	var out []booking.Department
	for _, dep := range d.cfg.Departments {
		if len(d.members[dep.ID]) > 0 {
			out = append(out, dep)
		}
	}
	return out
}

// Services returns the services that a resource of the department offers, in the order of the config. An empty
// department means all.
func (d *Desk) Services(department string) []booking.Service {
	var out []booking.Service
	for _, s := range d.cfg.Services {
		if d.possible(Choice{Department: department, Service: s.ID}) {
			out = append(out, s)
		}
	}
	return out
}

// Resources returns the resources of the department that offer the service; empty ids mean all.
func (d *Desk) Resources(department, service string) []booking.Resource {
	var out []booking.Resource
	for _, r := range d.candidates(Choice{Department: department, Service: service, Resource: Any}) {
		out = append(out, *r)
	}
	return out
}

// candidates returns the resources that a choice allows. Empty fields allow all.
func (d *Desk) candidates(c Choice) []*booking.Resource {
	var out []*booking.Resource
	for _, r := range d.among(c) {
		if c.allows(r) {
			out = append(out, r)
		}
	}
	return out
}

// possible reports whether a choice allows any resource.
func (d *Desk) possible(c Choice) bool { return slices.ContainsFunc(d.among(c), c.allows) }

// among returns the few resources among which are those that a choice allows.
func (d *Desk) among(c Choice) []*booking.Resource {
	if c.Resource == Any || c.Resource == "" {
		return d.members[c.Department]
	}
	if r := d.catalog.Resource(c.Resource); r != nil {
		return []*booking.Resource{r}
	}
	return nil
}

// allows reports whether a choice allows a resource. Empty fields allow all.
func (c Choice) allows(r *booking.Resource) bool {
	return len(r.Services) > 0 &&
		(c.Department == "" || slices.Contains(r.Departments, c.Department)) &&
		(c.Service == "" || slices.Contains(r.Services, c.Service)) &&
		(c.Resource == Any || c.Resource == "" || c.Resource == r.ID)
}

// Resolve checks a choice made of outside ids and completes it: a field that was not asked for takes its default, or the
// only possibility there is. The error is an *UnknownError naming the first field that does not fit.
func (d *Desk) Resolve(c Choice) (Choice, error) {
	if c.Department == "" {
		c.Department = d.cfg.Defaults.Department
	}
	if c.Department == "" && len(d.cfg.Departments) == 1 {
		c.Department = d.cfg.Departments[0].ID
	}
	if c.Department != "" && !d.possible(Choice{Department: c.Department}) {
		return c, &UnknownError{"department"}
	}
	if c.Service == "" {
		c.Service = d.defaultService(c.Department)
	}
	if c.Service == "" || !d.possible(Choice{Department: c.Department, Service: c.Service}) {
		return c, &UnknownError{"service"}
	}
	if c.Resource == "" {
		c.Resource = d.cfg.Defaults.Resource
	}
	if c.Resource == "" {
		c.Resource = Any
	}
	if !d.possible(c) {
		return c, &UnknownError{"resource"}
	}
	return c, nil
}

// defaultService returns the configured default if the department offers it, otherwise the first service that it offers.
func (d *Desk) defaultService(department string) string {
	offered := d.Services(department)
	for _, s := range offered {
		if s.ID == d.cfg.Defaults.Service {
			return s.ID
		}
	}
	if len(offered) == 0 {
		return ""
	}
	return offered[0].ID
}

// Service returns a service by id; nil when there is none.
func (d *Desk) Service(id string) *booking.Service { return d.catalog.Service(id) }

// Resource returns a resource by id; nil when there is none.
func (d *Desk) Resource(id string) *booking.Resource { return d.catalog.Resource(id) }

// Department returns a department by id; nil when there is none.
func (d *Desk) Department(id string) *booking.Department { return d.catalog.Department(id) }

// Zone returns the zone of the business, in which customers see dates and times whose own zone is not known.
func (d *Desk) Zone() *time.Location { return d.cfg.Zone }

// Horizon returns the first and the last day of a zone on which anything could be booked now.
func (d *Desk) Horizon(zone *time.Location) (first, last calendar.Date) {
	bounds := widest(d.offers(Choice{}), d.cfg.Now())
	return calendar.DateOf(bounds.Earliest, zone), calendar.DateOf(bounds.Latest, zone)
}

// widest returns the bounds between which any of the offers can begin; where there are none, it is now.
func widest(offers []*booking.Offer, now time.Time) booking.Bounds {
	if len(offers) == 0 {
		return booking.Bounds{Earliest: now.Unix(), Latest: now.Unix()}
	}
	all := offers[0].Bounds(now)
	for _, o := range offers[1:] {
		all = all.With(o.Bounds(now))
	}
	return all
}

// offers returns all that a choice allows. Empty fields allow all.
func (d *Desk) offers(c Choice) []*booking.Offer {
	var out []*booking.Offer
	for _, r := range d.candidates(c) {
		for _, service := range r.Services {
			if o := d.catalog.Offer(c.Department, r.ID, service); o != nil && (c.Service == "" || c.Service == service) {
				out = append(out, o)
			}
		}
	}
	return out
}
