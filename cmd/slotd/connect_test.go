package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/config"
)

// newSignIn returns a world in which nobody has signed in yet.
func newSignIn(t *testing.T) *world {
	t.Helper()
	t.Parallel() // these tests mostly wait for processes
	w := newWorld(t)
	for _, p := range []string{"google", "outlook"} {
		w.replace(`refresh_token_file = "secrets/`+p+`_refresh_token"`, "")
		must(t, os.Remove(filepath.Join(w.dir, "secrets/"+p+"_refresh_token")))
	}
	w.google.AddAccount(strangerUser)
	w.google.AddCalendar(strangerUser, strangerUser, "Somebody else", clinicZone)
	w.graph.AddAccount(strangerUser)
	w.graph.AddCalendar(strangerUser, "AAMkAGStranger=", "Calendar", clinicZone)
	key, err := os.ReadFile(filepath.Join(w.dir, "secrets/token_key"))
	must(t, err)
	w.secrets = append(w.secrets, strings.TrimPrefix(strings.TrimSpace(string(key[bytes.LastIndex(key, []byte("AGE-")):])),
		"AGE-SECRET-KEY-1"))
	return w
}

const strangerUser = "stranger@elsewhere.example"

// replace changes the config.
func (w *world) replace(old, text string) {
	w.Helper()
	path := filepath.Join(w.dir, "slotd.toml")
	replaceInFile(w.T, path, old, text)
	cfg, err := config.Load(path)
	must(w.T, err)
	w.cfg = cfg
}

// signIn is a connect command that waits for a person.
type signIn struct {
	w    *world
	cmd  *exec.Cmd
	out  *lineBuffer
	line string // the one that says what the person does
	done chan struct{}
}

// connect starts a connect command and returns once it has said what the person does.
func (w *world) connect(args ...string) *signIn {
	w.Helper()
	s := &signIn{w: w, done: make(chan struct{})}
	s.out = &lineBuffer{mark: "code_challenge=", lines: make(chan []byte, 1)}
	for _, a := range args {
		if a == "--device" {
			s.out.mark = "enter the code"
		}
	}
	s.cmd = command(w.Context(), w.dir, append(append([]string{"connect"}, args...), "--config", "slotd.toml")...)
	s.cmd.Env = append(s.cmd.Env, "DISPLAY=", "WAYLAND_DISPLAY=")
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	must(w.T, s.cmd.Start())
	go func() {
		_ = s.cmd.Wait() // ProcessState tells
		close(s.done)
	}()
	w.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it may have ended already
		<-s.done
	})
	select {
	case line := <-s.out.lines:
		s.line = strings.TrimSpace(string(line))
	case <-s.done:
		w.Fatalf("connect ended with %d:\n%s", s.cmd.ProcessState.ExitCode(), s.out)
	case <-time.After(patience):
		w.Fatalf("connect prints no address:\n%s", s.out)
	}
	return s
}

// browse plays the browser in which user signs in, and returns the last page.
func (s *signIn) browse(user string) (status int, page string) {
	s.w.Helper()
	return s.w.page(s.line + "&login_hint=" + url.QueryEscape(user))
}

func (w *world) page(address string) (status int, page string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet, address, nil)
	must(w.T, err)
	resp, err := http.DefaultClient.Do(req)
	must(w.T, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	must(w.T, err)
	return resp.StatusCode, string(text)
}

// end waits for the command's end and returns how it was.
func (s *signIn) end() outcome {
	s.w.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		s.w.Fatalf("connect does not end:\n%s", s.out)
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.said = append(s.w.said, "connect:\n"+s.out.String())
	return outcome{code: s.cmd.ProcessState.ExitCode(), stdout: s.out.String()}
}

// signInBoth connects both accounts.
func (w *world) signInBoth() {
	w.Helper()
	for provider, user := range map[string]string{"google": googleUser, "outlook": outlookUser} {
		s := w.connect(provider, provider)
		if status, page := s.browse(user); status != http.StatusOK || !strings.Contains(page, "You are signed in") {
			w.Fatalf("%s: %d %s", provider, status, page)
		}
		s.end().expect(w.T, exitDone, "Connected account", user+" signed in")
	}
}

