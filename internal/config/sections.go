package config

import (
	"net"
	"slices"
	"strings"
	"time"

	"slotd/internal/booking"
)

// config reads the whole file. What is referred to is read before what refers to it.
func (d *decoder) config(root *node) *Config {
	t := &table{d: d, node: root}
	c := &Config{Path: d.path}
	c.Server = d.server(t.sub("server"))
	c.Store = d.store(t.sub("store"))
	c.Backup = d.backup(t.sub("backup"), t.node.values["backup"] != nil)
	c.Webhook = d.webhook(t.sub("webhook"), t.node.values["webhook"] != nil)
	c.WhatsApp = d.whatsApp(t.sub("whatsapp"))
	c.Business = d.business(t.sub("business"))
	c.Freshness = d.freshness(t.sub("freshness"))
	refs := references{}
	c.Accounts = d.accounts(t.records("account"), c.Business.Zone, &refs)
	d.push(t.records("account"), c.Server)
	refs.says(booking.OfBusiness, "", &c.Business.Rules, t.sub("business"))
	refs.block("", t.sub("business").blockers(&refs))
	c.Departments = d.departments(t.records("department"), &refs)
	c.Services = d.services(t.records("service"), &refs)
	c.Resources = d.resources(t.records("resource"), c.Business.Zone, &refs)
	c.Holidays = d.holidays(t.records("holiday"), &refs)
	d.twins(c.Accounts, &refs)
	d.resolveNeeds(c.Services, c.Resources, &refs)
	offers(c, &refs)
	c.Flow = d.flow(t.sub("flow"), &refs)
	t.sub("flow").defaults(c)
	d.retention(t.sub("store"), c)
	d.unused(t, &refs)
	t.done()
	return c
}

func (d *decoder) server(t *table) Server {
	s := Server{Listen: t.address("listen", t.str("listen", "127.0.0.1:8080")), Admin: t.str("admin", "127.0.0.1:8081")}
	if path, ok := strings.CutPrefix(s.Admin, "unix:"); !ok {
		t.address("admin", s.Admin)
	} else if path == "" {
		t.bad("admin", `names no socket: write "unix:/run/slotd/admin.sock"`)
	} else {
		s.Admin = "unix:" + d.resolve(path)
	}
	if _, port, err := net.SplitHostPort(s.Listen); err == nil && s.Listen == s.Admin && port != "0" {
		t.bad("admin", "must differ from listen: the admin address is never public")
	}
	s.PublicURL = strings.TrimRight(t.url("public_url", ""), "/")
	t.done()
	return s
}

func (d *decoder) store(t *table) Store {
	defer t.done()
	return Store{
		Path: t.path("path", "slotd.db"), TokenKeys: t.optionalSecrets("token_key"),
		KeepBookings: t.duration("keep_bookings", keepBookings, day, maxDays*day),
		KeepVisits:   t.duration("keep_visits", keepVisits, day, maxDays*day),
	}
}

// backup reads the section that schedules copies; a file without it has none.
func (d *decoder) backup(t *table, given bool) Backup {
	defer t.done()
	const at, keep, most = "03:30", 14, 3660
	b := Backup{Directory: t.path("directory", ""), Keep: t.integer("keep", keep, most)}
	if given && t.node.values["directory"] == nil {
		t.d.fault(t.node.line, t.place, `directory is missing: write directory = "/var/backups/slotd"`)
	}
	text := t.str("at", at)
	var ok bool
	if b.At, ok = parseClock(text); !ok || b.At == minutesPerDay {
		t.bad("at", `must be a time of day such as "03:30", not %q`, text)
	}
	if !given {
		return Backup{}
	}
	return b
}

func (d *decoder) whatsApp(t *table) WhatsApp {
	defer t.done()
	return WhatsApp{
		AppSecrets:          t.secrets("app_secret"),
		PrivateKeys:         t.secrets("private_key"),
		AcceptForeignTokens: t.boolean("accept_foreign_tokens"),
	}
}

func (d *decoder) business(t *table) Business {
	b := Business{
		Name:      t.required("name", "Example Clinic"),
		Phone:     t.str("phone", ""),
		Rules:     t.rules(booking.OfBusiness),
		Blocklist: t.path("blocklist_file", ""), blocklistLine: t.line("blocklist_file"),
		EventTitle: t.template("event_title", "{service}: {name}"),
		EventBody:  t.template("event_body", "{phone}\n{notes}\n{reference}"),
	}
	t.required("zone", "Europe/Berlin")
	b.Zone = t.zone(time.UTC)
	t.get("blocked_by") // is read once the accounts are known
	t.done()
	return b
}

