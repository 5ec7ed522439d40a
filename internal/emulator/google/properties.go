package google

// Limits of extended properties: longer keys are silently dropped, longer values silently cut, and an event has no more
// than so many, of so many bytes together. What becomes of more is not documented; here it is refused.
// Source: developers.google.com/workspace/calendar/api/guides/extended-properties.
const (
	maxKey           = 44
	maxValue         = 1024
	maxProperties    = 300
	maxPropertyBytes = 32 << 10
)

// limited returns the properties as the service keeps them.
func limited(sent map[string]string) map[string]string {
	if sent == nil {
		return nil
	}
	kept := map[string]string{}
	for k, v := range sent {
		if chars := []rune(v); len(chars) > maxValue {
			v = string(chars[:maxValue])
		}
		if len([]rune(k)) <= maxKey {
			kept[k] = v
		}
	}
	return kept
}

func tooMany(kinds ...map[string]string) bool {
	n, size := 0, 0
	for _, properties := range kinds {
		for k, v := range properties {
			n++
			size += len(k) + len(v)
		}
	}
	return n > maxProperties || size > maxPropertyBytes
}
