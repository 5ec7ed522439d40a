// Package config reads slotd's one TOML file. It promises three things: every fault of a file is reported in one run,
// each with its line, its place and how to mend it; a [Config] that comes without an error is complete (defaults filled
// in, references resolved, paths made absolute or relative to the working directory); and no secret is ever held in it,
// only where the secret is to be read.
//
// Two things are left to others. What a level does not say of a rule stays unsaid: package booking knows the defaults of
// rules, and which level counts. And the dates of holidays that stand in other files come with [Config.ReadHolidays].
//
// The file is strict: an unknown key is a fault. Relative paths in the file are relative to the file's own directory.
package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// Config is the whole of a valid configuration file.
type Config struct {
	// Path is the file's path as it was given.
	Path string

	Server      Server
	Store       Store
	Backup      Backup
	Webhook     Webhook
	WhatsApp    WhatsApp
	Business    Business
	Freshness   Freshness
	Flow        Flow
	Accounts    []Account
	Departments []booking.Department
	Services    []booking.Service
	Resources   []booking.Resource
	// Holidays have the dates that the file itself lists; [Config.ReadHolidays] adds those of the files that it names.
	Holidays []Holiday
}

// Holiday is a set of dates on which resources are closed.
type Holiday struct {
	booking.Holiday
	// File is the path of a list of dates, or of an iCalendar file, with more of them; "" for none.
	File string

	listed map[calendar.Date]bool // those of the config itself
	place  string
	line   int // of the file's name
}

// Bookable returns all that can be booked, and by which rules.
func (c *Config) Bookable() booking.Business {
	b := booking.Business{
		Zone: c.Business.Zone, Rules: c.Business.Rules, Departments: c.Departments, Services: c.Services,
		Resources: c.Resources,
	}
	for _, h := range c.Holidays {
		b.Holidays = append(b.Holidays, h.Holiday)
	}
	return b
}

// Server says where the daemon listens.
type Server struct {
	// Listen is the host:port of the public routes.
	Listen string
	// Admin is the host:port, or "unix:" and a path, of the private routes: status page, metrics, and what the other
	// commands ask the daemon.
	Admin string
	// PublicURL is how the internet reaches Listen, without a trailing slash; "" when it was not given.
	PublicURL string
}

// Store says where the database is.
type Store struct {
	Path string
	// TokenKeys seal the accounts' tokens, the newest first; none where tokens are not to be stored.
	TokenKeys []Secret
	// KeepBookings is how long a booking is kept after its end, KeepVisits how long a flow token is after it has expired.
	KeepBookings, KeepVisits time.Duration
}

// Webhook says where another system is told of bookings. Its zero value, without a URL, means nowhere.
type Webhook struct {
	URL string
	// Secrets sign, each by itself, the newest first.
	Secrets []Secret
	// Events are the kinds of change that are told.
	Events []booking.What
}

// Backup says where copies of the database are made each day. Its zero value, without a Directory, means none.
type Backup struct {
	Directory string
	// At is the wall time of the business's zone, in minutes since midnight.
	At int
	// Keep is how many copies stay.
	Keep int
}

// WhatsApp holds the secrets of the Flow endpoint.
type WhatsApp struct {
	// AppSecrets verify the signature of requests. Any of them may match, so that a secret can be rotated.
	AppSecrets []Secret
	// PrivateKeys decrypt requests, the newest first.
	PrivateKeys []Secret
	// AcceptForeignTokens lets flow tokens book that another tool made.
	AcceptForeignTokens bool
}

// Business is what holds for the whole business.
type Business struct {
	// Name and Phone are shown to customers; Phone may be "".
	Name, Phone string
	// Zone is the IANA zone of the business, never nil.
	Zone *time.Location
	// Rules hold where no department, resource or service says otherwise.
	Rules booking.Rules
	// Blocklist is the path of a list of phone numbers that cannot book; "" for none.
	Blocklist string

	blocklistLine int
	// EventTitle and EventBody are what is written into a calendar. They may hold the placeholders of [Placeholders].
	EventTitle, EventBody string
}

// Freshness is the policy of how old the mirror may be.
type Freshness struct {
	// Poll is the time between two questions to a provider about one calendar.
	Poll time.Duration
	// ServeWithin is the age from which a calendar's resources are hidden.
	ServeWithin time.Duration
	// VerifyWithin is the age from which a confirm asks the provider about its time first; 0: never.
	VerifyWithin time.Duration
	// AcceptUnverified lets a confirm go on where the provider does not answer.
	AcceptUnverified bool
}

// Flow says which Flow is served, and what it chooses where it shows no choice.
type Flow struct {
	// File is the path of the Flow JSON; "" means the built-in Flow.
	File string
	// ScreenTTL is the age from which a screen is answered with itself and fresh data.
	ScreenTTL time.Duration
	// TokenTTL is how long a flow token can be used.
	TokenTTL time.Duration
	// Hold is how long a chosen slot is held for its flow token; 0: not at all.
	Hold time.Duration
	// Holds bounds the slots that one customer holds at once.
	Holds int
	// DayFirst lets the built-in Flow ask for the day before it asks for the resource.
	DayFirst bool
	// Bind maps the names of a Flow file to slotd's well-known names.
	Bind map[string]string
	// Department, Service and Resource are the ids used when the Flow has no such choice; "" means none. Resource may be
	// [AnyResource].
	Department, Service, Resource string
}

