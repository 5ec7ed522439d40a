package page

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"slotd/internal/flow"
)

// browserLimit bounds one browser test, stepLimit one wait; what they wait for arrives within moments.
const (
	browserLimit = 3 * time.Minute
	stepLimit    = 30 * time.Second
)

// stage is the page in a real browser, with the clinic behind it.
type stage struct {
	*testing.T
	ctx          context.Context
	clinic       *clinic
	adams, baker *diary
}

// openStage starts a server that shows a Flow, and a browser. It returns nil where the environment asks for no browser.
func openStage(t *testing.T, flowJSON []byte) *stage {
	t.Helper()
	if os.Getenv("SLOTD_WITHOUT_BROWSER") != "" {
		t.Log("SLOTD_WITHOUT_BROWSER is set: the test in the browser is left out")
		return nil
	}
	b := newBell()
	adams, baker := twoDiaries(b)
	c := newClinic(t, adams)
	began := time.Now()
	var tokens atomic.Int64
	now := func() time.Time { return monday.Add(time.Since(began)) }
	handler, err := New(Config{
		Business: "Harbour Clinic", FlowJSON: flowJSON, PublicKey: c.publicKey, Proxy: c,
		NewToken:  func(context.Context) (string, error) { return fmt.Sprintf("token-%06d", tokens.Add(1)), nil },
		Calendars: []Calendar{adams, baker}, Changed: b.listen, Now: now,
		Freshness: func() map[string]time.Time {
			return map[string]time.Time{"adams": now().Truncate(10 * time.Second),
				"baker": now().Truncate(20 * time.Second)}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s := &stage{T: t, ctx: browser(t), clinic: c, adams: adams, baker: baker}
	s.do("load the page", chromedp.EmulateViewport(1440, 900), chromedp.Navigate(server.URL),
		chromedp.WaitVisible(chromedp.CSS(`.agenda[data-calendar="adams"] .event`)),
		chromedp.WaitVisible(chromedp.CSS(`.cta`)))
	s.do("watch for faults", chromedp.Evaluate[chromedp.Void](`window.faults = [];
		for (const kind of ["error", "unhandledrejection", "securitypolicyviolation"]) {
			addEventListener(kind, (e) => faults.push(kind + ": " + (e.message ?? e.reason ?? e.violatedDirective)));
		}`))
	t.Cleanup(s.faultless)
	return s
}

// faultless fails the test when the page's scripts failed or its policy was broken.
func (s *stage) faultless() {
	faults, err := chromedp.Run(s.ctx, chromedp.Evaluate[[]string](`window.faults`))
	if err != nil || len(faults) > 0 {
		s.Errorf("the page has faults: %v %v", faults, err)
	}
}

// browser starts a headless Chromium that lives as long as the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		// Nobody watches: what moves only makes the clicks wait.
		chromedp.Flag("force-prefers-reduced-motion", true),
	}
	limited, stop := context.WithTimeout(context.Background(), browserLimit)
	t.Cleanup(stop)
	allocator, stopAllocator := chromedp.NewExecAllocator(limited, options...)
	t.Cleanup(stopAllocator)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	return ctx
}

// do runs steps in the browser; one that fails ends the test.
func (s *stage) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	s.Helper()
	if err := chromedp.Do(s.ctx, steps...); err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// until waits for a condition in the page.
func (s *stage) until(what, expression string) {
	s.Helper()
	// The page's policy forbids what chromedp.Poll does (new Function), so the loop is an expression of its own.
	loop := fmt.Sprintf(`new Promise((done) => { const tries = setInterval(() => {
		if (%s) { clearInterval(tries); done(true); } }, 20); })`, expression)
	limited, stop := context.WithTimeout(s.ctx, stepLimit)
	defer stop()
	if _, err := chromedp.Run(limited, chromedp.Evaluate[bool](loop, chromedp.EvalAwaitPromise)); err != nil {
		s.picture("failed")
		s.Fatalf("%s: %v", what, err)
	}
}

// click waits until an element can be clicked and rests in its place, and clicks its middle.
func (s *stage) click(selector string) {
	s.Helper()
	resting := fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		if (!e || e.disabled) return false;
		e.scrollIntoView({ block: "nearest" });
		const { x, y, width, height } = e.getBoundingClientRect();
		const here = [x + width / 2, y + height / 2];
		const hit = document.elementFromPoint(...here);
		const rested = String(here) === window.lastSeen && e.contains(hit);
		window.lastSeen = String(here);
		if (rested) window.target = { x: here[0], y: here[1] };
		return rested;
	})()`, selector)
	s.until("wait for "+selector, resting)
	target, err := chromedp.Run(s.ctx, chromedp.Evaluate[point](`window.target`))
	if err != nil {
		s.Fatalf("find %s: %v", selector, err)
	}
	s.do("click "+selector, chromedp.MouseClickXY(target.X, target.Y))
}

// point is a place in the page, in pixels.
type point struct{ X, Y float64 }

// at waits until the phone rests on a screen of the Flow.
func (s *stage) at(screen string) {
	s.Helper()
	s.until("reach "+screen, fmt.Sprintf(`document.querySelector('.sheet-layer:not(.busy) [data-screen=%q]')`, screen))
}

// shows waits for a text in an element.
func (s *stage) shows(selector, text string) {
	s.Helper()
	s.until(fmt.Sprintf("see %q", text),
		fmt.Sprintf(`[...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))`, selector, text))
}

// picture saves what is seen, where SLOTD_SCREENSHOTS names a directory for that.
func (s *stage) picture(name string) {
	s.Helper()
	dir := os.Getenv("SLOTD_SCREENSHOTS")
	if dir == "" {
		return
	}
	// Movements end on their own; a picture wants them ended.
	s.do("end all movements", chromedp.Evaluate[chromedp.Void](
		`document.getAnimations().forEach((a) => { try { a.finish() } catch {} })`))
	png, err := chromedp.Run(s.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		s.Fatal(err)
	}
}

const next = ".sheet-footer .primary"

// toTimes walks from the chat to the list of times of Wednesday.
func (s *stage) toTimes() {
	s.Helper()
	s.click(".cta")
	s.at("DEPARTMENT")
	s.picture("2-open")
	s.click(`[data-option="cardiology"]`)
	s.click(next)
	s.at("DOCTOR")
	s.click(`[data-option="checkup"]`)
	s.click(`[data-option="adams"]`)
	s.picture("3-doctor")
	s.click(next)
	s.at("DAY")
	s.click(`[data-date="2026-11-25"]`)
	s.picture("4-day")
	s.click(next)
	s.at("TIME")
}

// toConfirm goes on to the last screen.
func (s *stage) toConfirm() {
	s.Helper()
	s.toTimes()
	s.click(`[data-option="2026-11-25T10:30:00Z"]`)
	s.picture("5-time")
	s.click(next)
	s.at("DETAILS")
	s.do("type a name", chromedp.SendKeys(chromedp.CSS(`#field-name`), "Sam Example"))
	s.picture("6-details")
	s.click(next)
	s.at("CONFIRM")
	s.picture("7-confirm")
}