func TestConnectBothProvidersBeforeServing(t *testing.T) {
	w := newSignIn(t)
	o := w.run("calendars", "google")
	o.expect(t, exitFailed, "nobody has signed in yet", `run "slotd connect google google"`)

	s := w.connect("google", "google", "--expect", googleUser)
	s.browse(googleUser)
	s.end().expect(t, exitDone, "access_type=offline", "prompt=consent", "code_challenge_method=S256", "http%3A%2F%2F127.0.0.1%3A",
		"ssh -L ", "after 7 days", "The token is stored sealed.", "# Dr. Adams, Europe/Berlin, primary, writable",
		`book_into = "google/adams@clinic.example"`)
	s = w.connect("outlook", "outlook")
	s.browse(outlookUser)
	s.end().expect(t, exitDone, "redirect_uri=http%3A%2F%2Flocalhost%3A", "ssh -L ", "Connected account",
		`book_into = "outlook/`+outlookCal+`"`)

	w.run("calendars", "outlook").expect(t, exitDone, `book_into = "outlook/`+outlookCal+`"`)
	var list []admin.CalendarChoice
	must(t, json.Unmarshal([]byte(w.run("calendars", "google", "--json").stdout), &list))
	if len(list) != 1 || list[0].Calendar != "google/"+googleCal || !list[0].Writable || list[0].Zone != clinicZone {
		t.Errorf("calendars --json: %+v", list)
	}
	raw, err := os.ReadFile(filepath.Join(w.dir, exampleStore))
	must(t, err)
	for _, clear := range []string{"ya29.", "EwB.", googleUser} {
		if bytes.Contains(raw, []byte(clear)) {
			t.Errorf("the database holds %q in the clear", clear)
		}
	}
	w.start()
	w.run("status").expect(t, exitDone, "All is well.")
	w.run("calendars", "google").expect(t, exitDone, `book_into = "google/adams@clinic.example"`) // from the daemon
}

func TestConnectAgainWhileServing(t *testing.T) {
	w := newSignIn(t)
	w.signInBoth()
	w.start()
	w.google.RevokeRefresh(googleUser)
	w.graph.RevokeRefresh(outlookUser)
	eventually(t, "both accounts to need a person", func() bool {
		s := w.status()
		return s.Accounts[0].State == "needs_person" && s.Accounts[1].State == "needs_person"
	})
	w.run("status").expect(t, exitFailed, `run "slotd connect google google"`, `run "slotd connect outlook outlook"`)
	w.run("calendars", "google").expect(t, exitFailed, "invalid_grant", `run "slotd connect google google"`)
	w.signInBoth()
	eventually(t, "both accounts to work", func() bool {
		s := w.status()
		return s.Accounts[0].State == "ok" && s.Accounts[1].State == "ok"
	})
	log := w.daemon.log.String()
	for _, provider := range []string{"google", "outlook"} {
		if n := strings.Count(log, `"msg":"an account needs a person","account":"`+provider+`"`); n != 1 {
			t.Errorf("%s: logged %d times that it needs a person", provider, n)
		}
		if n := strings.Count(log, `"msg":"an account works again","account":"`+provider+`"`); n != 1 {
			t.Errorf("%s: logged %d times that it works again", provider, n)
		}
	}
	if w.daemon.stop() != exitDone {
		t.Error("the daemon did not stop well")
	}
}

func TestLostScopesNameTheCommand(t *testing.T) {
	w := newSignIn(t)
	w.signInBoth()
	w.start()
	w.graph.Auth().LoseScopes(outlookUser, "Calendars.ReadWrite")
	eventually(t, "the account to need a person", func() bool { return w.status().Accounts[1].State == "needs_person" })
	w.run("status").expect(t, exitFailed, "no longer grants Calendars.ReadWrite", `run "slotd connect outlook outlook"`)
	w.google.Auth().LoseScopes(googleUser, "https://www.googleapis.com/auth/calendar.events")
	eventually(t, "the account to need a person", func() bool { return w.status().Accounts[0].State == "needs_person" })
	w.run("status").expect(t, exitFailed, `run "slotd connect google google"`)
}

func TestConnectByThePublicAddress(t *testing.T) {
	w := newSignIn(t)
	w.run("connect", "google", "google", "--public").expect(t, exitUsage, "write public_url into [server]")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	w.replace(`listen = "127.0.0.1:0"`, fmt.Sprintf("listen = %q\npublic_url = \"http://%[1]s\"", address))
	w.run("connect", "google", "google", "--public").expect(t, exitFailed, "start 'slotd serve' first")

	w.signInBoth()
	w.start()
	callback := "http://" + address + "/oauth/callback"
	w.google.Auth().AllowRedirects(callback)
	s := w.connect("google", "google", "--public")
	consent, err := url.Parse(s.line)
	must(t, err)
	state := consent.Query().Get("state")
	if status, _ := w.page(callback + "?code=guessed&state=guessed-" + state); status != http.StatusBadRequest {
		t.Errorf("an unknown state: %d", status)
	}
	if status, page := s.browse(googleUser); status != http.StatusOK || strings.Contains(page, state) {
		t.Errorf("%d %s", status, page)
	}
	s.end().expect(t, exitDone, "the redirect address "+callback, "the running daemon uses it from now on")
	status, page := w.page(callback + "?code=replayed&state=" + state)
	if status != http.StatusBadRequest || !strings.Contains(page, "used already") {
		t.Errorf("a replayed state: %d %s", status, page)
	}
	if strings.Contains(w.daemon.log.String(), state) {
		t.Error("the log holds the state")
	}
}

