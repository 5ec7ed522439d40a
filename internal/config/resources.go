package config

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// references are the names that records define and others refer to.
type references struct {
	accounts, calendars, departments, services, resources names

	needs   []need   // of services, in the order of the file
	needIDs []string // the resources that they name
	uses    []calendarUse
	feeds   []string // the accounts of feeds

	levels map[standing]said
	// blocks are the calendars that block all resources of a department, by its id; those of "" block everybody.
	blocks map[string][]calendar.ID
}

// names are the defined names of one sort, with their lines, and which of them something refers to.
type names struct {
	defined map[string]int
	used    map[string]bool
}

func (n *names) lines() map[string]int {
	if n.defined == nil {
		n.defined, n.used = map[string]int{}, map[string]bool{}
	}
	return n.defined
}

// inOrder yields the names and their lines in the order of the file.
func (n *names) inOrder() iter.Seq2[string, int] {
	lines := n.lines()
	sorted := slices.SortedFunc(maps.Keys(lines), func(a, b string) int {
		return cmp.Or(cmp.Compare(lines[a], lines[b]), cmp.Compare(a, b))
	})
	return func(yield func(string, int) bool) {
		for _, name := range sorted {
			if !yield(name, lines[name]) {
				return
			}
		}
	}
}

// use marks a name as referred to and reports whether it is defined. A mistyped name marks the one that it most likely
// means, so that one slip is one fault.
func (n *names) use(name string) (meant string, ok bool) {
	if _, ok = n.lines()[name]; !ok {
		meant = closest(name, slices.Sorted(maps.Keys(n.defined)))
	} else {
		meant = name
	}
	n.used[meant] = true
	return meant, ok
}

// reference returns the id under key after checking that it is defined.
func (t *table) reference(key, what string, defined *names) string {
	v := t.typed(key, kindString)
	if v == nil {
		return ""
	}
	t.resolve(v, what, defined)
	return v.text
}

func (t *table) resolve(v *node, what string, defined *names) {
	if meant, ok := defined.use(v.text); !ok {
		t.d.fault(v.line, t.place, "unknown %s %q%s", what, v.text, suggest(meant))
	}
}

// mentioned returns the ids under key after checking that they are defined. To be mentioned is not to be used.
func (t *table) mentioned(key, what string, defined *names) []string {
	var ids []string
	for _, n := range t.names(key) {
		if _, ok := defined.lines()[n.text]; !ok {
			meant := closest(n.text, slices.Sorted(maps.Keys(defined.defined)))
			t.d.fault(n.line, t.place, "unknown %s %q%s", what, n.text, suggest(meant))
		}
		ids = append(ids, n.text)
	}
	if v := t.node.values[key]; v != nil && v.kind == kindArray && len(v.items) == 0 {
		t.bad(key, "is empty: leave it out for all")
	}
	return ids
}

func (d *decoder) departments(records []*table, refs *references) []booking.Department {
	out := make([]booking.Department, 0, len(records))
	for _, t := range records {
		department := booking.Department{
			ID:    t.id("id", "department", refs.departments.lines()),
			Title: t.title("title", "Dermatology"),
			Rules: t.rules(booking.OfDepartment),
		}
		refs.says(booking.OfDepartment, department.ID, &department.Rules, t)
		refs.block(department.ID, t.blockers(refs))
		t.done()
		out = append(out, department)
	}
	return out
}

func (d *decoder) services(records []*table, refs *references) []booking.Service {
	out := make([]booking.Service, 0, len(records))
	for _, t := range records {
		s := booking.Service{ID: t.id("id", "service", refs.services.lines()), Title: t.title("title", "Consultation")}
		s.Needs = t.needs(refs)
		s.Rules = t.rules(booking.OfService)
		refs.says(booking.OfService, s.ID, &s.Rules, t)
		t.done()
		out = append(out, s)
	}
	return out
}

func (d *decoder) resources(records []*table, zone *time.Location, refs *references) []booking.Resource {
	out := make([]booking.Resource, 0, len(records))
	for _, t := range records {
		r := booking.Resource{ID: t.id("id", "resource", refs.resources.lines()), Title: t.title("title", "Dr. Adams")}
		if r.ID == AnyResource {
			t.bad("id", `must not be "any": that id stands for whichever resource is free`)
		}
		beside := slices.Contains(refs.needIDs, r.ID)
		r.Departments = t.choice("departments", "department", &refs.departments, beside)
		r.Services = t.choice("services", "service", &refs.services, beside)
		r.Zone = t.zone(zone)
		r.Rules = t.rules(booking.OfResource)
		refs.says(booking.OfResource, r.ID, &r.Rules, t)
		r.BookInto, r.Blocks = t.calendars(refs)
		for _, of := range append(slices.Clone(r.Departments), "") {
			r.Blocks = union(r.Blocks, refs.blocks[of])
		}
		t.done()
		out = append(out, r)
	}
	return out
}

