package daemon_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	gadapter "slotd/adapters/google"
	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

const (
	scaleCalendars = 10_000
	scaleEmulated  = 200                // of them over HTTP
	scaleVariable  = "SLOTD_TEST_SCALE" // the config of the daemon that the test binary is to be
)

func TestMain(m *testing.M) {
	if path := os.Getenv(scaleVariable); path != "" {
		if err := serveScale(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// BenchmarkScaleProcess measures a daemon of 10,000 calendars in a process of its own. Of two hundred the provider is
// emulated over HTTP by this process, that of the others is in memory. An iteration takes a minute and a half of real
// time, a minute of it idle; run it with -benchtime 1x.
func BenchmarkScaleProcess(b *testing.B) {
	provider, sc := emulateScale(b)
	cfg := newScale(b, sc)
	info, err := os.Stat(cfg.Store.Path)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p := startScale(b, cfg)
		p.firstAnswer()
		p.report("file-MiB", float64(info.Size())/(1<<20))
		p.report("start-HWM-MiB", p.memory("VmHWM"))
		p.tell("looked")
		p.report("looked-CPU-s", p.cpu().Seconds())
		p.tell("rest")
		p.report("RSS-MiB", p.memory("VmRSS"))
		p.report("RSS-anonymous-MiB", p.memory("RssAnon"))

		before := p.cpu()
		p.pause(time.Minute)
		p.report("idle-minute-CPU-ms", float64((p.cpu() - before).Milliseconds()))
		p.report("idle-RSS-MiB", p.memory("VmRSS"))
		p.ask("/api/status", "status")
		p.ask("/metrics", "metrics")

		before = p.cpu()
		const rounds = 5
		for range rounds {
			p.tell("nudge")
		}
		p.report("unchanged-poll-CPU-us", float64((p.cpu()-before).Microseconds())/rounds/scaleEmulated)
		at := time.Now().Add(72 * time.Hour)
		for i := range scaleEmulated {
			provider.Put(scaleName(i), google.Event{Title: "Event", Start: at, End: at.Add(scaleLength)})
		}
		before = p.cpu()
		p.tell("nudge")
		p.report("refresh-200-CPU-ms", float64((p.cpu() - before).Milliseconds()))
		p.report("HWM-MiB", p.memory("VmHWM"))
		p.stop()
	}
}

// emulateScale runs an emulator with the calendars of the first accounts.
func emulateScale(b *testing.B) (*google.Server, scale) {
	server := google.New(google.Options{})
	web := httptest.NewServer(server.Handler())
	b.Cleanup(server.Close)
	b.Cleanup(web.Close)
	cred := server.AddAccount(owner)
	for i := range scaleEmulated {
		server.AddCalendar(owner, scaleName(i), "Doctor", "Europe/Berlin")
		for _, e := range scaleList(scaleWindow(), 0) {
			server.Put(scaleName(i), google.Event{Title: "Event", Start: e.Interval.StartTime(), End: e.Interval.EndTime()})
		}
	}
	return server, scale{
		calendars: scaleCalendars, perMinute: 500, emulated: scaleEmulated / scaleGroup, url: web.URL, credential: cred,
	}
}

// scaled is the daemon in its process.
type scaled struct {
	*testing.B
	cmd           *exec.Cmd
	in            io.WriteCloser
	out           *bufio.Scanner
	public, admin string
	begun         time.Time // of the process
	run           time.Time // of daemon.Run
}

func startScale(b *testing.B, cfg *config.Config) *scaled {
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), scaleVariable+"="+cfg.Path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	p := &scaled{B: b, cmd: cmd, in: in, out: bufio.NewScanner(out), begun: time.Now()}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	words := strings.Fields(p.line())
	if len(words) != 3 {
		b.Fatalf("the daemon said %q", words)
	}
	run, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	p.run, p.public, p.admin = time.Unix(0, run), words[1], words[2]
	return p
}

func (p *scaled) line() string {
	if !p.out.Scan() {
		p.Fatalf("the daemon ended: %v", errors.Join(p.out.Err(), p.cmd.Wait()))
	}
	return p.out.Text()
}

// tell has the daemon do something and waits until it has.
func (p *scaled) tell(what string) {
	if _, err := fmt.Fprintln(p.in, what); err != nil {
		p.Fatal(err)
	}
	p.line()
}

func (p *scaled) stop() {
	if err := errors.Join(p.in.Close(), p.cmd.Wait()); err != nil {
		p.Error(err)
	}
}

func (p *scaled) pause(d time.Duration) {
	ctx, cancel := context.WithTimeout(p.Context(), d)
	defer cancel()
	<-ctx.Done()
}

func (p *scaled) report(name string, value float64) { p.ReportMetric(value, name) }

// firstAnswer opens the Flow as soon as the daemon can be asked, and then books.
func (p *scaled) firstAnswer() {
	proxy := &whatsapp.Proxy{Endpoint: "http://" + p.public + "/flow", AppSecret: []byte(appSecret)}
	token := "token-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	phone, err := whatsapp.NewPhone(whatsapp.Options{
		FlowJSON: flow.Builtin(), PublicKey: &flowKey().PublicKey, Send: proxy.Forward, FlowToken: token,
		FlowTokenSignature: proxy.SignToken(token),
	})
	if err != nil {
		p.Fatal(err)
	}
	if err := phone.Open(p.Context()); err != nil {
		p.Fatal(err)
	}
	p.report("first-answer-ms", float64(time.Since(p.run).Milliseconds()))
	p.report("process-to-answer-ms", float64(time.Since(p.begun).Milliseconds()))
	begun := time.Now()
	r, err := whatsapp.Walk(p.Context(), phone, whatsapp.Plan{Department: "d7", Resource: "r700", Strict: true})
	if err != nil || r.Outcome != whatsapp.Success {
		p.Errorf("booking: %s %s %v", r.Outcome, r.Message, err)
	}
	p.report("first-booking-ms", float64(time.Since(begun).Milliseconds()))
}

