package daemon_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

// metrics returns what the admin address exposes, as text and as values by series.
func (c *clinic) metrics() (text string, values map[string]float64) {
	c.t.Helper()
	resp, err := c.outside.Get("http://admin/metrics")
	c.must(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	c.must(err)
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s\n%s", resp.Status, body)
	}
	values = map[string]float64{}
	for line := range strings.Lines(string(body)) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			values[line[:i]], err = strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64)
			c.must(err)
		}
	}
	return string(body), values
}

func (c *clinic) wantMetrics(want map[string]float64) {
	c.t.Helper()
	_, got := c.metrics()
	for series, value := range want {
		if v, ok := got[series]; !ok || v != value {
			c.t.Errorf("%s is %v (%t), want %v", series, v, ok, value)
		}
	}
}

// plan is a customer's wish for a time of the day after tomorrow.
func (c *clinic) plan(slot string) whatsapp.Plan {
	date := time.Now().In(c.zone).AddDate(0, 0, 2).Format(time.DateOnly)
	return whatsapp.Plan{Today: time.Now(), Date: date, Slot: slot, Resource: "adams", Strict: true, Name: "Planted Rivers"}
}

func (c *clinic) walk(plan whatsapp.Plan) whatsapp.Result {
	c.t.Helper()
	phone, err := c.phone()
	c.must(err)
	result, err := whatsapp.Walk(c.t.Context(), phone, plan)
	c.must(err)
	return result
}

// watched runs a daemon with copies scheduled inside a bubble, and play after its calendars have been read. It returns what
// /metrics said in the end. The daemon may log errors: that is what play is about.
func watched(t *testing.T, play func(c *clinic)) (text string) {
	flowKey()
	synctest.Test(t, func(t *testing.T) {
		c := newClinic(t)
		c.cfg.Backup = config.Backup{Directory: t.TempDir(), At: 3 * 60, Keep: 2}
		c.cfg.Server.PublicURL = publicURL
		c.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		play(c)
		text, _ = c.metrics()
		c.stop()
		c.failures.Reset()
		c.stop = func() {}
		c.close()
	})
	return text
}

func TestMetricsOfADay(t *testing.T) {
	text := watched(t, func(c *clinic) {
		c.wantMetrics(map[string]float64{
			`slotd_status_read`: 1, `slotd_calendar_fresh{calendar="google/adams"}`: 1,
			`slotd_account_state{account="google",state="ok"}`: 1, `slotd_outbox_marks`: 0, `slotd_outbox_oldest_seconds`: 0,
			`slotd_flow_requests_total{outcome="booked",screen="CONFIRM"}`: 0,
		})
		c.aBooking()
		c.aLostSlot()
		c.aRefusedWrite()
		c.aRevokedToken()
		c.sameAsStatus()
	})
	for _, secret := range []string{
		"Planted", "490000000000", appSecret, owner, "Clinic", "Dr.", "@",
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics hold %q", secret)
		}
	}
	promtool(t, text, "check", "metrics")
}

func (c *clinic) aBooking() {
	c.t.Helper()
	if result := c.walk(c.plan("10:00")); result.Outcome != whatsapp.Success {
		c.t.Fatalf("%s %s", result.Outcome, result.Message)
	}
	time.Sleep(time.Minute)
	c.wantMetrics(map[string]float64{
		`slotd_flow_requests_total{outcome="booked",screen="CONFIRM"}`: 1,
		`slotd_flow_steps_total{screen="DEPARTMENT",step="opened"}`:    1,
		`slotd_flow_steps_total{screen="DAY",step="day"}`:              1,
		`slotd_flow_steps_total{screen="TIME",step="slot"}`:            1,
		`slotd_flow_steps_total{screen="DETAILS",step="details"}`:      1,
		`slotd_flow_steps_total{screen="CONFIRM",step="confirmed"}`:    1,
		`slotd_flow_steps_total{screen="CONFIRM",step="lost_slot"}`:    0,
		`slotd_flow_answer_seconds_count{action="INIT"}`:               1,
		`slotd_outbox_marks`: 0,
		`slotd_calendar_write_failures_total{account="google",kind="refused"}`: 0,
	})
	_, values := c.metrics()
	if values[`slotd_store_commit_seconds_count`] < 3 || values[`slotd_store_updates_total`] < values[`slotd_store_commit_seconds_count`] {
		c.t.Errorf("%v commits of %v updates", values[`slotd_store_commit_seconds_count`], values[`slotd_store_updates_total`])
	}
	if values[`slotd_store_size_bytes`] < 4096 || values[`slotd_store_free_bytes`] <= 0 {
		c.t.Errorf("a store of %v bytes, %v free", values[`slotd_store_size_bytes`], values[`slotd_store_free_bytes`])
	}
}

