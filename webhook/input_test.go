package webhook

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// unchanged fails the test if anything was written.
func unchanged(t testing.TB, before, after map[string]string) {
	t.Helper()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}

// payloads of the built-in Flow that its phone would send.
func good(t testing.TB, screen string) object {
	t.Helper()
	all := object{"department": "cardio", "service": "checkup", "resource": "adams", "date": tuesday, "part": "day",
		"slot": slot(t, tuesday, "10:00"), "name": "Sam Example", "notes": ""}
	keys := map[string][]string{
		"DEPARTMENT": {"department"}, "DOCTOR": {"department", "service", "resource"},
		"DAY":     {"department", "service", "resource", "date"},
		"TIME":    {"department", "service", "resource", "date", "part", "slot"},
		"DETAILS": {"department", "service", "resource", "date", "slot", "name", "notes"},
		"CONFIRM": {"department", "service", "resource", "date", "slot", "name", "notes"},
	}
	out := object{}
	for _, key := range keys[screen] {
		out[key] = all[key]
	}
	return out
}

func with(payload object, key string, value any) object {
	out := maps.Clone(payload)
	out[key] = value
	return out
}

func without(payload object, key string) object {
	out := maps.Clone(payload)
	delete(out, key)
	return out
}

// Whatever a client sends, it gets its screen again with a reason, and nothing is written.
func TestBadInputIsAnsweredWithTheSameScreen(t *testing.T) {
	r := newRig(t, twoDepartments())
	r.mirror("acct/adams", hours(t, tuesday, "11:00", "12:00"))
	token := r.token()
	before := r.keys()
	type test struct {
		screen string
		data   any
	}
	tests := map[string]test{}
	long := strings.Repeat("x", 100_000)
	bad := map[string]any{
		"unknown": "nobody", "empty": "", "number": 7, "array": []any{"a"}, "object": object{"id": "cardio"},
		"null": nil, "boolean": true, "long": long, "control": "car\x00dio\x1b[2J", "none": noneID, "quote": `"}{`,
	}
	for name, value := range bad {
		tests["department "+name] = test{"DEPARTMENT", with(good(t, "DEPARTMENT"), "department", value)}
		tests["date "+name] = test{"DAY", with(good(t, "DAY"), "date", value)}
		tests["time "+name] = test{"TIME", with(good(t, "TIME"), "slot", value)}
		tests["confirm slot "+name] = test{"CONFIRM", with(good(t, "CONFIRM"), "slot", value)}
		if name == "empty" || name == "null" {
			continue // not asked for: the default holds
		}
		for _, screen := range []string{"DOCTOR", "DAY", "TIME", "DETAILS", "CONFIRM"} {
			tests[screen+" service "+name] = test{screen, with(good(t, screen), "service", value)}
			tests[screen+" resource "+name] = test{screen, with(good(t, screen), "resource", value)}
		}
		tests["confirm department "+name] = test{"CONFIRM", with(good(t, "CONFIRM"), "department", value)}
		tests["confirm alternative "+name] = test{"CONFIRM", with(good(t, "CONFIRM"), "alternative", value)}
		tests["confirm date "+name] = test{"CONFIRM", with(good(t, "CONFIRM"), "date", value)}
	}
	for name, date := range map[string]string{
		"past": "2026-11-20", "far": "2027-11-24", "first": "0001-01-01", "last": "9999-12-31", "where zones never end": "9992-12-31", "none such": "2026-02-30",
		"with time": "2026-11-24T10:00:00Z", "other form": "24.11.2026", "negative": "-001-01-01",
	} {
		tests["date "+name] = test{"DAY", with(good(t, "DAY"), "date", date)}
	}
	for name, id := range map[string]string{
		"busy": slot(t, tuesday, "11:00"), "outside hours": slot(t, tuesday, "14:00"), "off the grid": slot(t, tuesday, "10:10"),
		"past": slot(t, "2026-11-23", "08:00"), "beyond": slot(t, "2026-12-20", "10:00"), "year 0": "0000-01-01T00:00:00Z",
		"year 9999": "9999-12-31T23:59:59Z", "where zones never end": "9992-12-31T23:30:00Z", "wall time": "10:00", "page": "page:1", "page of nonsense": "page:-1",
		"page far": "page:99999999999999999999",
	} {
		data := without(good(t, "CONFIRM"), "date")
		tests["confirm slot "+name] = test{"CONFIRM", with(data, "slot", id)}
		tests["confirm alternative "+name] = test{"CONFIRM", with(data, "alternative", id)}
		if !strings.HasPrefix(id, "page") {
			tests["time "+name] = test{"TIME", with(without(good(t, "TIME"), "date"), "slot", id)}
		}
	}
	tests["other doctor's department"] = test{"CONFIRM", with(good(t, "CONFIRM"), "department", "general")}
	tests["service not done there"] = test{"CONFIRM", object{"service": "ecg", "resource": "clark", "slot": slot(t, tuesday, "10:00")}}
	tests["slot of another day"] = test{"CONFIRM", with(good(t, "CONFIRM"), "date", "2026-11-25")}
	for _, screen := range []string{"DEPARTMENT", "DAY", "CONFIRM"} {
		tests[screen+" nothing"] = test{screen, object{}}
		tests[screen+" null"] = test{screen, nil}
	}
	for _, screen := range []string{"DEPARTMENT", "DOCTOR", "DAY", "TIME", "DETAILS"} {
		tests[screen+" only foreign keys"] = test{screen, object{"what": "ever", "lost:": "1", "page:": "2"}}
	}
	for name, test := range tests {
		got := r.exchange(token, test.screen, test.data)
		if got.status != 200 || got.Screen != test.screen || got.message() == "" {
			text := string(got.plain)
			t.Errorf("%s: %d %s with %q: %.120s", name, got.status, got.Screen, got.message(), text)
		}
		if len(got.sealed) > 32<<10 {
			t.Errorf("%s: an answer of %d bytes", name, len(got.sealed))
		}
	}
	unchanged(t, before, r.keys())
}