func TestConnectByDeviceCode(t *testing.T) {
	w := newSignIn(t)
	w.graph.Auth().PollDevicesEvery(1)
	w.run("connect", "google", "google", "--device").expect(t, exitUsage, "gets no calendar access at Google")
	s := w.connect("outlook", "outlook", "--device")
	code := s.line[strings.LastIndex(s.line, " ")+1:]
	page := strings.Fields(s.line)[1]
	if status, text := w.page(page + "?user_code=" + code + "&login_hint=" + outlookUser); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	s.end().expect(t, exitDone, "Connected account", outlookUser+" signed in")

	s = w.connect("outlook", "outlook", "--device")
	w.graph.DenyDevices()
	s.end().expect(t, exitFailed, "was declined, so nothing was saved", `run "slotd connect outlook outlook"`)
}

func TestConnectRefusesWhatWouldNotWork(t *testing.T) {
	w := newSignIn(t)
	for _, c := range []struct {
		name string
		user string
		args []string
		set  func()
		says []string
	}{
		{"declined", "nobody@clinic.example", nil, nil, []string{"was declined", "and agree"}},
		{"a box unticked", googleUser, nil, func() {
			w.google.DenyScopes("https://www.googleapis.com/auth/calendar.events")
		}, []string{"did not give https://www.googleapis.com/auth/calendar.events", "tick every box", "nothing was saved"}},
		{"not who was expected", strangerUser, []string{"--expect", "desk@clinic.example"}, func() {
			w.google.DenyScopes()
			w.google.AddAccount("desk@clinic.example")
		}, []string{"stranger@elsewhere.example signed in, not desk@clinic.example", "nothing was saved"}},
		{"with a name that clears the screen", "a\x1b[2J@elsewhere.example", []string{"--expect", "desk@clinic.example"}, func() {
			w.google.AddAccount("a\x1b[2J@elsewhere.example")
			w.google.AddCalendar("a\x1b[2J@elsewhere.example", "a\x1b[2J@elsewhere.example", "Else", clinicZone)
		}, []string{"a [2J@elsewhere.example signed in, not desk@clinic.example"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.set != nil {
				c.set()
			}
			s := w.connect(append([]string{"google", "google"}, c.args...)...)
			if c.args != nil { // the person ignores the hint
				s.line = strings.Replace(s.line, "login_hint=desk%40clinic.example", "", 1)
			}
			s.browse(c.user)
			s.end().expect(t, exitFailed, c.says...)
			w.run("calendars", "google").expect(t, exitFailed, "nobody has signed in yet")
		})
	}
	w.signInBoth()
	s := w.connect("google", "google")
	s.browse(strangerUser)
	s.end().expect(t, exitFailed, "somebody else signed in than the last time", "--replace")
	s = w.connect("google", "google", "--replace")
	s.browse(strangerUser)
	s.end().expect(t, exitDone, strangerUser+" signed in")
	w.google.Auth().EndRefreshAfter(7 * 24 * time.Hour)
	s = w.connect("google", "google")
	s.browse(strangerUser)
	s.end().expect(t, exitDone, "WARNING: this sign-in ends on", "In production")

	w.google.Auth().AllowRedirects("https://another.example/callback")
	s = w.connect("google", "google")
	if status, page := s.browse(googleUser); status != http.StatusBadRequest || !strings.Contains(page, "redirect_uri_mismatch") {
		t.Errorf("a redirect that is not allowed: %d %s", status, page)
	}
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	s.end().expect(t, exitFailed, "If the page refuses the redirect", `"Desktop app"`, "stopped before anybody signed in")
	w.run("connect", "outlook", "google").expect(t, exitUsage, "'slotd connect google google'")
	w.run("connect", "google", "offce").expect(t, exitUsage, `no account "offce"; it has: google, outlook`)
	w.run("connect", "yahoo", "google").expect(t, exitUsage, "google or outlook")
}

