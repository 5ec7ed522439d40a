package flow

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// flowVersions are the versions of Flow JSON that WhatsApp still opens. Versions after the newest one known here
// are let through: refusing them would make each release of Meta's need one of ours.
var flowVersions = []string{
	"2.1", "3.0", "3.1", "4.0", "5.0", "5.1", "6.0", "6.1", "6.2", "6.3", "7.0", "7.1", "7.2", "7.3",
}

const (
	newestMajor, newestMinor = 7, 3
	maxScreens               = 100
	maxEdges                 = 10
)

var (
	versionForm = regexp.MustCompile(`^[0-9]{1,3}\.[0-9]{1,3}$`)
	screenID    = regexp.MustCompile(`^[A-Za-z_]+$`)
)

// checkFlow checks what concerns the file as a whole and each screen alone.
func (d *draft) checkFlow() {
	d.checkVersions()
	if len(d.screens) == 0 {
		d.fault("screens", "the file has no screens")
		return
	}
	if len(d.screens) > maxScreens {
		d.fault("screens", "%d screens; Meta takes at most %d", len(d.screens), maxScreens)
	}
	seen := map[string]bool{}
	for _, s := range d.screens {
		if s.ID != "" && seen[s.ID] {
			d.fault(s.path, "two screens have this id")
		}
		seen[s.ID] = true
		d.checkScreen(s)
		d.checkReferences(s)
	}
	terminal := func(s *draftScreen) bool { return s.Terminal }
	switch {
	case !slices.ContainsFunc(d.screens, terminal):
		d.fault("screens", `no screen is terminal: add "terminal": true to the last one`)
	case !slices.ContainsFunc(d.screens, func(s *draftScreen) bool { return s.Terminal && s.Success }):
		d.fault("screens", `at least one terminal screen must have "success": true`)
	}
}

func (d *draft) checkVersions() {
	switch {
	case d.version == "":
		d.fault("version", `is missing: "version": "7.3"`)
	case !slices.Contains(flowVersions, d.version) && !laterVersion(d.version):
		d.fault("version", "%q is not a version that WhatsApp opens: use 7.3", d.version)
	}
	if d.api != "" && d.api != "3.0" && d.api != "4.0" {
		d.fault("data_api_version", "%q is not known: use 4.0 or 3.0", d.api)
	}
	if d.api == "" && d.exchanges() {
		d.fault("data_api_version", `is missing: data_exchange needs "data_api_version": "4.0"`)
	}
}

func laterVersion(version string) bool {
	if !versionForm.MatchString(version) {
		return false
	}
	left, right, _ := strings.Cut(version, ".")
	major, _ := strconv.Atoi(left)
	minor, _ := strconv.Atoi(right)
	return major > newestMajor || major == newestMajor && minor > newestMinor
}

// exchanges says whether any action calls the endpoint.
func (d *draft) exchanges() bool {
	return slices.ContainsFunc(d.screens, func(s *draftScreen) bool {
		return slices.ContainsFunc(s.actions, func(a draftAction) bool { return a.Name == actionDataExchange })
	})
}

func (d *draft) checkScreen(s *draftScreen) {
	switch {
	case s.ID == "":
		d.fault(s.path, "id is missing")
	case s.ID == successScreen:
		d.fault(s.path, "this id is reserved for the end of a Flow: choose another id")
	case !screenID.MatchString(s.ID):
		d.fault(s.path, "a screen id has only letters and underscores, no digits")
	}
	if s.footers > 1 {
		d.fault(s.path, "%d Footers; a screen has at most one", s.footers)
	}
	if s.Terminal && s.footers == 0 {
		d.fault(s.path, "a terminal screen needs a Footer")
	}
	if s.RefreshOnBack && d.api == "" {
		d.fault(s.path+".refresh_on_back", "needs data_api_version")
	}
}

// checkReferences checks the bindings in the layout's strings.
func (d *draft) checkReferences(s *draftScreen) {
	for _, t := range s.texts {
		if mixed(t) {
			d.fault(t.path, "a binding must be the whole value; to mix it with text write \"`'text ' ${data.x}`\"")
		}
		for _, m := range reference.FindAllStringSubmatch(t.text, -1) {
			d.checkReference(s, t.path, m[1], m[2], m[3])
		}
	}
}

