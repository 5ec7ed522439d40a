package booking

import "strings"

// Templates are the texts of a booking's event as the config gives them, with placeholders in braces.
type Templates struct {
	Title, Body string
}

// conflictMark is put before the title of an event over which somebody's event was found.
const conflictMark = "⚠ CONFLICT – "

// Render returns what staff read in the calendar: a title of one line, and a body. A line of the body whose placeholders
// are all unknown vanishes with what is written around them, and so does punctuation left over at the ends of the title.
func (t Templates) Render(b *Booking, p Person, service, resource string) (title, body string) {
	values := []string{
		"{service}", service, "{name}", p.Name, "{phone}", p.Phone, "{reference}", b.Reference,
		"{notes}", p.Notes, "{resource}", resource,
	}
	fill := strings.NewReplacer(values...) // in one pass: what a person typed is never a placeholder
	title = strings.Trim(strings.Join(strings.Fields(fill.Replace(t.Title)), " "), " :,;–-·")
	if title == "" {
		title = b.Reference
	}
	if b.Conflict() {
		title = conflictMark + title
	}
	var lines []string
	for template := range strings.SplitSeq(t.Body, "\n") {
		if nothingKnown(template, values) {
			continue
		}
		for line := range strings.SplitSeq(fill.Replace(template), "\n") {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return title, strings.Join(lines, "\n")
}

// nothingKnown reports whether the line has placeholders and none of them has a value; values holds both in pairs.
func nothingKnown(line string, values []string) bool {
	asked := false
	for i := 0; i < len(values); i += 2 {
		if strings.Contains(line, values[i]) {
			asked = true
			if values[i+1] != "" {
				return false
			}
		}
	}
	return asked
}
