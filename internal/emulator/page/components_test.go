package page

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// The components that the built-in Flow does without, the bindings between screens, and the actions that stay in the
// phone: update_data, navigate and complete.
func TestComponentsInTheBrowser(t *testing.T) {
	text, err := os.ReadFile("testdata/components.json")
	if err != nil {
		t.Fatal(err)
	}
	s := openStage(t, text)
	if s == nil {
		return
	}
	s.clinic.next(200, show("FORM", m{"email_error": "This address is not known.", "note": "nothing yet",
		"reasons": []m{option("a", "First reason", ""), option("b", "Second reason", "")}}))
	s.click(".cta")
	s.at("FORM")
	s.shows(".field-error", "This address is not known.")
	s.shows(".text-body", "Choose the second")

	s.click(`[data-name="reason"]`)
	s.picture("16-dropdown")
	s.click(`.panel [data-option="b"]`)
	s.shows(".text-body", "You chose b")
	s.shows(".text-caption", "case b")

	s.click(`[data-option="x"]`)
	s.click(`[data-option="y"]`)
	s.until("see one chip chosen", `document.querySelectorAll('.chip[aria-pressed=true]').length === 1`)
	s.click(`[data-option="one"]`)
	s.shows(".text-caption", "one is ticked")

	s.do("type no address", chromedp.SendKeys(chromedp.CSS("#field-email"), "sam"))
	s.click(`[name="agree"]`)
	s.until("see the footer wait for an address", `document.querySelector('.sheet-footer .primary').disabled`)
	s.do("finish the address", chromedp.SendKeys(chromedp.CSS("#field-email"), "@example.com"))

	s.click(`[data-name="birthday"]`)
	s.until("see a day that is taken", `document.querySelector('.panel [data-date="2026-11-24"]').disabled`)
	s.click(`.panel [data-date="2026-11-26"]`)
	s.shows(".box-value", "Thursday")
	s.picture("17-components")

	s.click(next)
	s.at("REVIEW")
	s.shows(".text-heading", "b for sam@example.com")
	s.until("see the range", `document.querySelectorAll('.day.chosen').length === 2 &&
		document.querySelectorAll('.day.within').length === 1`)
	s.picture("18-range")
	s.click(next)
	s.shows(".bubble.booked", "sam@example.com")
	s.shows(".bubble.booked", "2026-11-26")
	if n := len(s.clinic.asked()); n != 1 {
		t.Errorf("the endpoint was asked %d times, want once: the rest is local", n)
	}
}