// ask gets a page of the admin address.
func (p *scaled) ask(path, name string) {
	begun := time.Now()
	req, err := http.NewRequestWithContext(p.Context(), http.MethodGet, "http://"+p.admin+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	req.Host = admin.UnixHost
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		p.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	p.report(name+"-ms", float64(time.Since(begun).Milliseconds()))
	p.report(name+"-KiB", float64(n)/1024)
}

// cpu reads what the process used so far (proc_pid_stat(5), in ticks of a hundredth of a second).
func (p *scaled) cpu() time.Duration {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "stat"))
	if err != nil {
		p.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory reads a figure of the process's memory in MiB.
func (p *scaled) memory(name string) float64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		p.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+name+":")
	kib, _ := strconv.Atoi(strings.Fields(rest)[0])
	return float64(kib) / 1024
}

// serveScale is the daemon's process. It does what the lines of its input ask for and ends with them.
func serveScale(path string) error {
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ready, ended := make(chan daemon.Running, 1), make(chan error, 1)
	begun := time.Now()
	inMemory := &memory{changes: map[string]int{}}
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{
			Config: cfg, Ready: func(r daemon.Running) { ready <- r },
			Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
			Providers: map[string]daemon.Provider{config.Google: {
				New: func(cc daemon.ClientConfig) (daemon.Client, error) {
					if strings.HasPrefix(cc.APIURL, scaleMemory) {
						return inMemory, nil
					}
					return gadapter.New(gadapter.Config{HTTP: cc.HTTP, APIURL: cc.APIURL, Zone: cc.Zone, AllDayBusy: cc.AllDayBusy})
				},
				Identity: gadapter.Identity,
			}},
		})
	}()
	select {
	case running := <-ready:
		fmt.Println(begun.UnixNano(), running.Public, running.Admin)
		obeyScale(running, begun)
	case err := <-ended:
		return err
	}
	cancel()
	return <-ended
}

func obeyScale(running daemon.Running, begun time.Time) {
	looked := func(n int, since time.Time) {
		for i := range n {
			for running.Checked(scaleCalendar(i)).Before(since) {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch in.Text() {
		case "looked":
			looked(scaleCalendars, begun)
		case "rest":
			debug.FreeOSMemory()
		case "nudge":
			since := time.Now()
			for i := range scaleEmulated {
				running.Syncer.Nudge(scaleCalendar(i))
			}
			looked(scaleEmulated, since)
		}
		fmt.Println("done")
	}
}
