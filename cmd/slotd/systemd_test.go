package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

// manager plays systemd: it holds the sockets while daemons come and go, and hears what they say.
type manager struct {
	sockets []*os.File
	address string // of the public socket
	notify  string

	mu    sync.Mutex
	heard []string
}

func newManager(w *world) *manager {
	w.Helper()
	m := &manager{notify: filepath.Join(w.dir, "notify")}
	public, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.T, err)
	w.Cleanup(func() { _ = public.Close() })
	m.address = public.Addr().String()
	private, err := net.Listen("unix", filepath.Join(w.dir, "admin.sock"))
	must(w.T, err)
	w.Cleanup(func() { _ = private.Close() })
	for _, l := range []interface{ File() (*os.File, error) }{public.(*net.TCPListener), private.(*net.UnixListener)} {
		f, err := l.File()
		must(w.T, err)
		w.Cleanup(func() { _ = f.Close() })
		m.sockets = append(m.sockets, f)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.notify, Net: "unixgram"})
	must(w.T, err)
	var listening sync.WaitGroup
	listening.Go(func() { m.listen(conn) })
	w.Cleanup(func() {
		_ = conn.Close()
		listening.Wait()
	})
	return m
}

func (m *manager) listen(conn *net.UnixConn) {
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		m.mu.Lock()
		m.heard = append(m.heard, string(buf[:n]))
		m.mu.Unlock()
	}
}

// setup lets a command inherit the sockets, as from a unit with WatchdogSec=1.
func (m *manager) setup(cmd *exec.Cmd) {
	cmd.ExtraFiles = m.sockets
	cmd.Env = append(cmd.Env, "LISTEN_FDS=2", "LISTEN_FDNAMES=public:admin", "NOTIFY_SOCKET="+m.notify,
		"WATCHDOG_USEC=1000000")
}

// count returns how many messages began with a state.
func (m *manager) count(state string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.heard {
		if strings.HasPrefix(h, state) {
			n++
		}
	}
	return n
}

// TestRestartsUnderLoadLoseNoRequest restarts the daemon again and again while customers browse over connections that they
// keep. The sockets stay, so every request is answered, if later.
func TestRestartsUnderLoadLoseNoRequest(t *testing.T) {
	const restarts = 4
	w := newWorld(t)
	m := newManager(w)
	w.setup = m.setup
	w.start()
	if w.daemon.public != m.address {
		t.Fatalf("serves at %s, not at the socket %s", w.daemon.public, m.address)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var answered atomic.Int64
	results := make(chan whatsapp.LoadResult, 1)
	go func() { results <- w.browse(ctx, m.address, &answered) }()
	more := func() {
		before := answered.Load()
		eventually(t, "more answers", func() bool { return answered.Load() > before+20 })
	}
	for range restarts {
		more()
		if code := w.daemon.stop(); code != exitDone {
			t.Errorf("exit code %d after SIGTERM", code)
		}
		w.start()
	}
	more()
	eventually(t, "a sign of life", func() bool { return m.count("WATCHDOG=1\nSTATUS=2 calendars fresh, outbox empty") > 0 })
	cancel()
	r := <-results
	for kind, n := range r.Errors {
		t.Errorf("%d of %d requests failed: %s", n, r.Count, kind)
	}
	if ready, stopping := m.count("READY=1\nSTATUS="), m.count("STOPPING=1"); ready != restarts+1 || stopping != restarts {
		t.Errorf("%d times ready, %d times stopping, with %d restarts", ready, stopping, restarts)
	}
	w.run("status").expect(t, exitDone, "All is well.") // the admin socket is inherited too
}

// browse lets customers browse until ctx ends.
func (w *world) browse(ctx context.Context, address string, answered *atomic.Int64) whatsapp.LoadResult {
	proxy := &whatsapp.Proxy{
		Endpoint: "http://" + address + "/flow", AppSecret: []byte(plantedSecret),
		HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
	}
	r, err := whatsapp.Load(ctx, whatsapp.LoadOptions{
		FlowJSON: flow.Builtin(), PublicKey: w.key, Phones: 8, Duration: time.Hour,
		Token: func(i int) string { return fmt.Sprintf("token-of-a-browsing-customer-%d", i) }, Signature: proxy.SignToken,
		Send: func(ctx context.Context, body []byte) (int, []byte, error) {
			status, reply, err := proxy.Forward(ctx, body)
			if err == nil && status == http.StatusOK {
				answered.Add(1)
			}
			return status, reply, err
		},
	})
	if err != nil {
		w.Error(err)
	}
	return r
}

func TestReloadBySignal(t *testing.T) {
	w := newWorld(t)
	m := newManager(w)
	w.setup = m.setup
	w.start()
	reload := func() {
		t.Helper()
		before := m.count("READY=1")
		must(t, w.daemon.cmd.Process.Signal(syscall.SIGHUP))
		eventually(t, "the end of the reload", func() bool { return m.count("READY=1") > before })
	}
	good, err := os.ReadFile(filepath.Join(w.dir, "slotd.toml"))
	must(t, err)
	w.write("slotd.toml", strings.Replace(string(good), `poll = "1s"`, "poll = \"soon\"\nfrobnicate = true", 1))
	reload()
	w.run("status").expect(t, exitFailed, "the config on disk was refused at", "poll", "frobnicate", "fresh")
	w.book("token-of-a-patient-customer", "adams", w.at(9, 0))

	w.google.AddCalendar(googleUser, "cal-clark", "Dr. Clark", clinicZone)
	w.write("slotd.toml", string(good)+`
[[resource]]
id = "clark"
title = "Dr. Clark"
departments = ["general"]
hours = { mon-sun = ["08:00-20:00"] }
book_into = "google/cal-clark"
`)
	reload()
	eventually(t, "the new doctor's times", func() bool { return w.free("clark")["08:00"] })
	w.level()
	w.run("status").expect(t, exitDone, "All is well.", "google/cal-clark")
	if n := m.count("RELOADING=1\nMONOTONIC_USEC="); n != 2 {
		t.Errorf("%d times reloading, want 2", n)
	}
	if code := w.daemon.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

func TestSocketsWithoutAKnownNameAreRefused(t *testing.T) {
	w := newWorld(t)
	m := newManager(w)
	cmd := command(t.Context(), w.dir, "serve", "--config", "slotd.toml")
	m.setup(cmd)
	cmd.Env = append(cmd.Env, "LISTEN_FDNAMES=public:slotd.socket")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), `named \"slotd.socket\"`) && !strings.Contains(string(out), `named "slotd.socket"`) {
		t.Errorf("%v\n%s", err, out)
	}
}
