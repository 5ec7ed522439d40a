package config

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
)

func TestWebhookSection(t *testing.T) {
	const section = "[webhook]\nurl = \"https://crm.example/hooks/slotd\"\nsecret_file = \"s\"\n"
	whole := Webhook{
		URL: "https://crm.example/hooks/slotd", Secrets: []Secret{{File: "/etc/slotd/s"}}, Events: Events(),
	}
	some := whole
	some.Events = []booking.What{booking.WasCreated, booking.InConflict}
	two := whole
	two.Secrets = []Secret{{File: "/etc/slotd/new"}, {File: "/etc/slotd/old"}}
	for _, c := range []struct {
		name, section string
		want          Webhook
		line          int // of the fault, in the section
		fault         string
	}{
		{"none", "", Webhook{}, 0, ""},
		{"defaults", section, whole, 0, ""},
		{"some events", section + "events = [\"booking.created\", \"booking.conflict\"]\n", some, 0, ""},
		{"two secrets", strings.Replace(section, `secret_file = "s"`, `secret_files = ["new", "old"]`, 1), two, 0, ""},
		{"on this host", "[webhook]\nurl = \"http://127.0.0.1:9/x\"\nsecret_env = \"S\"\n",
			Webhook{URL: "http://127.0.0.1:9/x", Secrets: []Secret{{Env: "S"}}, Events: Events()}, 0, ""},
		{"no url", "[webhook]\nsecret_file = \"s\"\n", Webhook{}, 1, "url is missing"},
		{"plain http", "[webhook]\nurl = \"http://crm.example/\"\nsecret_file = \"s\"\n", Webhook{}, 2, "must begin with https"},
		{"no secret", "[webhook]\nurl = \"https://crm.example/\"\n", Webhook{}, 1, "secret is missing"},
		{"a secret in the file", "[webhook]\nurl = \"https://crm.example/\"\nsecret = \"whsec_x\"\n", Webhook{}, 3,
			"secret must not stand in this file"},
		{"unknown event", section + "events = [\"booking.canceled\"]\n", Webhook{}, 4, `did you mean "booking.cancelled"?`},
		{"no event", section + "events = []\n", Webhook{}, 4, "events is empty"},
		{"events of a wrong type", section + "events = \"all\"\n", Webhook{}, 4, "events must be an array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Parse("/etc/slotd/slotd.toml", []byte(minimal+"\n"+c.section))
			if c.fault == "" {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, cfg.Webhook); diff != "" {
					t.Errorf("webhook (-want +got):\n%s", diff)
				}
				return
			}
			at := ":" + strconv.Itoa(strings.Count(minimal, "\n")+1+c.line) + ": [webhook]: "
			if err == nil || !strings.Contains(err.Error(), at) || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("got %v, want %s%s", err, at, c.fault)
			}
		})
	}
}

func TestKeptDurations(t *testing.T) {
	keep := func(lines string) (*Config, error) { return Parse("t.toml", []byte("[store]\n"+lines+minimal)) }
	cfg, err := keep("keep_bookings = \"400d\"\nkeep_visits = \"7d\"\n")
	if err != nil || cfg.Store.KeepBookings != 400*24*time.Hour || cfg.Store.KeepVisits != 7*24*time.Hour {
		t.Errorf("%+v, %v", cfg, err)
	}
	for lines, want := range map[string]string{
		"keep_bookings = \"0d\"\n":    "t.toml:2: [store]: keep_bookings must be from 1d to 3660d",
		"keep_visits = \"forever\"\n": "t.toml:2: [store]: keep_visits must be a duration",
		"keep_bookings = \"2d\"\n":    "t.toml:2: [store]: keep_bookings must not be shorter than token_ttl of [flow] (3d)",
	} {
		if _, err := keep(lines); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", lines, err, want)
		}
	}
}
