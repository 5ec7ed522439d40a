package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

var update = flag.Bool("update", false, "write the golden files")

// minimal is the smallest valid file; tests add to it or change it.
const minimal = `
[whatsapp]
app_secret_env = "APP"
private_key_env = "KEY"
[business]
name = "Example Clinic"
zone = "Europe/Berlin"
[[account]]
name = "office"
provider = "google"
client_id = "id"
[[service]]
id = "consultation"
title = "Consultation"
duration = "30m"
[[resource]]
id = "adams"
title = "Dr. Adams"
hours = { mon = ["09:00-17:00"] }
book_into = "office/primary"
`

// change returns the minimal file with one of its texts replaced.
func change(old, replacement string) string {
	if !strings.Contains(minimal, old) {
		panic("no such text: " + old)
	}
	return strings.Replace(minimal, old, replacement, 1)
}

func TestEveryFaultIsReportedInOneRun(t *testing.T) {
	for _, name := range []string{"faults", "rules"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile("testdata/" + name + ".toml")
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse("slotd.toml", data)
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want Faults", err)
			}
			golden(t, "testdata/"+name+".golden", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestAFileWithOneMistake: what the file does not hold yet is no news beside a mistake of its TOML.
func TestAFileWithOneMistake(t *testing.T) {
	for file, want := range map[string]string{
		"[server\nlisten = 1\n":   "t.toml:1:8: expected ']' to close table name",
		"[server]\n[server]\n":    "t.toml:2: server is set already on line 1",
		"day = 2026-02-30\n":      "t.toml:1:15: impossible date",
		"[store]\na = 1\na = 2\n": "t.toml:3: a is set already on line 2",
	} {
		if _, err := Parse("t.toml", []byte(file)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", file, err, want)
		}
	}
}

func TestSingleFaults(t *testing.T) {
	for name, test := range map[string]struct{ file, want string }{
		"syntax":            {"[server]\nlisten = \"x", "t.toml:2:"},
		"syntax of a value": {"[server]\nlisten = = 1", "t.toml:2:10:"},
		"empty file":        {"", `t.toml:1: [business]: zone is missing: write zone = "Europe/Berlin"`},
		"literal secret": {
			change(`app_secret_env = "APP"`, `app_secret = "hush"`),
			`app_secret must not stand in this file: write app_secret_file, app_secret_env or app_secret_credential`,
		},
		"two secrets": {
			change(`app_secret_env = "APP"`, "app_secret_env = \"APP\"\napp_secret_file = \"f\""),
			"app_secret_file are both given: keep one",
		},
		"list and secret": {
			change(`private_key_env = "KEY"`, "private_key_env = \"KEY\"\nprivate_key_files = [\"f\"]"),
			"private_key_env and private_key_files are both given: keep one",
		},
		"credential path": {
			change(`app_secret_env = "APP"`, `app_secret_credential = "../x"`),
			"must be the name of a systemd credential, not a path",
		},
		"plain http": {
			change(`client_id = "id"`, "client_id = \"id\"\napi_url = \"http://api.example/\""),
			`t.toml:12: account "office": api_url must begin with https`,
		},
		"user in URL": {
			change(`client_id = "id"`, "client_id = \"id\"\ntoken_url = \"https://a:b@api.example/\""),
			"must hold no user",
		},
		"reserved id": {change(`id = "adams"`, `id = "any"`), `resource "any": id must not be "any"`},
		"bad id":      {change(`id = "adams"`, `id = "Dr Adams"`), "id must be 1 to 40 of a-z"},
		"local zone":  {change("Europe/Berlin", "Local"), `[business]: zone names an unknown zone "Local"`},
		"overlap": {
			change(`["09:00-17:00"]`, `["13:00-17:00", "09:00-13:30"]`),
			"hours: mon: 13:00-17:00 overlaps 09:00-13:30",
		},
		"past midnight": {
			change("09:00-17:00", "22:00-02:00"),
			"22:00-02:00 ends before it begins: past midnight, write 22:00-24:00, and 00:00-02:00 on the next day",
		},
		"until midnight": {change("09:00-17:00", "18:00-00:00"), "18:00-00:00 ends before it begins: write 18:00-24:00"},
		"no time":        {change("09:00-17:00", "09:00-09:00"), "09:00-09:00 is no time at all: write 00:00-24:00 for the whole day"},
		"beyond the day": {change("09:00-17:00", "22:00-24:30"), `must be two times from 00:00 to 24:00`},
		"day twice": {
			change(`{ mon =`, `{ mon-fri = ["08:00-09:00"], wed =`),
			"hours: wed is set by mon-fri and by wed",
		},
		"no day":        {change(`{ mon =`, `{ max_per_day = 8, mon =`), `hours: unknown day "max_per_day"`},
		"unknown day":   {change(`{ mon =`, `{ mno =`), `unknown day "mno" — did you mean "mon"?`},
		"closed always": {change(`["09:00-17:00"]`, `[]`), "hours are empty"},
		"slow clock":    {change("09:00-17:00", "9-17"), `"9-17" must be two times`},
		"idle department": {
			minimal + "departments = []\n[[department]]\nid = \"derma\"\ntitle = \"Derma\"\n",
			`department "derma": no resource belongs to it`,
		},
		"idle service": {
			minimal + "services = [\"consultation\"]\n[[service]]\nid = \"other\"\ntitle = \"Other\"\nduration = \"10m\"\n",
			`service "other": no resource can do it`,
		},
		"idle calendar": {
			change(`client_id = "id"`, "client_id = \"id\"\ncalendar = [{ id = \"primari\" }]"),
			`no resource names the calendar "primari" — did you mean "office/primary"?`,
		},
		"calendar form": {change("office/primary", "primary"), `book_into must be "account/calendar-id"`},
		"unknown account": {
			change("office/primary", "ofice/primary"),
			`unknown account "ofice" — did you mean "office"?`,
		},
		"placeholder": {
			change(`name = "Example Clinic"`, "name = \"Example Clinic\"\nevent_title = \"{naem}\""),
			`unknown placeholder {naem} — did you mean "name"?`,
		},
		"open brace": {
			change(`name = "Example Clinic"`, "name = \"Example Clinic\"\nevent_body = \"{name\""),
			"event_body has a brace without its partner",
		},
		"long title": {
			change(`"Dr. Adams"`, `"Dr. Adams of the Dermatological Department"`),
			"WhatsApp shows 30 at most",
		},
		"seconds":          {change(`"30m"`, `"90s"`), "duration must be whole minutes"},
		"single record":    {change("[[service]]", "[service]"), "write [[service]]"},
		"several sections": {change("[business]", "[[business]]"), "write [business]"},
		"section twice":    {minimal + "[business]\n", "business is set already on line 5"},
		"key twice": {
			change(`client_id = "id"`, "client_id = \"id\"\nclient_id = \"id\""),
			"t.toml:12: client_id is set already on line 11",
		},
		"unknown section": {minimal + "[servr]\n", `unknown section "servr" — did you mean "server"?`},
		"unverified":      {minimal + "[freshness]\non_unverified = \"maybe\"\n", `on_unverified must be "refuse" or "accept", not "maybe"`},
		"same address": {
			minimal + "[server]\nlisten = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:1\"\n",
			"admin must differ from listen",
		},
		"stale at once": {
			minimal + "[freshness]\npoll = \"20m\"\n",
			"serve_within (15m) must be longer than poll (20m)",
		},
		"google tenant": {
			change(`client_id = "id"`, "client_id = \"id\"\ntenant = \"x\""),
			"tenant is for outlook only",
		},
		"tenant form": {
			change(`provider = "google"`, "provider = \"outlook\"\ntenant = \"a/../b\""),
			"tenant must be",
		},
		"app-only": {
			change(`provider = "google"`, "provider = \"outlook\"\ngrant = \"client_credentials\""),
			"client_credentials needs user",
		},
		"two accounts, one calendar": {
			change("office/primary", "office/Adams@clinic.example") + "blocked_by = [\"second/adams@clinic.example\"]\n" +
				"[[account]]\nname = \"second\"\nprovider = \"google\"\nclient_id = \"id\"\n",
			`calendar "office/Adams@clinic.example" is the same as "second/adams@clinic.example"`,
		},
		"two names, one calendar": {
			minimal + "blocked_by = [\"desk/desk@clinic.example\", \"desk/primary\"]\n[[account]]\nname = \"desk\"\n" +
				"provider = \"google\"\ngrant = \"service_account\"\nservice_account_file = \"x\"\nsubject = \"desk@clinic.example\"\n",
			`calendar "desk/primary" is the same as "desk/desk@clinic.example"`,
		},
		"need of nobody": {
			change(`duration = "30m"`, "duration = \"30m\"\nneeds = [\"romo\", [\"adams\"]]"), `unknown resource "romo"`,
		},
		"need of the chosen one": {
			change(`duration = "30m"`, "duration = \"30m\"\nneeds = [\"room\"]") + "[[resource]]\nid = \"room\"\ntitle = \"Room\"\n" +
				"services = [\"consultation\"]\nhours = { mon = [\"09:00-17:00\"] }\nbook_into = \"office/room\"\n",
			"which can be chosen for it too",
		},
		"needs of one room": {
			change(`duration = "30m"`, "duration = \"30m\"\nneeds = [\"room\", [\"room\"]]") + "[[resource]]\nid = \"room\"\n" +
				"title = \"Room\"\nhours = { mon = [\"09:00-17:00\"] }\nbook_into = \"office/room\"\n",
			"needs can never be filled",
		},
		"need without names": {change(`duration = "30m"`, "duration = \"30m\"\nneeds = [[]]"), "needs must hold resources"},
		"no duration": {
			change(`duration = "30m"`, ""),
			`t.toml:12: service "consultation": duration is missing: write duration = "30m" here, or in [business]`,
		},
		"no duration at one": {
			change(`duration = "30m"`, "") + "duration = \"30m\"\n[[resource]]\nid = \"bell\"\ntitle = \"Dr. Bell\"\n" +
				"hours = { mon = [\"09:00-17:00\"] }\nbook_into = \"office/bell\"\n",
			`t.toml:12: service "consultation": duration is missing for resource "bell"`,
		},
		"no hours by one department": {
			minimal + "departments = [\"a\", \"b\"]\n[[department]]\nid = \"a\"\ntitle = \"A\"\nhours = { mon = [\"09:00-17:00\"] }\n" +
				"[[department]]\nid = \"b\"\ntitle = \"B\"\n[[resource]]\nid = \"bell\"\ntitle = \"Dr. Bell\"\n" +
				"departments = [\"a\", \"b\"]\nbook_into = \"office/bell\"\n",
			`resource "bell": hours is missing by way of department "b": write hours`,
		},
		"notice beyond the default horizon": {
			change(`zone = "Europe/Berlin"`, "zone = \"Europe/Berlin\"\nnotice = \"30d\""),
			"t.toml:8: [business]: notice must be shorter than horizon (30d by default): otherwise nothing can be booked",
		},
		"horizon within the default notice": {
			change(`zone = "Europe/Berlin"`, "zone = \"Europe/Berlin\"\nhorizon = \"1h\""),
			"t.toml:8: [business]: horizon must be longer than notice (1h by default)",
		},
		"notice at one level, horizon at another": {
			strings.Replace(change(`zone = "Europe/Berlin"`, "zone = \"Europe/Berlin\"\nhorizon = 7"),
				`duration = "30m"`, "duration = \"30m\"\nnotice = \"10d\"", 1),
			`t.toml:17: service "consultation": notice must be shorter than horizon (7d of [business])`,
		},
		"default that is only needed": {
			change(`duration = "30m"`, "duration = \"30m\"\nneeds = [\"room\"]") + "[[resource]]\nid = \"room\"\ntitle = \"Room\"\n" +
				"hours = { mon = [\"09:00-17:00\"] }\nbook_into = \"office/room\"\n[flow]\nresource = \"room\"\n",
			`[flow]: resource "room" can only be needed beside others, not chosen`,
		},
		"default that does not do it": {
			minimal + "services = [\"consultation\"]\n[[service]]\nid = \"check\"\ntitle = \"Check\"\nduration = \"10m\"\n" +
				"[[resource]]\nid = \"bell\"\ntitle = \"Dr. Bell\"\nhours = { mon = [\"09:00-17:00\"] }\n" +
				"book_into = \"office/bell\"\n[flow]\nresource = \"adams\"\nservice = \"check\"\n",
			`[flow]: resource "adams" does not go with the department and the service beside it`,
		},
		"extra that opens nothing": {
			strings.Replace(minimal, "[business]\n", "[business]\nextra = { 2026-12-05 = [] }\n", 1),
			"[business]: extra: 2026-12-05 adds nothing: to close on a date write dates = { 2026-12-05 = [] }",
		},
		"ordered file": {
			minimal + "[flow]\nfile = \"flow.json\"\norder = [\"department\", \"service\", \"date\", \"resource\"]\n",
			"[flow]: order is for the built-in Flow: your own file has its order itself; remove one of them",
		},
		"holiday of a department that is idle": {
			minimal + "departments = []\n[[department]]\nid = \"derma\"\ntitle = \"Derma\"\n" +
				"[[holiday]]\ntitle = \"Closed\"\ndates = [\"12-24\"]\ndepartments = [\"derma\"]\n",
			`department "derma": no resource belongs to it`,
		},
		"huge integer": {minimal + "capacity = 99999999999999999999\n", "capacity"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("t.toml", []byte(test.file))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Error("a literal secret is in the error")
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	got, err := Parse("/etc/slotd/slotd.toml", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	berlin := got.Business.Zone
	want := &Config{
		Path:     "/etc/slotd/slotd.toml",
		Server:   Server{Listen: "127.0.0.1:8080", Admin: "127.0.0.1:8081"},
		Store:    Store{Path: "/etc/slotd/slotd.db", KeepBookings: 730 * day, KeepVisits: 90 * day},
		WhatsApp: WhatsApp{AppSecrets: []Secret{{Env: "APP"}}, PrivateKeys: []Secret{{Env: "KEY"}}},
		Business: Business{Name: "Example Clinic", Zone: berlin,
			EventTitle: "{service}: {name}", EventBody: "{phone}\n{notes}\n{reference}"},
		Freshness: Freshness{Poll: time.Minute, ServeWithin: 15 * time.Minute, VerifyWithin: 2 * time.Minute},
		Flow:      Flow{ScreenTTL: 20 * time.Minute, TokenTTL: 72 * time.Hour, Hold: 5 * time.Minute, Holds: 2, Bind: map[string]string{}},
		Accounts: []Account{{Name: "office", Provider: Google, Grant: RefreshToken, ClientID: "id",
			Scopes: providers[Google].scopes, APIURL: "https://www.googleapis.com/calendar/v3/",
			AuthURL: "https://accounts.google.com/o/oauth2/v2/auth", TokenURL: "https://oauth2.googleapis.com/token",
			RevokeURL: "https://oauth2.googleapis.com/revoke",
			Zone:      berlin, Concurrency: 8, PerMinute: 500, Push: true}},
		Departments: []booking.Department{},
		Services: []booking.Service{{ID: "consultation", Title: "Consultation",
			Rules: booking.Rules{Duration: new(30 * time.Minute)}}},
		Resources: []booking.Resource{{ID: "adams", Title: "Dr. Adams", Services: []string{"consultation"}, Zone: berlin,
			Rules:  booking.Rules{Hours: &booking.Hours{time.Monday: {{From: 540, To: 1020}}}},
			Blocks: []calendar.ID{"office/primary"}, BookInto: "office/primary"}},
	}
	sameZone := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, got, sameZone, cmpopts.IgnoreUnexported(Business{})); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if berlin.String() != "Europe/Berlin" {
		t.Errorf("zone %v", berlin)
	}
}

func TestOutlookApplicationAccount(t *testing.T) {
	file := change("provider = \"google\"\nclient_id = \"id\"", `provider = "outlook"
client_id = "id"
client_secret_credential = "graph"
grant = "client_credentials"
tenant = "clinic.example"
user = "desk@clinic.example"
api_url = "http://127.0.0.1:9/v1.0/"
calendar = [{ id = "primary", all_day = "busy" }]`)
	cfg, err := Parse("slotd.toml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	a, ok := cfg.Account("office")
	if !ok || a.APIURL != "http://127.0.0.1:9/v1.0" || a.Concurrency != 3 || len(a.Scopes) != 0 ||
		a.TokenURL != "https://login.microsoftonline.com/clinic.example/oauth2/v2.0/token" ||
		a.ClientSecret != (Secret{Credential: "graph"}) {
		t.Errorf("account %+v", a)
	}
	if cfg.AllDay("office/primary") != AllDayBusy || cfg.AllDay("office/other") != AllDayAsMarked {
		t.Error("all-day policy")
	}
}

func TestPathsStartFromTheFile(t *testing.T) {
	cfg, err := Parse("etc/slotd.toml", []byte(change(`app_secret_env = "APP"`, `app_secret_files = ["new", "/abs/old"]`)+`
[server]
admin = "unix:admin.sock"
public_url = "https://booking.clinic.example/"
[flow]
file = "flow.json"
resource = "any"
bind = { doctors = "resources" }
`))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Server.Admin != "unix:etc/admin.sock" || cfg.Flow.File != "etc/flow.json" || cfg.Store.Path != "etc/slotd.db" {
		t.Errorf("%+v", cfg)
	}
	if !slices.Equal(cfg.WhatsApp.AppSecrets, []Secret{{File: "etc/new"}, {File: "/abs/old"}}) {
		t.Errorf("app secrets %v", cfg.WhatsApp.AppSecrets)
	}
	if cfg.Server.PublicURL != "https://booking.clinic.example" || cfg.Flow.Bind["doctors"] != "resources" {
		t.Errorf("%+v", cfg)
	}
}

func TestHours(t *testing.T) {
	cfg, err := Parse("t.toml", []byte(strings.Replace(minimal, `hours = { mon = ["09:00-17:00"] }`, "", 1)+`
[resource.hours]
fri-mon = ["13:00-24:00", "00:00-12:00"]
wed = []
`))
	if err != nil {
		t.Fatal(err)
	}
	long := []booking.Span{{From: 0, To: 720}, {From: 780, To: 1440}}
	want := booking.Hours{time.Friday: long, time.Saturday: long, time.Sunday: long, time.Monday: long}
	got := cfg.Resources[0].Rules.Hours
	got[time.Wednesday] = nil
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{"30d": 30 * day, "1d12h": 36 * time.Hour, "90s": 90 * time.Second,
		"0": 0, "3660d": maxDays * day} {
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "d", "-1d", "1.5d", "99999d", "1d-1h", "1h1d", "30", "1d1d"} {
		if got, err := parseDuration(s); err == nil {
			t.Errorf("%q: %v, want an error", s, got)
		}
	}
}

func TestExampleLoadsAndMentionsEveryKey(t *testing.T) {
	root, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root, Example()) {
		t.Fatal("config.example.toml differs from internal/config/example.toml: copy it")
	}
	if _, err := Load("../../config.example.toml"); err != nil {
		t.Fatal(err)
	}
	tree, _ := readTree("x", root)
	d := &decoder{known: map[string][]string{}}
	d.config(tree)
	for section, keys := range d.known {
		for _, key := range keys {
			form := `(?m)^(# )?` + key + ` = `
			if slices.Contains([]string{"", "flow", "account"}, section) {
				form += `|(?m)^(# )?\[+([a-z]+\.)?` + key + `\]`
			}
			if !regexp.MustCompile(form).Match(root) {
				t.Errorf("the example does not mention %s of [%s]", key, section)
			}
		}
	}
}

// wholeExample is the example with its one commented table in use, so that the decoder asks for its keys.
func wholeExample() []byte {
	return regexp.MustCompile(`(?m)^# (\[\[account\.calendar\]\]|id = "primary"|all_day = )`).ReplaceAll(Example(), []byte("$1"))
}

// The clinic that the comments of the example describe can be used as it is.
func TestCommentedClinicOfTheExample(t *testing.T) {
	file := string(Example())
	rules, rest := strings.Index(file, "[business]"), strings.Index(file, "[freshness]")
	clinic := strings.Index(file, "# --- What can be booked")
	use := func(part string) string {
		return regexp.MustCompile(`(?m)^# (\[\[|[a-z_]+ = )`).ReplaceAllString(part, "$1")
	}
	business := strings.Replace(use(file[rules:rest]), "\nblocked_by", "\n# blocked_by", 1) // a calendar that is not there
	cfg, err := Parse("t.toml", []byte(file[:rules]+business+file[rest:clinic]+use(file[clinic:])))
	if err != nil {
		t.Fatal(err)
	}
	catalog := booking.NewCatalog(cfg.Bookable())
	if catalog.Offer("dermatology", "bell", "surgery") == nil || len(cfg.Services) != 2 || len(cfg.Resources) != 3 {
		t.Errorf("%+v", cfg)
	}
}

// Every commented line of the example that looks like a setting must be one: no stale key hides in a comment.
func TestCommentedSettingsOfTheExampleExist(t *testing.T) {
	tree, _ := readTree("x", wholeExample())
	d := &decoder{known: map[string][]string{}}
	d.config(tree)
	known := slices.Concat(slices.Collect(func(yield func([]string) bool) {
		for _, keys := range d.known {
			if !yield(keys) {
				return
			}
		}
	})...)
	for _, m := range regexp.MustCompile(`(?m)^# ([a-z_]+) = `).FindAllSubmatch(Example(), -1) {
		if key := string(m[1]); !slices.Contains(known, key) && key != "doctors" {
			t.Errorf("unknown setting %s", key)
		}
	}
}

// Whatever the bytes, Parse returns either a complete Config or faults with lines of the file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add(Example())
	if data, err := os.ReadFile("testdata/faults.toml"); err == nil {
		f.Add(data)
	}
	for _, s := range []string{"", "a.b.c = 1\n[a.b]\n", "[[a]]\n[a.b]\n[[a.b]]", "account = [1, {}]", "hours = {a = {b = [[]]}}",
		"x = 0x_1", "[business]\nzone = 'UTC'\nhorizon = 9999999999", "[[resource]]\nhours = { '' = ['-'] }\nid = \"\\u0000\"",
		"\"\" = 1\n[\"\"]", "[flow]\nbind = 1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("t.toml", data)
		if err == nil {
			if cfg.Business.Zone == nil || len(cfg.Services) == 0 || len(cfg.Resources) == 0 {
				t.Errorf("incomplete config without an error: %+v", cfg)
			}
			return
		}
		var faults Faults
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("not Faults: %v", err)
		}
		for _, fault := range faults {
			if fault.Line < 1 || fault.Line > 1+bytes.Count(data, []byte("\n")) || fault.Problem == "" {
				t.Errorf("fault %+v", fault)
			}
		}
	})
}

// A URL that names only a host means the provider's usual path on it; a path of its own is kept.
func TestAPIURLOfAHostAlone(t *testing.T) {
	for _, c := range []struct{ given, usual, want string }{
		{"http://127.0.0.1:9", "https://www.googleapis.com/calendar/v3/", "http://127.0.0.1:9/calendar/v3"},
		{"http://127.0.0.1:9/", "https://graph.microsoft.com/v1.0", "http://127.0.0.1:9/v1.0"},
		{"http://127.0.0.1:9/beta/", "https://graph.microsoft.com/v1.0", "http://127.0.0.1:9/beta"},
	} {
		if got := apiBase(c.given, c.usual); got != c.want {
			t.Errorf("apiBase(%q) = %q, want %q", c.given, got, c.want)
		}
	}
}
