package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// mainVariable makes the test binary be slotd, so that what is started, killed and started again in these tests is the
// real program in a process of its own.
const mainVariable = "SLOTD_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) == "1" {
		if os.Getenv("LISTEN_FDS") != "" { // systemd sets this between fork and exec, which Go cannot
			_ = os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		}
		main()
	}
	os.Exit(m.Run())
}

// patience bounds every wait of these tests. Nothing depends on how much of it is used.
const patience = 30 * time.Second

func command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), mainVariable+"=1")
	return cmd
}

// outcome is how a command ended and what it printed.
type outcome struct {
	code           int
	stdout, stderr string
}

// slotd runs a command in dir to its end.
func slotd(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, dir, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil || cmd.ProcessState == nil {
		t.Fatalf("slotd %s did not end: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// expect fails the test unless the command exited with code and printed all of the texts, to stdout or stderr.
func (o outcome) expect(t *testing.T, code int, texts ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	for _, text := range texts {
		if !strings.Contains(o.stdout+o.stderr, text) {
			t.Errorf("the output lacks %q", text)
		}
	}
	if t.Failed() {
		t.Fatalf("stdout:\n%s\nstderr:\n%s", o.stdout, o.stderr)
	}
}

// process is a slotd that serves.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    *lineBuffer
	public string // host:port
	exited chan struct{}
}

// serve starts slotd serve in dir and waits until it says where it serves. setup may change the command before.
func serve(t *testing.T, dir string, setup ...func(*exec.Cmd)) *process {
	t.Helper()
	log := &lineBuffer{mark: `"msg":"serving"`, lines: make(chan []byte, 1)}
	p := &process{t: t, log: log, exited: make(chan struct{})}
	p.cmd = command(t.Context(), dir, "serve", "--config", "slotd.toml")
	p.cmd.Stderr = p.log
	for _, change := range setup {
		change(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // ProcessState tells
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	select {
	case line := <-p.log.lines:
		var record struct{ Public string }
		if err := json.Unmarshal(line, &record); err != nil || record.Public == "" {
			t.Fatalf("the log line names no address: %s", line)
		}
		p.public = record.Public
	case <-p.exited:
		t.Fatalf("serve ended with %d:\n%s", p.cmd.ProcessState.ExitCode(), p.log)
	case <-time.After(patience):
		t.Fatalf("serve does not serve:\n%s", p.log)
	}
	return p
}

// kill ends the process as a power failure would. It may be called again.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// stop asks the process to stop and returns its exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatalf("serve does not stop:\n%s", p.log)
	}
	return p.cmd.ProcessState.ExitCode()
}

// lineBuffer keeps what is printed and passes on the first line that holds the mark.
type lineBuffer struct {
	mark  string
	lines chan []byte // one slot

	mu   sync.Mutex
	text []byte
	seen bool
}

func (b *lineBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, data...)
	for line := range bytes.Lines(b.text) {
		if !b.seen && bytes.HasSuffix(line, []byte("\n")) && bytes.Contains(line, []byte(b.mark)) {
			b.seen = true
			b.lines <- bytes.Clone(line)
		}
	}
	return len(data), nil
}

func (b *lineBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

// eventually asks until done says yes.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
