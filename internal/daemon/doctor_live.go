package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/flow"
)

// doctor makes all checks: those that need no daemon, and those that ask this one.
func (p *parts) doctor(ctx context.Context) []admin.Check {
	client := *p.o.HTTP // Run sees to it that there is one
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	f := &findings{checks: Examine(ctx, p.cfg, &client)}
	if text := p.host.problem(); text != "" {
		f.warn("config on disk", "%s", text)
	}
	p.pings(ctx, f)
	s, err := p.status(ctx)
	if err != nil {
		f.fail("state", "%v", err)
		return f.checks
	}
	p.accountChecks(ctx, f, s)
	p.feedChecks(ctx, f, s)
	f.freeDays(s)
	p.pushChecks(ctx, f, s)
	stateChecks(f, s, p.started)
	return f.checks
}

// pings sends WhatsApp's health check to the endpoint, from inside and, where it is known, as the internet does.
func (p *parts) pings(ctx context.Context, f *findings) {
	// No proxy of the environment stands between a host and itself.
	near := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if address := dialable(p.host.servers[0].listener.Addr()); address != "" {
		f.ping(ctx, p, "ping", near, "http://"+address+"/flow")
	} else {
		f.skip("ping", "the public listener has no address of this host")
	}
	if p.cfg.Server.PublicURL == "" {
		f.skip("public ping", "[server] public_url is not set")
		return
	}
	f.ping(ctx, p, "public ping", &http.Client{
		Transport:     http.DefaultTransport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, p.cfg.Server.PublicURL+"/flow")
}

// dialable turns the address of a listener into one that this host reaches.
func dialable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "localhost"
		}
	}
	return net.JoinHostPort(host, port)
}

// ping seals a health check with the key and the secret that the config names now, and opens the answer.
func (f *findings) ping(ctx context.Context, p *parts, name string, client *http.Client, address string) {
	begun := time.Now()
	if err := sendPing(ctx, p, client, address); err != nil {
		f.fail(name, "%s: %v", address, err)
		return
	}
	f.ok(name, "%s answered an encrypted ping in %s", address, time.Since(begun).Round(100*time.Microsecond))
}

func sendPing(ctx context.Context, p *parts, client *http.Client, address string) error {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	text, err := p.cfg.WhatsApp.PrivateKeys[0].Read()
	if err != nil {
		return err
	}
	key, err := flow.ParsePrivateKey(text)
	if err != nil {
		return err
	}
	secret, err := p.cfg.WhatsApp.AppSecrets[0].Read()
	if err != nil {
		return err
	}
	body, session, err := flow.SealRequest(&key.PublicKey, []byte(`{"version":"3.0","action":"ping"}`))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hub-Signature-256", flow.Sign(secret, body))
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("no complete answer: %w", err)
	}
	return readPong(resp.StatusCode, reply, session)
}

// readPong says what the answer to a ping means.
func readPong(status int, reply []byte, session *flow.ClientSession) error {
	switch status {
	case http.StatusOK:
	case http.StatusMisdirectedRequest:
		return errors.New("421: the daemon has another private key than the config names now: reload or restart it")
	case 432:
		return errors.New("432: the daemon has another app secret than the config names now: reload or restart it")
	default:
		return fmt.Errorf("status %d; what stands before slotd must pass POST /flow on unchanged", status)
	}
	plain, err := session.Open(reply)
	if err != nil {
		return fmt.Errorf("the answer cannot be opened; something changed it on its way: %w", err)
	}
	var pong struct {
		Data struct {
			Status string `json:"status"`
		} `json:"data"`
	}
	if err := json.Unmarshal(plain, &pong); err != nil || pong.Data.Status != "active" {
		return errors.New(`the answer does not say "active"`)
	}
	return nil
}

// accountChecks asks each provider for the account's calendars, which shows that the account works now, and compares
// them with those of the config.
func (p *parts) accountChecks(ctx context.Context, f *findings, s admin.Status) {
	lists := make([][]calendar.Info, len(p.accounts))
	errs := make([]error, len(p.accounts))
	var group errgroup.Group
	for i, a := range p.accounts {
		list := p.commands.all[a.Name()].client
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, checkWithin)
			defer cancel()
			lists[i], errs[i] = list.Calendars(ctx)
			return nil
		})
	}
	_ = group.Wait()
	for i, a := range p.accounts {
		name := "account " + a.Name()
		st := a.Status()
		switch {
		case st.Reason != "" && errs[i] != nil:
			f.fail(name, "%s: %s", st.State, st.Reason)
		case errs[i] != nil:
			f.fail(name, "%v", errs[i])
		default:
			f.ok(name, "signed in; calendars listed: %d", len(lists[i]))
		}
		p.calendarChecks(f, a.Name(), lists[i], errs[i], s)
	}
}