// AnyResource is the reserved id by which a customer or a Flow asks for whichever resource is free.
const AnyResource = "any"

// The providers of an [Account].
const (
	Google  = "google"
	Outlook = "outlook"
	ICS     = "ics" // feeds, to which nobody signs in
)

// The grants of an [Account].
const (
	RefreshToken      = "refresh_token"
	ClientCredentials = "client_credentials"
	ServiceAccount    = "service_account"
)

// Account is one OAuth identity at a provider, or feeds that are read alike.
type Account struct {
	Name     string
	Provider string // Google, Outlook or ICS
	// User is the mailbox whose calendars are meant; "" means the one that signed in. Outlook only.
	User string
	// Grant is RefreshToken, ClientCredentials (Outlook) or ServiceAccount (Google).
	Grant string
	// ClientID is "" for a service account, which has none.
	ClientID string
	// ClientSecret is unset for a public client.
	ClientSecret Secret
	// RefreshToken is unset where the token came from the connect command; then the store has it.
	RefreshToken Secret
	// ServiceAccount is the JSON key of the ServiceAccount grant, and Subject the person for whom it acts, "" for itself.
	ServiceAccount Secret
	Subject        string
	// Scopes are what is asked for. They are empty for ClientCredentials unless the file names some.
	Scopes []string
	// Tenant is the directory at Microsoft: "common", "organizations", "consumers", a domain or a GUID. Outlook only.
	Tenant string
	// APIURL, AuthURL and TokenURL are absolute URLs, the provider's own unless the file overrides them. Google's
	// APIURL ends with a slash, Outlook's does not.
	APIURL, AuthURL, TokenURL string
	// DeviceURL gives out codes to type (Outlook), and RevokeURL takes grants back (Google); "" where there is no such
	// address, or where TokenURL is overridden and they are not known.
	DeviceURL, RevokeURL string
	// Zone is assumed where a calendar does not say its own; never nil.
	Zone      *time.Location
	Calendars []AccountCalendar
	// Concurrency and PerMinute bound the requests of the account.
	Concurrency, PerMinute int
	// Push says that the provider is asked to tell of changes, if the server has a PublicURL.
	Push bool
	// Feeds is for ICS, where all above that has to do with signing in is empty.
	Feeds Feeds
}

// The ways to treat an all-day event.
const (
	AllDayAsMarked = "as_marked" // as the person marked it: free or busy
	AllDayBusy     = "busy"      // always busy, whatever the mark
)

// AccountCalendar is what the file says of one calendar of an account.
type AccountCalendar struct {
	// ID is the provider's own id; of a feed the name that the file gives it.
	ID string
	// AllDay is AllDayAsMarked or AllDayBusy.
	AllDay string
	// Feed is for ICS.
	Feed Feed
}

// Account returns the account of that name.
func (c *Config) Account(name string) (Account, bool) {
	for _, a := range c.Accounts {
		if a.Name == name {
			return a, true
		}
	}
	return Account{}, false
}

// AllDay returns how all-day events of a calendar are treated: AllDayAsMarked unless the file says otherwise.
func (c *Config) AllDay(id calendar.ID) string {
	a, _ := c.Account(id.Account())
	for _, ac := range a.Calendars {
		if ac.ID == id.Calendar() {
			return ac.AllDay
		}
	}
	return AllDayAsMarked
}

// NoBlocklist says with the line of the config why the blocklist that it names cannot be read.
func (c *Config) NoBlocklist(err error) error {
	return Faults{{
		Path: c.Path, Line: c.Business.blocklistLine, Place: "[business]",
		Problem: fmt.Sprintf("blocklist_file cannot be read: %v: give it, or remove the key", err),
	}}
}

// Load reads and parses the file at path. An error about the file's content is a [Faults].
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	return Parse(path, data)
}

// Parse parses the content of a configuration file. The path names the file in faults, and its directory is what
// relative paths start from. The file itself is not read. The error, if any, is a [Faults].
func Parse(path string, data []byte) (*Config, error) {
	root, faults := readTree(path, data)
	if root == nil || len(faults) > 0 && !begun(root) {
		return nil, faults.sorted()
	}
	d := &decoder{path: path, dir: filepath.Dir(path), faults: faults, known: map[string][]string{}}
	cfg := d.config(root)
	if len(d.faults) > 0 {
		return nil, d.faults.sorted()
	}
	return cfg, nil
}

// begun reports whether a file has any of the sections that every config needs. In one that has none, a fault of the TOML
// itself is what matters; all that is missing would only hide it.
func begun(root *node) bool {
	return slices.ContainsFunc([]string{"whatsapp", "business", "account", "service", "resource"}, func(key string) bool {
		return root.values[key] != nil
	})
}