func TestUnknownActionsAndScreens(t *testing.T) {
	r := newRig(t, twoDepartments())
	token := r.token()
	before := r.keys()
	for _, action := range []string{"", "init", "DATA_EXCHANGE", "navigate", "complete", strings.Repeat("a", 10_000), "\x00"} {
		got := r.send(object{"version": "4.0", "action": action, "screen": "DAY", "flow_token": token, "data": good(t, "DAY")})
		if got.status != 200 || got.Screen != "DAY" || got.message() == "" {
			t.Errorf("action %.20q: %d %s %q", action, got.status, got.Screen, got.message())
		}
	}
	for _, screen := range []string{"", "NOWHERE", "SUCCESS", "confirm", strings.Repeat("A", 10_000), "\x00"} {
		got := r.exchange(token, screen, good(t, "CONFIRM"))
		if got.status != 200 || got.Screen != "DEPARTMENT" || got.message() == "" {
			t.Errorf("screen %.20q: %d %s %q", screen, got.status, got.Screen, got.message())
		}
	}
	unchanged(t, before, r.keys())
}

// Texts of a customer are cut to what a form can hold, and cleaned, before they are stored.
func TestCustomersTextsAreCleaned(t *testing.T) {
	r := newRig(t, twoDepartments())
	data := good(t, "CONFIRM")
	data["name"] = "Sam\x00 \x1b[31mExample\u202e" + strings.Repeat("x", 10_000)
	data["notes"] = "one\r\ntwo\t" + strings.Repeat("ü", 10_000)
	data["own_question"] = strings.Repeat("y", 10_000)
	for i := range 100 {
		data["field_"+strings.Repeat("z", 100)+string(rune('a'+i%26))+string(rune('a'+i/26))] = i
	}
	got := r.exchange(r.token(), "CONFIRM", data)
	if got.Screen != "SUCCESS" {
		t.Fatalf("not booked: %d %.200s", got.status, got.plain)
	}
	p := r.person(r.bookings()[0].ID)
	if len([]rune(p.Name)) > 80 || len([]rune(p.Notes)) > 600 || strings.ContainsAny(p.Name+p.Notes, "\x00\x1b\r\t") {
		t.Errorf("stored %d and %d characters: %.40q %.40q", len([]rune(p.Name)), len([]rune(p.Notes)), p.Name, p.Notes)
	}
	if !strings.HasPrefix(p.Notes, "one\ntwo") {
		t.Errorf("the line break went: %.20q", p.Notes)
	}
	stored, err := json.Marshal(p)
	check(t, err)
	if len(p.Answers) > maxAnswers || len(stored) > 32<<10 {
		t.Errorf("%d answers, %d bytes", len(p.Answers), len(stored))
	}
}