func TestBookingInTheBrowser(t *testing.T) {
	s := openStage(t, flow.Builtin())
	if s == nil {
		return
	}
	s.picture("1-chat")
	s.toConfirm()
	s.click(next)
	s.shows(".bubble.booked", "H7K2QD")
	s.shows(".bubble.booked", "Wednesday, 25 November, 10:30")
	s.until("see the booking flash",
		`document.querySelector('[data-calendar="adams"] [data-day="2026-11-25"] .event.ours.flash')`)
	s.until("see the sheet go", `!document.querySelector('.sheet-layer')`)
	s.picture("8-booked")
	if _, ok := s.adams.find("Check-up"); !ok {
		t.Error("the booking is not in the calendar")
	}
	for _, r := range s.clinic.asked() {
		if r.FlowToken != "token-000001" || r.Version != "4.0" {
			t.Errorf("request %s of %s has token %q and version %q", r.Action, r.Screen, r.FlowToken, r.Version)
		}
	}
	s.click(".wire-list li:first-child summary")
	s.shows(".wire-part pre", "extension_message_response")
	s.picture("9-wire")
	s.do("use a narrower window", chromedp.EmulateViewport(1100, 760))
	s.click(".wire-bar .round")
	s.picture("15-narrow")
}

func TestDrawingInTheBrowser(t *testing.T) {
	s := openStage(t, flow.Builtin())
	if s == nil {
		return
	}
	s.drag(`[data-calendar="baker"] .column[data-day="2026-11-25"]`, 11, 12.5)
	s.picture("10-drawing")
	s.do("name the event", chromedp.SendKeys(chromedp.CSS(`.dialog .title-input`), "Lunch with the team\r"))
	s.until("see the event",
		`document.querySelector('[data-calendar="baker"] [data-day="2026-11-25"] .event.busy[title^="Lunch"]')`)
	drawn, ok := s.baker.find("Lunch with the team")
	start := time.Date(2026, time.November, 25, 11, 0, 0, 0, time.UTC)
	if !ok || !drawn.Start.Equal(start) || !drawn.End.Equal(start.Add(90*time.Minute)) || !drawn.Busy {
		t.Fatalf("drew %+v, want Wednesday 11:00 to 12:30, busy", drawn)
	}

	event := fmt.Sprintf(`[data-event=%q]`, drawn.ID)
	s.click(event)
	s.picture("11-event")
	s.click(".dialog .quiet:not(.danger)")
	s.until("see it free", fmt.Sprintf(`document.querySelector('%s.free')`, event))
	if drawn, _ = s.baker.find("Lunch with the team"); drawn.Busy {
		t.Error("the event is still busy")
	}
	s.until("see the dialog go", `!document.querySelector('.dialog')`)
	s.click(event)
	s.click(".dialog .danger")
	s.until("see it go", fmt.Sprintf(`!document.querySelector('%s')`, event))

	// What happens elsewhere arrives by itself.
	s.adams.add(Event{Title: "Emergency", Start: start, End: start.Add(time.Hour), Busy: true})
	s.shows(`[data-calendar="adams"] .event`, "Emergency")
	// Escape leaves the drawing without a trace.
	s.drag(`[data-calendar="adams"] .column[data-day="2026-11-24"]`, 15, 16)
	s.do("press Escape", chromedp.KeyEvent("\x1b"))
	s.until("see nothing", `!document.querySelector('.dialog, .ghost')`)
}