// aLostSlot lets a second customer book a slot while the first looks at the last screen until the slot is not held any more.
func (c *clinic) aLostSlot() {
	c.t.Helper()
	plan, taken := c.plan("11:00"), false
	plan.Step = func(s whatsapp.Step) {
		if s.Shown == "CONFIRM" && !taken {
			taken = true
			time.Sleep(5 * time.Minute)
			c.walk(c.plan("11:00"))
		}
	}
	c.walk(plan)
	c.wantMetrics(map[string]float64{
		`slotd_flow_steps_total{screen="CONFIRM",step="lost_slot"}`:         1,
		`slotd_flow_requests_total{outcome="lost_booked",screen="CONFIRM"}`: 1,
	})
}

// aRefusedWrite makes the provider refuse an event for good.
func (c *clinic) aRefusedWrite() {
	c.t.Helper()
	time.Sleep(time.Minute)
	remove := c.google.Inject(fault.Rule{Op: "events.insert", Status: http.StatusBadRequest, Times: fault.Forever})
	c.walk(c.plan("14:00"))
	time.Sleep(time.Minute)
	c.wantMetrics(map[string]float64{
		`slotd_placements_set_aside`:                                           1,
		`slotd_bookings_need_person{reason="not_written"}`:                     1,
		`slotd_calendar_write_failures_total{account="google",kind="refused"}`: 1,
	})
	remove()
}

// aRevokedToken takes the account's access away, and lets a booking wait for its write.
func (c *clinic) aRevokedToken() {
	c.t.Helper()
	c.google.RevokeRefresh(owner)
	c.google.ExpireAccess(owner)
	c.walk(c.plan("15:00"))
	time.Sleep(40 * time.Minute)
	c.wantMetrics(map[string]float64{
		`slotd_account_state{account="google",state="ok"}`:           0,
		`slotd_account_state{account="google",state="needs_person"}`: 1,
		`slotd_calendar_fresh{calendar="google/adams"}`:              0,
		`slotd_outbox_marks`: 1,
	})
	_, values := c.metrics()
	if old := values[`slotd_outbox_oldest_seconds`]; old < 2400 || old > 2460 {
		c.t.Errorf("the oldest mark is %v s old", old)
	}
	if age := values[`slotd_calendar_confirmed_age_seconds{calendar="google/adams"}`]; age < 2400 || age > 3000 {
		c.t.Errorf("the calendar is %v s old", age)
	}
	if values[`slotd_calendar_read_failures_total{account="google",kind="needs_person"}`] < 2 {
		c.t.Error("no look at a calendar failed for want of a person")
	}
}

// sameAsStatus compares the metrics with what slotd status says at the same moment.
func (c *clinic) sameAsStatus() {
	c.t.Helper()
	var s admin.Status
	c.ask("/api/status", &s)
	want := map[string]float64{
		`slotd_problems`: float64(len(s.Problems)), `slotd_outbox_marks`: float64(s.Outbox.Waiting),
		`slotd_placements_set_aside`: float64(s.Outbox.SetAside),
	}
	for _, cal := range s.Calendars {
		want[`slotd_calendar_confirmed_age_seconds{calendar="`+cal.Label+`"}`] = cal.AgeS
	}
	c.wantMetrics(want)
}