// calendarChecks looks at the calendars of one account that the config names.
func (p *parts) calendarChecks(f *findings, account string, list []calendar.Info, listErr error, s admin.Status) {
	for _, c := range s.Calendars {
		if c.ID.Account() != account {
			continue
		}
		name := "calendar " + string(c.ID)
		i := slices.IndexFunc(list, func(info calendar.Info) bool { return isCalendar(info, c.ID.Calendar()) })
		books := p.books(c.ID)
		switch {
		case !c.Fresh:
			f.fail(name, "%s", strings.TrimPrefix(staleText(c, s.Restoring), name+" "))
		case listErr != nil:
			f.skip(name, "fresh; whether it can be written could not be asked")
		case i < 0:
			f.warn(name, "fresh, but not in the account's list: whether it can be written is not known")
		case books && !list[i].Writable:
			f.fail(name, "bookings are written here, and the account may only read it: share it with the right to make changes")
		case books:
			f.ok(name, "fresh, and can be written")
		default:
			f.ok(name, "fresh")
		}
	}
}

// freeDays names the calendars in which all-day events are marked as free. Calendar programs make each so unless the person
// changes it: somebody is away for a week, and every slot of it is offered. But it may be meant, so it is no failure.
func (f *findings) freeDays(s admin.Status) {
	for _, c := range s.Calendars {
		if c.FreeDays > 0 {
			f.warn("calendar "+string(c.ID), "coming all-day events that are marked as free and block nothing: %d; where one says that "+
				`somebody is away, mark it as busy there, or set all_day = "busy" for this calendar in [[account.calendar]]`, c.FreeDays)
		}
	}
}

func isCalendar(info calendar.Info, id string) bool {
	return strings.EqualFold(info.ID, id) || id == "primary" && info.Primary
}

// books reports whether bookings are written into the calendar.
func (p *parts) books(id calendar.ID) bool {
	for _, r := range p.cfg.Resources {
		if r.BookInto == id {
			return true
		}
	}
	return false
}

// stateChecks reads the rest of the status.
func stateChecks(f *findings, s admin.Status, started time.Time) {
	age := time.Duration(0)
	if s.Outbox.Oldest != nil {
		age = s.Now.Sub(*s.Outbox.Oldest)
	}
	switch {
	case age > outboxStuck:
		f.fail("outbox", "stuck: %d waiting, the oldest for %s", s.Outbox.Waiting, age.Round(time.Second))
	case len(s.Outbox.Errors) > 0 && age > time.Minute:
		f.fail("outbox", "%s", strings.Join(s.Outbox.Errors, "; "))
	case len(s.Outbox.Errors) > 0:
		f.warn("outbox", "%s", strings.Join(s.Outbox.Errors, "; "))
	default:
		f.ok("outbox", "%d waiting", s.Outbox.Waiting)
	}
	if s.Storage.Refuses != "" {
		f.fail("commits", "fail since %s: %s", s.Storage.RefusesSince.Format(time.RFC3339), s.Storage.Refuses)
	} else {
		f.ok("commits", "reach the disk")
	}
	if n := len(s.Attention); n > 0 {
		f.warn("bookings", "%d need a person; see slotd status", n)
	} else {
		f.ok("bookings", "none needs a person")
	}
	switch b := s.Backup; {
	case b == nil:
		f.warn("backup", "no copies are scheduled: add [backup] to the config")
	case backupTrouble(b, s.Now, started) != "":
		f.fail("backup", "%s", backupTrouble(b, s.Now, started))
	case b.Last == nil:
		f.warn("backup", "none yet in %s; the next is due at %s", b.Directory, b.Next.Format(time.RFC3339))
	default:
		f.ok("backup", "%d in %s, the newest of %s with %s", b.Copies, b.Directory, b.Last.Format(time.RFC3339), bytesText(b.Size))
	}
}
