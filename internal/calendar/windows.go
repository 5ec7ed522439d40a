package calendar

//go:generate go run windows_gen.go package/supplemental/windowsZones.json

// WindowsZone returns the IANA zone that a Windows zone such as "W. Europe Standard Time" means, that of its main
// territory. Mailboxes of Outlook and feeds of Exchange name zones so. ok is false for any other name, also an IANA one.
func WindowsZone(name string) (iana string, ok bool) {
	if iana, ok = ownZones[name]; !ok {
		iana, ok = cldrZones[name]
	}
	return iana, ok
}

// ownZones goes before cldrZones: zones that Windows had once and mailboxes still show, and the present names of zones that
// CLDR lists by an old one.
var ownZones = map[string]string{
	"UTC":                        "UTC", // not Etc/UTC: this one needs no file, and every time of Graph names it
	"Coordinated Universal Time": "Etc/UTC",
	"Kamchatka Standard Time":    "Asia/Kamchatka",
	"Mid-Atlantic Standard Time": "Etc/GMT+2",
	"Argentina Standard Time":    "America/Argentina/Buenos_Aires",
	"Greenland Standard Time":    "America/Nuuk",
	"India Standard Time":        "Asia/Kolkata",
	"Myanmar Standard Time":      "Asia/Yangon",
	"Nepal Standard Time":        "Asia/Kathmandu",
	"US Eastern Standard Time":   "America/Indiana/Indianapolis",
}
