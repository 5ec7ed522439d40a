package booking

import "strings"

// PhoneDigits returns the digits of a phone number, in the form that WhatsApp gives it where it is an international one: 00
// is as good as + before the code of a country. It is "" for what has none.
func PhoneDigits(phone string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, phone)
	return strings.TrimPrefix(digits, "00")
}
