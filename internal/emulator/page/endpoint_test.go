package page

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/flow"
)

// clinic is a scripted endpoint that speaks the real envelope and books into a diary: proxy and daemon in one.
type clinic struct {
	t     *testing.T
	adams *diary
	zone  *time.Location

	mu       sync.Mutex
	keys     *flow.KeyRing
	public   []byte
	served   []byte              // the public key that phones are told: it lags behind after a change of keys
	script   []func() (int, any) // what to answer instead, first come first served
	requests []flow.Request
}

func newClinic(t *testing.T, adams *diary) *clinic {
	c := &clinic{t: t, adams: adams, zone: london(t)}
	c.changeKey()
	c.publishKey()
	return c
}

// changeKey gives the endpoint a new key that phones do not know yet.
func (c *clinic) changeKey() {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		c.t.Fatal(err)
	}
	ring, err := flow.NewKeyRing(private)
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys, c.public = ring, flow.PublicKeyPEM(&private.PublicKey)
}

// publishKey tells phones that ask the current key.
func (c *clinic) publishKey() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.served = c.public
}

func (c *clinic) publicKey() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served
}

// next makes the following answer something else. An answer with a status other than 200 and 427 has no body.
func (c *clinic) next(status int, answer any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script = append(c.script, func() (int, any) { return status, answer })
}

// asked returns the requests that could be opened.
func (c *clinic) asked() []flow.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]flow.Request{}, c.requests...)
}

func (c *clinic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "cannot read", http.StatusBadRequest)
		return
	}
	status, text := c.answer(r, body)
	reply(w, http.StatusOK, map[string]any{"status": status, "body": text})
}

func (c *clinic) answer(r *http.Request, body []byte) (int, string) {
	c.mu.Lock()
	keys := c.keys
	c.mu.Unlock()
	plain, sealer, err := keys.Open(r.Context(), body)
	if errors.Is(err, flow.ErrUndecryptable) {
		return http.StatusMisdirectedRequest, ""
	}
	if err != nil {
		c.t.Errorf("open a request: %v", err)
		return http.StatusBadRequest, ""
	}
	request, err := flow.ParseRequest(plain)
	if err != nil {
		c.t.Errorf("parse a request: %v", err)
		return http.StatusBadRequest, ""
	}
	c.mu.Lock()
	c.requests = append(c.requests, request)
	var scripted func() (int, any)
	if len(c.script) > 0 {
		scripted, c.script = c.script[0], c.script[1:]
	}
	c.mu.Unlock()
	var answer any
	status := http.StatusOK
	if scripted != nil {
		status, answer = scripted()
	} else {
		answer = c.screen(request)
	}
	if status != http.StatusOK && status != 427 {
		return status, ""
	}
	out, err := json.Marshal(answer)
	if err != nil {
		c.t.Errorf("encode an answer: %v", err)
	}
	return status, string(sealer.Seal(out))
}

// m is a JSON object.
type m = map[string]any

func option(id, title, description string) m {
	if description == "" {
		return m{"id": id, "title": title}
	}
	return m{"id": id, "title": title, "description": description}
}

// screen answers a request of the built-in Flow as the daemon would, from what it can see in the diary.
func (c *clinic) screen(r flow.Request) m {
	if code, _, ok := r.ClientError(); ok {
		c.t.Errorf("the client refused an answer: %s", code)
		return m{"data": m{"acknowledged": true}}
	}
	get := func(key string) string { s, _ := r.Data[key].(string); return s }
	step := r.Screen
	if r.Action == "INIT" {
		step = ""
	}
	switch step {
	case "":
		return show("DEPARTMENT", m{"business": "Harbour Clinic", "departments": []m{
			option("cardiology", "Cardiology", "Heart and circulation"),
			option("general", "General practice", "Everything else"),
			option("derma", "Dermatology", "Skin, hair and nails")}})
	case "DEPARTMENT", "DOCTOR":
		if step == "DOCTOR" && r.Data["resource"] != nil {
			return show("DAY", m{"department": get("department"), "service": get("service"),
				"resource": get("resource"),
				"min_date": "2026-11-23", "max_date": "2026-12-18",
				"unavailable_dates": []string{"2026-11-26", "2026-11-28", "2026-11-29", "2026-12-05", "2026-12-06", "2026-12-12",
					"2026-12-13"}})
		}
		resources := []m{}
		if get("service") != "" {
			resources = []m{option("any", "First available", ""), option("adams", "Dr. Adams", "Cardiology"),
				option("baker", "Dr. Baker", "")}
		}
		return show("DOCTOR", m{"department": get("department"), "service": get("service"), "has_services": true,
			"services":  []m{option("checkup", "Check-up", "30 minutes"), option("ecg", "ECG", "45 minutes")},
			"resources": resources, "has_resources": len(resources) > 0})
	case "DAY":
		return c.times(get, "")
	case "TIME":
		if get("slot") == "" {
			return c.times(get, "")
		}
		return show("DETAILS", m{"department": get("department"), "service": get("service"),
			"resource": get("resource"),
			"date":     get("date"), "slot": get("slot"), "summary": c.say(get("slot")), "name": "", "notes": ""})
	case "DETAILS":
		return c.confirm(get, nil, "")
	}
	return c.book(r, get)
}

