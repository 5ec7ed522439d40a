package booking

import (
	"slices"
	"time"
)

// Catalog answers which rules hold for a service at a resource. Make it with [NewCatalog]; it may be used concurrently.
type Catalog struct {
	business    Business
	departments map[string]*Department
	services    map[string]*Service
	resources   map[string]*Resource
	offers      map[offerKey]*Offer
}

type offerKey struct{ department, resource, service string }

// NewCatalog prepares the rules of a business. It keeps b and does not change it; nor may the caller.
func NewCatalog(b Business) *Catalog {
	c := &Catalog{
		business: b, departments: map[string]*Department{}, services: map[string]*Service{},
		resources: map[string]*Resource{}, offers: map[offerKey]*Offer{},
	}
	for i := range b.Departments {
		c.departments[b.Departments[i].ID] = &b.Departments[i]
	}
	for i := range b.Services {
		c.services[b.Services[i].ID] = &b.Services[i]
	}
	for i := range b.Resources {
		c.resources[b.Resources[i].ID] = &b.Resources[i]
	}
	plans := map[planKey]*plan{}
	for i := range b.Resources {
		for j := range b.Services {
			c.prepare(&b.Resources[i], &b.Services[j], plans)
		}
	}
	shared := map[besideKey]*Offer{}
	for _, o := range c.offers {
		o.accompany(shared)
	}
	return c
}

// prepare makes the offers of a service at a resource that does it or can be needed for it: one for each department by
// which a customer can come. That of the first is also the one of a customer who chose none.
func (c *Catalog) prepare(r *Resource, s *Service, plans map[planKey]*plan) {
	departments := r.Departments
	if !slices.Contains(r.Services, s.ID) {
		if !slices.ContainsFunc(s.Needs, func(need []string) bool { return slices.Contains(need, r.ID) }) {
			return
		}
		departments = departments[:min(len(departments), 1)]
	}
	if len(departments) == 0 {
		departments = []string{""}
	}
	for _, id := range departments {
		o := newOffer(c, c.departments[id], r, s)
		o.plan = planOf(o, plans)
		c.offers[offerKey{id, r.ID, s.ID}] = o
	}
	c.offers[offerKey{"", r.ID, s.ID}] = c.offers[offerKey{departments[0], r.ID, s.ID}]
}

// Offer returns a service at a resource, by way of a department: for a customer who chose none, or of a resource that is
// only needed beside others, the first that the resource belongs to. It is nil where there is no such offer.
func (c *Catalog) Offer(department, resource, service string) *Offer {
	if o := c.offers[offerKey{department, resource, service}]; o != nil {
		return o
	}
	return c.offers[offerKey{"", resource, service}]
}

// Business returns what the catalog was made of, not to be changed.
func (c *Catalog) Business() *Business { return &c.business }

// Department returns a department by id; nil when there is none.
func (c *Catalog) Department(id string) *Department { return c.departments[id] }

// Service returns a service by id; nil when there is none.
func (c *Catalog) Service(id string) *Service { return c.services[id] }

// Resource returns a resource by id; nil when there is none.
func (c *Catalog) Resource(id string) *Resource { return c.resources[id] }

// Capacity returns how many claims may overlap at a resource while one of the service is there; 1 where neither is known.
func (c *Catalog) Capacity(resource, service string) int {
	n, _ := c.capacity(resource, service)
	return n
}

// capacity is Capacity with the level at which it stands. That of a resource in several departments is by its first: however
// a customer came, the resource is the same.
func (c *Catalog) capacity(resource, service string) (int, Level) {
	if s := c.services[service]; s != nil && s.Rules.Capacity != nil {
		return *s.Rules.Capacity, OfService
	}
	r := c.resources[resource]
	if r == nil {
		return 1, ByDefault
	}
	var department *Department
	if len(r.Departments) > 0 {
		department = c.departments[r.Departments[0]]
	}
	n, level := nearest(levels(&c.business, department, r, nil).counting(r), func(r *Rules) *int { return r.Capacity })
	if n == nil {
		return 1, ByDefault
	}
	return *n, level
}

// Reach returns how far from now the latest booking can end, buffers included.
func (c *Catalog) Reach() time.Duration {
	var d time.Duration
	for _, o := range c.offers {
		d = max(d, o.Horizon+o.Before+o.Duration+o.After)
	}
	return d
}