func (d *draft) checkReference(s *draftScreen, path, screen, kind, key string) {
	target := s
	if screen != "" {
		if target = d.screen(screen); target == nil {
			d.fault(path, "refers to the screen %s, which does not exist", screen)
			return
		}
	}
	declares := slices.ContainsFunc(target.Data, func(f Field) bool { return f.Key == key })
	if kind == "data" && !declares && !d.faulty(target.path+".data."+key) {
		d.fault(path, "uses ${data.%s}, but the data of %s does not declare %s", key, target.path, key)
	}
	if kind == "form" && !target.inputs[key] {
		d.fault(path, "uses ${form.%s}, but no component of %s has that name", key, target.path)
	}
}

// faulty says whether something is already known to be wrong at a path.
func (d *draft) faulty(path string) bool {
	return slices.ContainsFunc(d.faults, func(f Fault) bool { return f.Path == path })
}

// mixed says whether a string holds a binding beside other text without being an expression. Conditions always are one.
func mixed(t draftText) bool {
	if !strings.Contains(t.text, "${") || strings.HasSuffix(t.path, ".condition") || strings.HasPrefix(t.text, "`") {
		return false
	}
	return !strings.HasPrefix(t.text, "${") || strings.Index(t.text, "}") != len(t.text)-1
}

// checkActions checks what each action does and that one payload means one action.
func (d *draft) checkActions() {
	for _, s := range d.screens {
		for _, a := range s.actions {
			d.checkAction(s, a)
		}
		for i, a := range s.actions {
			for _, b := range s.actions[:i] {
				if ambiguous(a.Action, b.Action) {
					d.fault(a.path, "sends the same payload keys and constants as %s, so that the two cannot be told apart: "+
						`add a constant to one payload, such as "trigger": "day"`, b.path)
				}
			}
		}
	}
}

func (d *draft) checkAction(s *draftScreen, a draftAction) {
	onFooter := a.Component == "Footer"
	switch a.Name {
	case actionComplete:
		if !onFooter || !s.Terminal {
			d.fault(a.path, "complete is allowed on the Footer of a terminal screen only")
		}
	case actionNavigate:
		d.checkNavigate(s, a, onFooter)
	case actionDataExchange:
		for _, key := range []string{"error", "error_key"} {
			if _, found := a.payload[key]; found {
				d.fault(a.path+".payload."+key, "is reserved for the client's error reports: use another key")
			}
		}
	}
}

func (d *draft) checkNavigate(s *draftScreen, a draftAction, onFooter bool) {
	if onFooter && s.Terminal {
		d.fault(a.path, "the Footer of a terminal screen cannot navigate: use data_exchange or complete")
	}
	switch {
	case a.Next == "":
		d.fault(a.path, `navigate needs "next": {"type": "screen", "name": "…"}`)
	case a.Next == s.ID:
		d.fault(a.path, "navigates to its own screen: use update_data or data_exchange")
	case d.screen(a.Next) == nil:
		d.fault(a.path, "navigates to %s, which does not exist", a.Next)
	case d.routing != nil && !slices.Contains(d.routing[s.ID], a.Next):
		d.fault(a.path, "navigates to %s, which routing_model.%s does not list", a.Next, s.ID)
	}
}

// ambiguous says whether two actions send payloads that cannot be told apart. Footers of two branches of a condition
// may be alike: they mean the same.
func ambiguous(a, b Action) bool {
	if a.Name != actionDataExchange || b.Name != actionDataExchange {
		return false
	}
	if a.Component == "Footer" && b.Component == "Footer" {
		return false
	}
	if len(a.Keys) != len(b.Keys) || len(a.Static) != len(b.Static) {
		return false
	}
	for key := range a.Keys {
		if _, found := b.Keys[key]; !found {
			return false
		}
	}
	for key, value := range a.Static {
		if other, found := b.Static[key]; !found || other != value {
			return false
		}
	}
	return true
}
