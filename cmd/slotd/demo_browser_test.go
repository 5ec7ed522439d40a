package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// demoPage is the page of "slotd demo" in a real browser, with the whole demo behind it in the test's own process.
type demoPage struct {
	*testing.T
	ctx  context.Context
	demo *demo
	zone *time.Location

	mu     sync.Mutex
	faults []string // what the browser complains of
}

// demoPageBooking is a booking that the page has shown. The day is as in "2026-11-24".
type demoPageBooking struct {
	reference, day string
	start          time.Time
}

// demoPageLimit bounds the whole test in the browser. Nothing depends on how much of it is used.
const demoPageLimit = 4 * time.Minute

// demoPageVisit is how long a consultation takes.
const demoPageVisit = 30 * time.Minute

// openDemoPage starts the demo and opens its page. It returns nil where the environment asks for no browser.
func openDemoPage(t *testing.T, dayFirst bool) *demoPage {
	t.Helper()
	if os.Getenv("SLOTD_WITHOUT_BROWSER") != "" {
		t.Log("SLOTD_WITHOUT_BROWSER is set: the test in the browser is left out")
		return nil
	}
	zone, err := time.LoadLocation(clinicZone)
	if err != nil {
		t.Fatal(err)
	}
	s := &demoPage{T: t, zone: zone}
	url := s.startDemo(dayFirst)
	s.ctx = demoPageBrowser(t)
	if err := chromedp.Listen(s.ctx, s.listen); err != nil {
		t.Fatal(err)
	}
	s.do("load the page", chromedp.EmulateViewport(1440, 900), chromedp.Navigate(url),
		chromedp.WaitVisible(chromedp.CSS(`.cta`)))
	s.until("see that the page is live", `document.querySelector(".live.on")`)
	for _, key := range []string{googleKey, outlookKey} {
		s.until("see the calendar mirrored", fmt.Sprintf(
			`document.querySelector('[data-calendar=%q] .event') &&
			 !document.querySelector('[data-calendar=%[1]q] .fresh').hidden`, key))
	}
	return s
}

// demoPageURL takes what the demo prints and passes on the address in it.
type demoPageURL chan string

func (c demoPageURL) Write(text []byte) (int, error) {
	for _, word := range strings.Fields(string(text)) {
		if strings.HasPrefix(word, "http://") {
			c <- word
		}
	}
	return len(text), nil
}

// startDemo runs the demo until the test ends, and returns the address of its page.
func (s *demoPage) startDemo(dayFirst bool) string {
	s.Helper()
	ctx, stop := context.WithCancel(context.Background())
	url, ended := make(demoPageURL, 1), make(chan error, 1)
	go func() {
		ended <- withDemo(ctx, slog.New(slog.DiscardHandler), dayFirst, func(ctx context.Context, d *demo) error {
			s.demo = d
			return servePage(ctx, d, "127.0.0.1:0", url)
		})
	}()
	select {
	case address := <-url:
		s.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				s.Errorf("the demo ended with: %v", err)
			}
		})
		return address
	case err := <-ended:
		stop()
		s.Fatalf("the demo ended with: %v", err)
	}
	return ""
}

// demoPageBrowser starts a headless Chromium that lives as long as the test.
func demoPageBrowser(t *testing.T) context.Context {
	t.Helper()
	limited, stop := context.WithTimeout(context.Background(), demoPageLimit)
	t.Cleanup(stop)
	allocator, stopAllocator := chromedp.NewExecAllocator(limited,
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		// Nobody watches: what moves only makes the clicks wait.
		chromedp.Flag("force-prefers-reduced-motion", true), chromedp.Flag("hide-scrollbars", true))
	t.Cleanup(stopAllocator)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	return ctx
}

// listen keeps failures of scripts and what the browser logs as an error: a broken policy, a missing file.
func (s *demoPage) listen(event any) {
	var fault string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			fault += " " + x.Description
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			fault = e.Entry.Text + " " + e.Entry.URL
		}
	}
	if fault != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = append(s.faults, fault)
	}
}

// faultless fails the test when the browser complained. The browser tells in order: an answer to a question that was
// asked now comes after all complaints of before.
func (s *demoPage) faultless() {
	s.Helper()
	s.until("hear the browser", "true")
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) > 0 {
		s.Errorf("the page has faults:\n%s", strings.Join(s.faults, "\n"))
	}
}

// do runs steps in the browser; one that fails ends the test.
func (s *demoPage) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	s.Helper()
	if err := chromedp.Do(s.ctx, steps...); err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// demoPageRead evaluates an expression in the page.
func demoPageRead[T any](s *demoPage, expression string) T {
	s.Helper()
	v, err := chromedp.Run(s.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		s.Fatalf("evaluate %s: %v", expression, err)
	}
	return v
}

// until waits for a condition in the page.
func (s *demoPage) until(what, expression string) {
	s.Helper()
	// The page's policy forbids what chromedp.Poll does (new Function), so the loop is an expression of its own.
	loop := fmt.Sprintf(`new Promise((done) => { const tries = setInterval(() => {
		if (%s) { clearInterval(tries); done(true); } }, 20); })`, expression)
	limited, stop := context.WithTimeout(s.ctx, patience)
	defer stop()
	if _, err := chromedp.Run(limited, chromedp.Evaluate[bool](loop, chromedp.EvalAwaitPromise)); err != nil {
		s.picture("failed")
		s.Fatalf("%s: %v", what, err)
	}
}

// demoPageArea is a part of the window, in pixels.
type demoPageArea struct{ X, Y, Width, Height float64 }

// click waits until an element can be clicked and rests in its place, and clicks its middle.
func (s *demoPage) click(selector string) {
	s.Helper()
	s.until("wait for "+selector, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		if (!e || e.disabled) return false;
		e.scrollIntoView({ block: "nearest" });
		const { x, y, width, height } = e.getBoundingClientRect();
		const was = JSON.stringify(window.target);
		window.target = { x, y, width, height };
		return JSON.stringify(target) === was && e.contains(document.elementFromPoint(x + width / 2, y + height / 2));
	})()`, selector))
	at := demoPageRead[demoPageArea](s, `window.target`)
	s.do("click "+selector, chromedp.MouseClickXY(at.X+at.Width/2, at.Y+at.Height/2))
}

const demoPageNext = ".sheet-footer .primary"

// at waits until the phone rests on a screen of the Flow.
func (s *demoPage) at(screen string) {
	s.Helper()
	s.until("reach "+screen, fmt.Sprintf(`document.querySelector('.sheet-layer:not(.busy) [data-screen=%q]')`, screen))
}