func (d *decoder) freshness(t *table) Freshness {
	f := Freshness{
		Poll:        t.duration("poll", time.Minute, time.Second, day),
		ServeWithin: t.duration("serve_within", 15*time.Minute, time.Second, maxDays*day),
		// 0 asks nobody.
		VerifyWithin: t.duration("verify_within", 2*time.Minute, 0, maxDays*day),
	}
	switch text := t.str("on_unverified", "refuse"); text {
	case "refuse":
	case "accept":
		f.AcceptUnverified = true
	default:
		t.bad("on_unverified", `must be "refuse" or "accept", not %q`, text)
	}
	if f.ServeWithin <= f.Poll {
		key := "serve_within"
		if t.node.values[key] == nil {
			key = "poll"
		}
		t.bad(key, "is wrong: serve_within (%s) must be longer than poll (%s)", short(f.ServeWithin), short(f.Poll))
	}
	t.done()
	return f
}

func (d *decoder) flow(t *table, refs *references) Flow {
	f := Flow{
		File:       t.path("file", ""),
		ScreenTTL:  t.duration("screen_ttl", 20*time.Minute, time.Minute, maxDays*day),
		TokenTTL:   t.duration("token_ttl", 72*time.Hour, time.Minute, maxDays*day),
		Hold:       t.duration("hold", 5*time.Minute, 0, time.Hour),
		Holds:      t.integer("holds_per_customer", 2, 100),
		Department: t.reference("department", "department", &refs.departments),
		Service:    t.reference("service", "service", &refs.services),
		Resource:   t.str("resource", ""),
		Bind:       map[string]string{},
	}
	if f.Resource != AnyResource {
		f.Resource = t.reference("resource", "resource", &refs.resources)
	}
	f.DayFirst = t.dayFirst("order", f.File != "")
	bind := t.sub("bind")
	for _, key := range bind.node.keys {
		if v := bind.str(key, ""); v != "" {
			f.Bind[key] = v
		} else if bind.node.values[key].kind == kindString {
			bind.bad(key, "is empty: write the well-known name that it stands for")
		}
	}
	t.done()
	return f
}

// defaults checks that what is chosen where the Flow shows no choice goes together. Unknown ids are told elsewhere.
func (t *table) defaults(c *Config) {
	f := &c.Flow
	among := c.Resources
	if i := slices.IndexFunc(c.Resources, func(r booking.Resource) bool { return r.ID == f.Resource }); i >= 0 {
		among = c.Resources[i : i+1]
		if len(among[0].Services) == 0 {
			t.bad("resource", "%q can only be needed beside others, not chosen", f.Resource)
			return
		}
	}
	anyService := !slices.ContainsFunc(c.Services, func(s booking.Service) bool { return s.ID == f.Service })
	anyDepartment := !slices.ContainsFunc(c.Departments, func(d booking.Department) bool { return d.ID == f.Department })
	fits := func(r booking.Resource) bool {
		return (anyService || slices.Contains(r.Services, f.Service)) &&
			(anyDepartment || slices.Contains(r.Departments, f.Department))
	}
	switch {
	case slices.ContainsFunc(among, fits):
	case len(among) == 1 && f.Resource == among[0].ID:
		t.bad("resource", "%q does not go with the department and the service beside it", f.Resource)
	case !anyService && !anyDepartment:
		t.bad("service", "%q is given by nobody of the department %q", f.Service, f.Department)
	}
}

// dayFirst reads the order of the built-in Flow's questions. There are two; the first is the default.
func (t *table) dayFirst(key string, own bool) bool {
	resourceFirst := []string{"department", "service", "resource", "date"}
	dayFirst := []string{"department", "service", "date", "resource"}
	v := t.typed(key, kindArray)
	if v == nil {
		return false
	}
	var order []string
	for _, item := range v.items {
		order = append(order, item.text)
	}
	switch {
	case own:
		t.bad(key, "is for the built-in Flow: your own file has its order itself; remove one of them")
	case !slices.Equal(order, resourceFirst) && !slices.Equal(order, dayFirst):
		t.bad(key, "must be [%s] or [%s]", quoted(resourceFirst, ", "), quoted(dayFirst, ", "))
	}
	return slices.Equal(order, dayFirst)
}
