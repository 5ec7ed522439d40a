package booking

import "strings"

// Templates are the texts of a booking's event as the config gives them, with placeholders in braces.
type Templates struct {
	Title, Body string
}

// conflictMark is put before the title of an event over which somebody's event was found.
const conflictMark = "⚠ CONFLICT – "

// Render returns what staff read in the calendar. Placeholders of which nothing is known vanish, and so do the lines and
// the punctuation that they leave behind.
func (t Templates) Render(b *Booking, p Person, service, resource string) (title, body string) {
	fill := strings.NewReplacer(
		"{service}", service, "{name}", p.Name, "{phone}", p.Phone, "{reference}", b.Reference,
		"{notes}", p.Notes, "{resource}", resource,
	)
	title = strings.Trim(fill.Replace(t.Title), " :,;–-·")
	if title == "" {
		title = b.Reference
	}
	if b.Conflict {
		title = conflictMark + title
	}
	var lines []string
	for _, line := range strings.Split(fill.Replace(t.Body), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return title, strings.Join(lines, "\n")
}
