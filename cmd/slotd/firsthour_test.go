package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
)

// loadCredential finds the credentials that a unit hands over, also those that are commented out.
var loadCredential = regexp.MustCompile(`(?m)^#?LoadCredential=(\w+):/etc/slotd/(secrets/\S+)$`)

// TestFirstHour walks the README as somebody who has just built slotd, with the unit's way of handing over secrets and
// sockets: init, the config from the example, sign in at both providers, serve, doctor, a booking, a copy, and the copy
// in the place of the database.
func TestFirstHour(t *testing.T) {
	w := &world{T: t, google: google.New(google.Options{}), graph: graph.New(graph.Options{}), dir: t.TempDir()}
	w.zone, _ = time.LoadLocation(clinicZone)
	t.Cleanup(w.checkSecrecy)

	slotd(t, w.dir, "init", "--config", "slotd.toml").expect(t, exitDone, "created  config       slotd.toml",
		"created  database     slotd.db", "created  private key  secrets/flow_key.pem", "created  token key    secrets/token_key",
		"Next: edit slotd.toml")
	w.run("check").expect(t, exitUsage, "[whatsapp] app_secret", `account "office" client_secret`)
	w.fillIn()
	credentials := w.underUnit()
	w.run("check").expect(t, exitDone, "is fine: 2 accounts")

	w.signInto("google", "office", googleUser, "office/primary")
	m := newManager(w) // from here on there are sockets, and whoever connects waits for the daemon
	w.setup = func(cmd *exec.Cmd) {
		m.setup(cmd)
		credentials(cmd)
	}
	w.daemon = serve(t, w.dir, w.setup)
	w.run("doctor").expect(t, exitFailed, "nobody has signed in yet")
	w.signInto("outlook", "second", outlookUser, "second/unknown") // while it serves
	must(t, w.daemon.cmd.Process.Signal(syscall.SIGHUP))           // systemctl reload: the calendar that connect named
	eventually(t, "both mirrors", func() bool {
		s := w.status()
		return len(s.Calendars) == 2 && s.Calendars[0].Fresh && s.Calendars[1].Fresh
	})
	w.run("status").expect(t, exitDone, "All is well.")
	if o := w.run("doctor"); o.code != exitDone || strings.Contains(o.stdout, "FAIL") {
		t.Fatalf("doctor: %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	first := w.simulate("adams")
	w.once("adams", first.ID)
	w.run("bookings", "list").expect(t, exitDone, "adams", "confirmed")
	w.run("backup", "copy.db").expect(t, exitDone, "1 bookings, read back and found good")
	second := w.simulate("baker")
	w.once("baker", second.ID)
	w.restore("copy.db")
	if list := w.bookings(); len(list) != 1 || list[0].ID != first.ID {
		t.Errorf("after the restore: %+v", list)
	}
	w.once("adams", first.ID)
	w.once("baker", second.ID) // not known any more, and left alone
	day := second.Start.In(w.zone).Format(time.DateOnly)
	o := w.run("slots", "--resource", "baker", "--date", day, "--json")
	o.expect(t, exitDone)
	if start := second.Start.In(w.zone).Format(time.RFC3339); strings.Contains(o.stdout, start) {
		t.Errorf("%s is offered again:\n%s", start, o.stdout)
	}
	w.run("status").expect(t, exitDone, "All is well.")
	if code := w.daemon.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// simulate books the first time of a doctor.
func (w *world) simulate(doctor string) admin.Booking {
	w.Helper()
	before := w.bookings()
	w.run("simulate", "http://"+w.daemon.public+"/flow", "--name", plantedName, "--resource", doctor).expect(w.T, exitDone, "SUCCESS")
	w.level()
	for _, b := range w.bookings() {
		if !slices.ContainsFunc(before, func(old admin.Booking) bool { return old.ID == b.ID }) {
			return b
		}
	}
	w.Fatalf("no booking of %s", doctor)
	return admin.Booking{}
}

// fillIn edits the config that init wrote, as a new user does.
func (w *world) fillIn() {
	w.Helper()
	g, o := w.google.AddAccount(googleUser), w.graph.AddAccount(outlookUser)
	w.google.AddCalendar(googleUser, googleCal, "Dr. Adams", clinicZone)
	w.graph.AddCalendar(outlookUser, outlookCal, "Calendar", clinicZone)
	w.write("secrets/app_secret", plantedSecret+"\n")
	w.write("secrets/google_client_secret", g.ClientSecret)
	w.write("secrets/outlook_client_secret", o.ClientSecret)
	w.secrets = append(w.secrets, plantedSecret, plantedName, g.ClientSecret, o.ClientSecret, "ya29.", "EwB.", w.keyBody())
	path := filepath.Join(w.dir, "slotd.toml")
	googleURL, graphURL := w.listen(w.google.Handler()), w.listen(w.graph.Handler())
	for _, edit := range [][2]string{
		{`admin = "127.0.0.1:8081"`, `admin = "unix:admin.sock"`},
		{`token_key_file = "secrets/token_key"`, `token_key_credential = "token_key"`},
		{`app_secret_file = "secrets/app_secret"`, `app_secret_credential = "app_secret"`},
		{`private_key_files = ["secrets/flow_key.pem"]`, `private_key_credential = "private_key"`},
		{`"000000000000-example.apps.googleusercontent.com"`, `"` + g.ClientID + `"`},
		{`client_secret_file = "secrets/google_client_secret"`, `client_secret_credential = "google_client_secret"`},
		{`# api_url = "https://www.googleapis.com/calendar/v3/"`, `api_url = "` + googleURL + `/calendar/v3/"`},
		{`# auth_url = "https://accounts.google.com/o/oauth2/v2/auth"`, `auth_url = "` + googleURL + `/o/oauth2/v2/auth"`},
		{`# token_url = "https://oauth2.googleapis.com/token"`, `token_url = "` + googleURL + `/token"`},
	} {
		replaceInFile(w.T, path, edit[0], edit[1])
	}
	w.append(fmt.Sprintf(`
[[account]]
name = "second"
provider = "outlook"
client_id = %q
client_secret_credential = "outlook_client_secret"
api_url = "%[2]s/v1.0"
auth_url = "%[2]s/oauth2/v2.0/authorize"
token_url = "%[2]s/oauth2/v2.0/token"

[[resource]]
id = "baker"
title = "Dr. Baker"
departments = ["dermatology"]
hours = { mon-fri = ["09:00-17:00"] }
book_into = "second/unknown"
`, o.ClientID, graphURL))
	cfg, err := config.Load(path)
	must(w.T, err)
	w.cfg = cfg
}

// underUnit returns what gives a daemon the credentials as deploy/slotd.service names them. Commands get the directory
// from which the unit takes them, as docs/systemd.md says.
func (w *world) underUnit() (setup func(*exec.Cmd)) {
	w.Helper()
	must(w.T, os.Symlink("flow_key.pem", filepath.Join(w.dir, "secrets/private_key")))
	w.Setenv("CREDENTIALS_DIRECTORY", filepath.Join(w.dir, "secrets"))
	unit, err := os.ReadFile("../../deploy/slotd.service")
	must(w.T, err)
	dir := w.TempDir()
	var names []string
	for _, m := range loadCredential.FindAllStringSubmatch(string(unit), -1) {
		secret, err := os.ReadFile(filepath.Join(w.dir, m[2]))
		if os.IsNotExist(err) {
			continue // another kind of account
		}
		must(w.T, err)
		must(w.T, os.WriteFile(filepath.Join(dir, m[1]), secret, 0o400))
		names = append(names, m[1])
	}
	want := []string{"app_secret", "private_key", "token_key", "google_client_secret", "outlook_client_secret"}
	if !slices.Equal(names, want) {
		w.Fatalf("the unit hands over %v, want %v", names, want)
	}
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "CREDENTIALS_DIRECTORY="+dir) }
}

// signInto connects an account and pastes the calendar that connect prints over old.
func (w *world) signInto(provider, account, user, old string) {
	w.Helper()
	s := w.connect(provider, account, "--expect", user)
	if status, page := w.page(s.line); status != http.StatusOK || !strings.Contains(page, "You are signed in") {
		w.Fatalf("%s: %d %s", provider, status, page)
	}
	o := s.end()
	o.expect(w.T, exitDone, "Connected account", user+" signed in")
	line := regexp.MustCompile(`(?m)^book_into = "(\w+)/(.*)"$`).FindStringSubmatch(o.stdout)
	if line == nil {
		w.Fatalf("connect names no calendar:\n%s", o.stdout)
	}
	path := filepath.Join(w.dir, "slotd.toml")
	if provider == config.Google { // whose calendar the example also gives settings
		replaceInFile(w.T, path, `id = "primary"`, `id = "`+line[2]+`"`)
	}
	w.replace(`book_into = "`+old+`"`, line[0])
}

// restore puts a copy in the place of the database, as docs/backup.md says.
func (w *world) restore(name string) {
	w.Helper()
	if code := w.daemon.stop(); code != exitDone {
		w.Errorf("exit code %d", code)
	}
	out, err := exec.CommandContext(w.Context(), "cp", filepath.Join(w.dir, name), w.cfg.Store.Path).CombinedOutput()
	if err != nil {
		w.Fatalf("%v\n%s", err, out)
	}
	w.start()
}