func show(screen string, data m) m { return m{"version": "4.0", "screen": screen, "data": data} }

// free lists the free half hours of a day or of a part of it.
func (c *clinic) free(date, part string) []m {
	day, err := time.ParseInLocation(time.DateOnly, date, c.zone)
	if err != nil {
		return []m{}
	}
	first, last := 9, 12
	if part == "afternoon" {
		first, last = 13, 17
	}
	slots := []m{}
	end := day.Add(time.Duration(last) * time.Hour)
	for at := day.Add(time.Duration(first) * time.Hour); at.Before(end); at = at.Add(30 * time.Minute) {
		if !c.adams.busyAt(at, at.Add(30*time.Minute)) {
			slots = append(slots, option(at.UTC().Format(time.RFC3339), at.Format("15:04"), ""))
		}
	}
	return slots
}

func (c *clinic) times(get func(string) string, message string) m {
	part := get("part")
	if part == "" {
		part = "morning"
	}
	day, err := time.Parse(time.DateOnly, get("date"))
	if err != nil {
		c.t.Errorf("the phone sent no date: %v", err)
	}
	slots := c.free(get("date"), part)
	data := m{"department": get("department"), "service": get("service"), "resource": get("resource"),
		"date":    get("date"),
		"summary": day.Format("Monday, 2 January"), "zone": "Europe/London", "part": part, "has_parts": true,
		"parts": []m{option("morning", "Morning", ""), option("afternoon", "Afternoon", "")},
		"slots": slots, "has_slots": len(slots) > 0}
	if message != "" {
		data["error_message"] = message
	}
	return show("TIME", data)
}

func (c *clinic) confirm(get func(string) string, slots []m, message string) m {
	data := m{"department": get("department"), "service": get("service"), "resource": get("resource"),
		"date": get("date"),
		"slot": get("slot"), "name": get("name"), "notes": get("notes"), "summary": c.say(get("slot")),
		"details": "Check-up with Dr. Adams, Cardiology.\n30 minutes, for " + get("name") + ".",
		"slots":   append([]m{}, slots...), "has_slots": len(slots) > 0}
	if message != "" {
		data["error_message"] = message
	}
	return show("CONFIRM", data)
}

// book writes the booking, or offers what is left when the time has gone meanwhile.
func (c *clinic) book(r flow.Request, get func(string) string) m {
	slot := get("slot")
	if other := get("alternative"); other != "" {
		slot = other
	}
	start, err := time.Parse(time.RFC3339, slot)
	if err != nil {
		c.t.Errorf("the phone sent no slot: %v", err)
	}
	if c.adams.busyAt(start, start.Add(30*time.Minute)) {
		return c.confirm(get, c.free(get("date"), "morning"),
			"That time has just been taken. Please choose another one.")
	}
	c.adams.add(Event{Title: "Check-up", Start: start, End: start.Add(30 * time.Minute), Busy: true, Ours: true})
	return m{"version": "4.0", "screen": "SUCCESS", "data": m{"extension_message_response": m{"params": m{
		"flow_token": r.FlowToken, "reference": "H7K2QD", "summary": c.say(slot) + "\nCheck-up with Dr. Adams"}}}}
}

func (c *clinic) say(slot string) string {
	at, err := time.Parse(time.RFC3339, slot)
	if err != nil {
		return strings.ToUpper("no time")
	}
	return at.In(c.zone).Format("Monday, 2 January, 15:04")
}