// choice returns the ids under key; without the key, all that are defined, in the order of the file. A resource that
// leaves out its departments where there are several would land in all of them by accident, so that is a fault. One that
// services need beside the chosen one is no choice of its own unless it says so.
func (t *table) choice(key, what string, defined *names, beside bool) []string {
	list := t.names(key)
	var ids []string
	for _, n := range list {
		t.resolve(n, what, defined)
		ids = append(ids, n.text)
	}
	if v := t.node.values[key]; v != nil {
		if v.kind == kindArray && len(v.items) == 0 && !beside {
			t.bad(key, "is empty: name at least one")
		}
		return ids
	}
	if beside {
		return nil
	}
	if what == "department" && len(defined.lines()) > 1 {
		t.d.fault(t.node.line, t.place, "%s is missing: name those that it belongs to, or name it in the needs of a service", key)
	}
	for id := range defined.inOrder() {
		ids = append(ids, id)
		defined.use(id)
	}
	return ids
}

// calendars returns the calendar to book into and all that block, the former included.
func (t *table) calendars(refs *references) (calendar.ID, []calendar.ID) {
	t.required("book_into", "account/calendar")
	blocks := t.blockers(refs)
	v := t.get("book_into")
	if v == nil || v.kind != kindString || v.text == "" {
		return "", blocks
	}
	t.calendar(v, "book_into", refs)
	into := calendar.ID(v.text)
	return into, union(blocks, []calendar.ID{into})
}

// blockers returns the calendars that block beside the one to book into.
func (t *table) blockers(refs *references) []calendar.ID {
	var blocks []calendar.ID
	for _, n := range t.names("blocked_by") {
		t.calendar(n, "blocked_by", refs)
		blocks = append(blocks, calendar.ID(n.text))
	}
	return blocks
}

// block lets calendars block all resources of a department; of "" all that there are.
func (r *references) block(department string, calendars []calendar.ID) {
	if r.blocks == nil {
		r.blocks = map[string][]calendar.ID{}
	}
	r.blocks[department] = union(r.blocks[department], calendars)
}

// union appends the calendars of more that are not there.
func union(ids, more []calendar.ID) []calendar.ID {
	for _, id := range more {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (t *table) calendar(v *node, key string, refs *references) {
	id := calendar.ID(v.text)
	if id.Account() == "" || id.Calendar() == "" {
		t.d.fault(v.line, t.place, `%s must be "account/calendar-id", not %q: slotd calendars ACCOUNT lists them`, key, v.text)
		return
	}
	if meant, ok := refs.accounts.use(id.Account()); !ok {
		t.d.fault(v.line, t.place, "%s %q: unknown account %q%s", key, v.text, id.Account(), suggest(meant))
		id = calendar.ID(meant + "/" + id.Calendar())
	}
	if !t.feedReference(v, key, refs) {
		return
	}
	refs.calendars.lines()
	refs.calendars.used[string(id)] = true
	refs.uses = append(refs.uses, calendarUse{id: id, line: v.line, place: t.place})
}

// unused reports what is defined and can never be booked, or never has an effect.
func (d *decoder) unused(root *table, refs *references) {
	if root.node.values["service"] == nil {
		d.fault(1, "", "there is no service: add a [[service]]")
	}
	if root.node.values["resource"] == nil {
		d.fault(1, "", "there is no resource: add a [[resource]]")
		return
	}
	for id, line := range refs.departments.inOrder() {
		if !refs.departments.used[id] {
			d.fault(line, quotedPlace("department", id), "no resource belongs to it: add it to the departments of one")
		}
	}
	for id, line := range refs.services.inOrder() {
		if !refs.services.used[id] {
			d.fault(line, quotedPlace("service", id), "no resource can do it: add it to the services of one")
		}
	}
	used := slices.Sorted(maps.Keys(refs.calendars.used))
	for id, line := range refs.calendars.inOrder() {
		if !refs.calendars.used[id] {
			account, cal, _ := strings.Cut(id, "/")
			d.fault(line, quotedPlace("account", account), "no resource names the calendar %q%s", cal, suggest(closest(id, used)))
		}
	}
}

func quotedPlace(what, id string) string { return what + ` "` + id + `"` }