// Numbers and booleans of a Flow's own form fields are kept as text.
func TestOwnAnswersAreKept(t *testing.T) {
	r := newRig(t, twoDepartments())
	data := good(t, "CONFIRM")
	data["insured"], data["age"], data["reason"] = true, 42, "cough"
	if got := r.exchange(r.token(), "CONFIRM", data); got.Screen != "SUCCESS" {
		t.Fatalf("not booked: %s", got.plain)
	}
	want := map[string]string{"insured": "true", "age": "42", "reason": "cough"}
	if diff := cmp.Diff(want, r.person(r.bookings()[0].ID).Answers); diff != "" {
		t.Error(diff)
	}
}

// A confirm of what was removed from the config since it was chosen is told so on its screen, and books nothing.
func TestConfirmOfWhatWasRemoved(t *testing.T) {
	full := twoDepartments()
	for name, test := range map[string]struct {
		remove func(*clinic)
		want   string
	}{
		"service": {func(c *clinic) {
			c.services = full.services[1:]
			for i := range c.resources {
				c.resources[i].Services = []string{"ecg"}
			}
		}, "this service can't be booked"},
		"resource":   {func(c *clinic) { c.resources = full.resources[1:] }, "this choice can't be booked"},
		"department": {func(c *clinic) { c.departments, c.resources = full.departments[1:], full.resources[2:] }, "this department can't be booked"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, twoDepartments())
			token := r.token()
			if got := r.exchange(token, "TIME", good(t, "TIME")); got.Screen != "DETAILS" {
				t.Fatalf("on %s with %q", got.Screen, got.message())
			}
			test.remove(&r.clinic)
			r.reopen()
			before := r.keys()
			got := r.exchange(token, "CONFIRM", good(t, "CONFIRM"))
			if got.status != 200 || got.Screen != "CONFIRM" || !strings.Contains(got.message(), test.want) {
				t.Errorf("%d %s with %q", got.status, got.Screen, got.message())
			}
			unchanged(t, before, r.keys())
		})
	}
}

// The same of a time that went by, or that the horizon left out, while it was held.
func TestConfirmOfATimeThatWentBy(t *testing.T) {
	for name, test := range map[string]struct {
		date, at, want string
		change         func(*rig)
	}{
		"past": {"2026-11-23", "09:30", "too soon", func(r *rig) { r.wait(31 * time.Minute) }},
		"beyond the horizon": {"2026-12-05", "10:00", "too far", func(r *rig) {
			r.clinic.horizon = 7 * 24 * time.Hour
			r.reopen()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, twoDepartments())
			token, ask := r.token(), map[string]object{}
			for _, screen := range []string{"TIME", "CONFIRM"} {
				ask[screen] = with(with(good(t, screen), "date", test.date), "slot", slot(t, test.date, test.at))
			}
			if got := r.exchange(token, "TIME", ask["TIME"]); got.Screen != "DETAILS" {
				t.Fatalf("on %s with %q", got.Screen, got.message())
			}
			test.change(r)
			before := r.keys()
			_ = r.exchange(token, "CONFIRM", ask["CONFIRM"]) // may only say that the screen was open for too long
			got := r.exchange(token, "CONFIRM", ask["CONFIRM"])
			if got.status != 200 || got.Screen != "CONFIRM" || !strings.Contains(got.message(), test.want) {
				t.Errorf("%d %s with %q", got.status, got.Screen, got.message())
			}
			unchanged(t, before, r.keys())
		})
	}
}

// Tokens that nobody made, that are over, or that another tool made: the button is dead, and nothing is written.
func TestConfirmWithABadToken(t *testing.T) {
	r := newRig(t, twoDepartments())
	over := r.token()
	if got := r.exchange(over, "TIME", good(t, "TIME")); got.Screen != "DETAILS" {
		t.Fatalf("on %s with %q", got.Screen, got.message())
	}
	r.wait(73 * time.Hour)
	before := r.keys()
	for name, token := range map[string]string{
		"forged": "slotd-0123456789abcdefghijklmn", "expired": over, "foreign": "made-by-another-tool", "changed": over + "x",
	} {
		for _, screen := range []string{"TIME", "CONFIRM"} {
			got := r.exchange(token, screen, with(with(good(t, screen), "date", "2026-11-27"), "slot", slot(t, "2026-11-27", "10:00")))
			if got.status != 427 || got.Closed != textClosed {
				t.Errorf("%s, %s: %d %s", name, screen, got.status, got.plain)
			}
		}
	}
	unchanged(t, before, r.keys())
}