func TestConnectSaysThatThePortIsTaken(t *testing.T) {
	w := newSignIn(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	w.run("connect", "google", "google", "--port", port).expect(t, exitUsage, "port "+port+" of this host is in use", "--port")
}

func TestSecretFilesAreChecked(t *testing.T) {
	w := newSignIn(t)
	w.signInBoth()
	for _, name := range []string{"secrets/token_key", "secrets/google_client_secret", "secrets/flow_key.pem"} {
		path := filepath.Join(w.dir, name)
		must(t, os.Chmod(path, 0o640))
		for _, args := range [][]string{{"check"}, {"serve"}, {"connect", "google", "google"}} {
			o := w.run(args...)
			if o.code == exitDone || !strings.Contains(o.stderr, "run chmod 600 "+name) {
				t.Errorf("%s with %s of mode 640: %d %s", args[0], name, o.code, o.stderr)
			}
		}
		must(t, os.Chmod(path, 0o600))
	}
	key := filepath.Join(w.dir, "secrets/token_key")
	text, err := os.ReadFile(key)
	must(t, err)
	must(t, os.WriteFile(key, []byte("AGE-SECRET-KEY-1NONSENSE"), 0o600))
	w.run("check").expect(t, exitUsage, "token key 1 is not an age key")
	w.run("connect", "google", "google").expect(t, exitFailed, "token key 1 is not an age key", "put back the key")
	must(t, os.Remove(key))
	w.run("connect", "google", "google").expect(t, exitFailed, "read the token key", "secrets/token_key")
	w.run("init").expect(t, exitDone, "created  token key") // another key
	w.run("calendars", "google").expect(t, exitFailed, "none of the token keys opens its stored token", "token_key_files",
		`run "slotd connect google google"`)
	w.daemon = serve(t, w.dir)
	eventually(t, "the account to need a person", func() bool { return w.status().Accounts[0].State == "needs_person" })
	w.daemon.kill()
	must(t, os.WriteFile(key+"_old", text, 0o600))
	w.replace(`token_key_file = "secrets/token_key"`, `token_key_files = ["secrets/token_key", "secrets/token_key_old"]`)
	w.start()
	w.daemon.kill()
	w.replace(`token_key_files = ["secrets/token_key", "secrets/token_key_old"]`, `token_key_file = "secrets/token_key"`)
	w.start()
	w.daemon.kill()
	w.replace(`token_key_file = "secrets/token_key"`, "")
	w.run("connect", "google", "google").expect(t, exitFailed, "no token key is configured", `run "slotd init"`)
}

func TestDisconnect(t *testing.T) {
	w := newSignIn(t)
	w.signInBoth()
	w.start()
	w.run("disconnect", "google").expect(t, exitDone, "its token is removed and the provider has revoked it")
	w.run("disconnect", "outlook").expect(t, exitDone, "its token is removed.", "Microsoft offers no way to revoke")
	if n := w.google.Requests("revoke"); n != 1 {
		t.Errorf("%d revocations", n)
	}
	w.run("status").expect(t, exitFailed, "it was disconnected", `run "slotd connect google google"`)
	w.run("disconnect", "google").expect(t, exitFailed, "it was disconnected")
	if w.daemon.stop() != exitDone {
		t.Error("the daemon did not stop well")
	}
	w.signInBoth()
	w.run("disconnect", "google", "--local").expect(t, exitDone, "was not asked to revoke it")
	w.run("calendars", "google").expect(t, exitFailed, "it was disconnected")
	s := w.connect("google", "google")
	s.browse(strangerUser) // after a disconnect the account may become somebody else's
	s.end().expect(t, exitDone, strangerUser+" signed in")
}

func TestServiceAccount(t *testing.T) {
	w := newSignIn(t)
	w.signInBoth()
	const email = "slotd@project.example"
	key, err := w.google.Auth().AddServiceAccount(email, googleUser)
	must(t, err)
	w.write("secrets/service.json", string(key))
	w.secrets = append(w.secrets, "PRIVATE KEY")
	w.replace("client_secret_file = \"secrets/google_client_secret\"\n", "grant = \"service_account\"\n"+
		"service_account_file = \"secrets/service.json\"\n")
	w.run("connect", "google", "google").expect(t, exitDone, `works with grant "service_account"`, "sees no calendar", "client_email")
	w.run("connect", "google", "google", "--expect", "x").expect(t, exitUsage, "for which nobody signs in")
	w.replace("service_account_file", "subject = \"stranger@elsewhere.example\"\nservice_account_file")
	w.run("connect", "google", "google").expect(t, exitFailed, "unauthorized_client")
	w.replace("stranger@elsewhere.example", googleUser)
	w.run("connect", "google", "google").expect(t, exitDone, `book_into = "google/adams@clinic.example"`)
	w.start()
	w.write("secrets/service.json", "not the key: PRIVATE KEY")
	w.google.ExpireAccess(googleUser)
	eventually(t, "the account to need a person", func() bool { return w.status().Accounts[0].State == "needs_person" })
	w.run("status").expect(t, exitFailed, "not the JSON key of a service account")
}

func TestCommandsSayThatTheStoreIsInUse(t *testing.T) {
	w := newSignIn(t)
	w.daemon = serve(t, w.dir)
	w.replace(`admin = "unix:admin.sock"`, `admin = "unix:another.sock"`)
	w.run("calendars", "google").expect(t, exitFailed, "another process is using", "[server] admin in slotd.toml")
}