// Nothing that comes from outside makes a series or shows up in one.
func TestMetricsAreClosed(t *testing.T) {
	watched(t, func(c *clinic) {
		c.walk(c.plan("10:00"))
		_, before := c.metrics()
		for i := range 50 {
			odd := fmt.Sprintf("planted-%d", i)
			for _, body := range []string{
				`{"version":"4.0","action":%[1]q,"screen":%[1]q,"flow_token":%[1]q,"data":{%[1]q:%[1]q}}`,
				`{"version":"4.0","action":"data_exchange","screen":"TIME","flow_token":%[1]q,"data":{"slot":%[1]q,"date":%[1]q}}`,
				`{"version":"4.0","action":"data_exchange","screen":%[1]q,"flow_token":%[1]q,"data":{"error":%[1]q}}`,
				`%q`,
			} {
				c.post([]byte(fmt.Sprintf(body, odd)), appSecret)
			}
			c.post([]byte(odd), odd)
		}
		text, after := c.metrics()
		if len(after) != len(before) {
			t.Errorf("%d series became %d", len(before), len(after))
		}
		if strings.Contains(text, "planted") {
			t.Error("what was sent shows up")
		}
		c.wantMetrics(map[string]float64{
			`slotd_flow_requests_total{outcome="bad_signature",screen=""}`:     50,
			`slotd_flow_requests_total{outcome="malformed_request",screen=""}`: 50,
			`slotd_flow_client_errors_total{code="other"}`:                     50,
		})
	})
}

// post sends a sealed request to the Flow endpoint, signed with secret.
func (c *clinic) post(plain []byte, secret string) {
	c.t.Helper()
	body, _, err := flow.SealRequest(&flowKey().PublicKey, plain)
	c.must(err)
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "http://public/flow", bytes.NewReader(body))
	c.must(err)
	req.Header.Set("X-Hub-Signature-256", flow.Sign([]byte(secret), body))
	resp, err := c.outside.Do(req)
	c.must(err)
	_, err = io.Copy(io.Discard, resp.Body)
	c.must(err)
	_ = resp.Body.Close()
}

// promtool runs Prometheus's own checker.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	if os.Getenv("SLOTD_WITHOUT_PROMTOOL") != "" {
		t.Log("SLOTD_WITHOUT_PROMTOOL is set: promtool is left out")
		return
	}
	tool, err := filepath.Abs("../../bin/promtool")
	if err == nil {
		_, err = os.Stat(tool)
	}
	if err != nil {
		if tool, err = exec.LookPath("promtool"); err != nil {
			t.Fatal("promtool is missing: run make tools, or set SLOTD_WITHOUT_PROMTOOL=1")
		}
	}
	cmd := exec.CommandContext(t.Context(), tool, args...) //nolint:gosec // ours
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil || input != "" && len(out) > 0 {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

const alertRules = "../../deploy/alerts.yml"

func TestAlertRules(t *testing.T) {
	promtool(t, "", "check", "rules", alertRules)
	promtool(t, "", "test", "rules", "../../deploy/alerts_test.yml")
	rules, err := os.ReadFile(alertRules)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range strings.Split(string(rules), "- alert: ")[1:] {
		name, _, _ := strings.Cut(rule, "\n")
		if !strings.Contains(rule, "summary: ") || !regexp.MustCompile(`runbook: .*"slotd [a-z]+"`).MatchString(rule) {
			t.Errorf("%s: a summary or a runbook with a command of slotd is missing", name)
		}
	}
}

// selector is a metric in an expression, with its matchers.
var (
	selector = regexp.MustCompile(`(slotd_[a-z_]+)(\{[^}]*\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
)

// Every series that a rule names is exposed by a daemon, down to the values of labels.
func TestAlertsNameWhatIsExposed(t *testing.T) {
	text := watched(t, func(*clinic) {})
	rules, err := os.ReadFile(alertRules)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range selector.FindAllStringSubmatch(string(rules), -1) {
		if !regexp.MustCompile(`\n(# TYPE )?` + m[1] + `[ {]`).MatchString(text) {
			t.Errorf("no daemon exposes %s", m[1])
		}
		for _, label := range matcher.FindAllStringSubmatch(m[2], -1) {
			for value := range strings.SplitSeq(label[3], "|") {
				want := regexp.MustCompile(`\n` + m[1] + `\{[^}]*` + label[1] + `="` + value + `"`)
				if !want.MatchString(text) {
					t.Errorf("no daemon exposes %s with %s=%q", m[1], label[1], value)
				}
			}
		}
	}
	for _, m := range regexp.MustCompile(`# TYPE (slotd_[a-z_]+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(docs), "`"+m[1]+"`") {
			t.Errorf("docs/metrics.md does not tell of %s", m[1])
		}
	}
}
