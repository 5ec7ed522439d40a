package calendar

import (
	"maps"
	"testing"
	"time"
)

func TestWindowsZonesExist(t *testing.T) {
	names := maps.Clone(cldrZones)
	maps.Copy(names, ownZones)
	for windows := range names {
		iana, ok := WindowsZone(windows)
		if _, err := time.LoadLocation(iana); !ok || err != nil {
			t.Errorf("%s: %q, %v", windows, iana, err)
		}
	}
	for name, want := range map[string]string{"W. Europe Standard Time": "Europe/Berlin", "India Standard Time": "Asia/Kolkata",
		"Europe/Berlin": "", "": ""} {
		if iana, ok := WindowsZone(name); iana != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, want %q", name, iana, ok, want)
		}
	}
}