// drag pulls from one hour of the day to another.
func (s *stage) drag(column string, from, to float64) {
	s.Helper()
	type area struct{ X, Y, Width, Height float64 }
	box, err := chromedp.Run(s.ctx, chromedp.Evaluate[area](fmt.Sprintf(
		`(({x, y, width, height}) => ({x, y, width, height}))(document.querySelector(%q).getBoundingClientRect())`,
		column)))
	if err != nil {
		s.Fatal(err)
	}
	x := box.X + box.Width/2
	y := func(hour float64) float64 { return box.Y + box.Height*hour/24 }
	s.do("drag", chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x, y(from)+1, chromedp.ButtonLeft,
		chromedp.ClickCount(1)),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y((from+to)/2), chromedp.ButtonLeft),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y(to)-2, chromedp.ButtonLeft),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y(to)-2, chromedp.ButtonLeft,
			chromedp.ClickCount(1)),
		chromedp.WaitVisible(chromedp.CSS(".dialog .title-input")))
}

func TestTroubleInTheBrowser(t *testing.T) {
	s := openStage(t, flow.Builtin())
	if s == nil {
		return
	}
	// A changed key: the endpoint answers 421, the phone fetches the new key and sends once more.
	s.clinic.changeKey()
	s.clinic.publishKey()
	s.click(".cta")
	s.at("DEPARTMENT")
	s.shows(".wire-status", "421")

	// An answer that never came: the retry sends the same action.
	s.click(`[data-option="general"]`)
	s.clinic.next(500, nil)
	s.click(next)
	s.shows(".failure", "Something went wrong")
	s.picture("12-retry")
	s.click(next)
	s.at("DOCTOR")
	asked := s.clinic.asked()
	a, b := asked[len(asked)-2], asked[len(asked)-1]
	if a.Action != b.Action || a.Screen != b.Screen || fmt.Sprint(a.Data) != fmt.Sprint(b.Data) {
		t.Errorf("the retry sent %v, at first it was %v", b, a)
	}

	// Back is local; the choice is still there.
	s.click(`.sheet-bar .round`)
	s.at("DEPARTMENT")
	s.until("see the choice", `document.querySelector('[data-option="general"]').checked`)

	// A step that no edge declares is refused and reported.
	s.clinic.next(200, show("CONFIRM", m{}))
	s.clinic.next(200, m{"data": m{"acknowledged": true}})
	s.click(next)
	s.shows(".failure", "not declared")
	s.until("see the report", `[...document.querySelectorAll('.wire-action')].some((e) => e.textContent === "error")`)
	asked = s.clinic.asked()
	if code, _, ok := asked[len(asked)-1].ClientError(); !ok || code != "invalid-screen-transition" {
		t.Errorf("the report says %q", code)
	}
	s.click(next)

	// A lost slot: the same screen with a message and other times.
	s.until("see the sheet go", `!document.querySelector('.sheet-layer')`)
	s.toConfirm()
	taken := time.Date(2026, time.November, 25, 10, 30, 0, 0, time.UTC)
	s.adams.add(Event{Title: "Walk-in", Start: taken, End: taken.Add(30 * time.Minute), Busy: true})
	s.click(next)
	s.shows(".snackbar.on", "just been taken")
	s.click(`[data-option="2026-11-25T11:00:00Z"]`)
	s.picture("13-lost-slot")
	s.click(next)
	s.shows(".bubble.booked", "11:00")

	// A spent token: the sheet says what the endpoint said, and the button is dead.
	s.until("see the sheet go", `!document.querySelector('.sheet-layer')`)
	s.clinic.next(427, m{"error_msg": "You already have an appointment on Wednesday at 11:00."})
	s.click(".cta")
	s.shows(".failure", "You already have an appointment on Wednesday")
	s.picture("14-spent")
	s.do("press Escape", chromedp.KeyEvent("\x1b"))
	s.until("see the button dead", `document.querySelector('.cta').disabled && !document.querySelector('.sheet-layer')`)

	// A new message opens the Flow again, with another token.
	s.do("write to the business", chromedp.SendKeys(chromedp.CSS(".composer input"), "One more, please\r"))
	s.click(".bubble:last-child .cta")
	s.at("DEPARTMENT")
	asked = s.clinic.asked()
	if token := asked[len(asked)-1].FlowToken; !strings.HasPrefix(token, "token-") || token == "token-000001" {
		t.Errorf("the new message opened with token %q", token)
	}
}
