package arrows

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const module = "slotd"

// Import paths of other modules. A path stands for itself and everything below it.
const (
	age      = "filippo.io/age"
	bbolt    = "go.etcd.io/bbolt"
	chromedp = "github.com/chromedp"
	cobra    = "github.com/spf13/cobra"
	cron     = "github.com/robfig/cron/v3"
	gocmp    = "github.com/google/go-cmp"
	google   = "google.golang.org/api"
	kiota    = "github.com/microsoft" // every kiota-… module
	graph    = "github.com/microsoftgraph"
	oauth2   = "golang.org/x/oauth2"
	linear   = "github.com/anishathalye/porcupine"
	prom     = "github.com/prometheus"
	rapid    = "pgregory.net/rapid"
	rrule    = "github.com/teambition/rrule-go"
	sync     = "golang.org/x/sync"
	rate     = "golang.org/x/time"
	systemd  = "github.com/coreos/go-systemd/v22"
	toml     = "github.com/pelletier/go-toml/v2"
)

// graphRoot is the SDK's package for all of Graph: 84 packages and twice the build time of the three that we need.
const graphRoot = "github.com/microsoftgraph/msgraph-sdk-go"

// rule is one row of the table. The standard library is allowed everywhere.
type rule struct {
	may    []string // packages of this module, relative to its root; a trailing /... takes all below
	other  []string // paths in other modules
	tests  []string // what test files may import beyond may and inTests: packages of this module
	otests []string // the same in other modules, beyond other and otherInTests
}

// table says what each package may import. internal/calendar stands wherever booking or store does, because those speak
// in its types.
var table = map[string]rule{
	"internal/calendar": {},
	"internal/booking":  {may: list("internal/calendar")},
	"internal/flow":     {},
	"internal/arrows":   {},

	"store/kv":        {},
	"store/kv/kvtest": {may: list("store/kv"), other: list(gocmp)},
	"store/kv/bolt":   {may: list("store/kv"), other: list(bbolt)},
	"store":           {may: list("store/kv", "internal/booking", "internal/calendar")},

	"adapters/google":      {may: list("internal/calendar"), other: list(google, oauth2)},
	"adapters/outlook":     {may: list("internal/calendar"), other: list(graph, kiota, oauth2)},
	"adapters/ics":         {may: list("internal/calendar"), other: list(rrule)},
	"adapters/adaptertest": {may: list("internal/calendar")},

	"syncer": {
		may:   list("store", "internal/booking", "internal/calendar"),
		other: list(sync, rate),
		tests: list("adapters/google"),
	},
	"webhook": {
		// desk speaks in the types of booking and calendar, so its caller does too
		may:   list("internal/desk", "internal/flow", "internal/booking", "internal/calendar"),
		other: list(sync, rate),
	},
	"internal/account": {may: list("store"), other: list(age, oauth2)},
	"internal/desk": {
		may:    list("store", "internal/booking", "internal/calendar"),
		other:  list(sync),
		otests: list(linear),
	},
	"internal/notify": {may: list("store", "internal/booking", "internal/calendar")},
	"internal/admin": {
		may:    list("internal/desk", "store", "internal/booking", "internal/calendar"),
		other:  list(prom),
		otests: list(chromedp),
	},
	"internal/config": {may: list("internal/booking", "internal/calendar"), other: list(toml)},

	// The emulators share nothing with the daemon but the Flow protocol, so that a mistake is not made twice alike.
	"internal/emulator/fault":    {may: emulators},
	"internal/emulator/recur":    {may: emulators},
	"internal/emulator/oauth":    {may: emulators},
	"internal/emulator/push":     {may: emulators},
	"internal/emulator/google":   {may: emulators},
	"internal/emulator/graph":    {may: emulators},
	"internal/emulator/ics":      {may: emulators},
	"internal/emulator/whatsapp": {may: append(list("internal/flow"), emulators...)},
	"internal/emulator/page": {
		may:    append(list("internal/flow", "internal/emulator/whatsapp"), emulators...),
		otests: list(chromedp),
	},

	"internal/daemon": {
		may: list("store/...", "syncer", "webhook", "internal/...",
			"adapters/google", "adapters/ics"), // outlook comes in as a constructor
		other:  list(cron, oauth2, sync, rate, systemd),
		otests: list(chromedp),
	},
	"cmd/slotd": {
		may:    list("adapters/...", "store/...", "syncer", "webhook", "internal/..."),
		other:  list(cobra, oauth2, sync, rate, systemd),
		otests: list(chromedp, toml), // the pieces of config in the docs are merged into a whole one
	},
}

var emulators = list("internal/emulator/fault", "internal/emulator/recur", "internal/emulator/oauth",
	"internal/emulator/push", "internal/emulator/google", "internal/emulator/graph")

// What every test file may import beyond its package's row: the vocabulary, a real store, the emulators and the suites.
var (
	inTests = list("internal/calendar", "internal/booking", "store", "store/kv", "store/kv/bolt", "store/kv/kvtest",
		"adapters/adaptertest", "internal/emulator/...")
	otherInTests = list(gocmp, rapid)
)

// suites are for tests: no file that ends up in a binary imports them, whatever its row says.
var suites = list("store/kv/kvtest", "adapters/adaptertest", "internal/arrows")

// owners are the only packages, tests included, that import a module, whatever the table says.
var owners = map[string][]string{
	age:                          {"internal/account"},
	bbolt:                        {"store/kv/bolt"},
	cobra:                        {"cmd/slotd"},
	cron:                         {"internal/daemon"},
	google:                       {"adapters/google"},
	graph:                        {"adapters/outlook"},
	kiota:                        {"adapters/outlook"},
	prom:                         {"internal/admin"},
	rrule:                        {"adapters/ics"},
	systemd:                      {"cmd/slotd", "internal/daemon"},
	toml:                         {"internal/config", "cmd/slotd"},  // the second: the tests of the docs
	module + "/adapters/outlook": {"cmd/slotd", "adapters/outlook"}, // the second: its own external tests
}

func list(s ...string) []string { return s }

func TestArrows(t *testing.T) {
	faults, _, err := check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

func TestEveryRowHasAPackage(t *testing.T) {
	_, seen, err := check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range table {
		if !seen[pkg] {
			t.Errorf("the table has a row for %s, which does not exist", pkg)
		}
	}
}

// TestCheckSees shows that the rules bite: a rule that cannot fail guards nothing.
func TestCheckSees(t *testing.T) {
	tests := []struct {
		name, file, imported string
		want                 []string
	}{
		{"allowed", "store/a.go", "slotd/store/kv", nil},
		{"standard library", "store/kv/a.go", "net/http", nil},
		{"its own external test", "store/a_test.go", "slotd/store", nil},
		{"against the arrow", "internal/booking/a.go", "slotd/store",
			list("internal/booking/a.go:2: internal/booking must not import slotd/store")},
		{"unknown package", "internal/newcomer/a.go", "fmt",
			list("internal/newcomer: not in the table of internal/arrows: decide what it may import")},
		{"package at the root", "a.go", "fmt",
			list(".: not in the table of internal/arrows: decide what it may import")},
		{"sibling with the same beginning", "internal/desk/a.go", "slotd/storehouse",
			list("internal/desk/a.go:2: internal/desk must not import slotd/storehouse")},
		{"test helper in a test", "store/a_test.go", "pgregory.net/rapid", nil},
		{"test helper outside tests", "store/a.go", "pgregory.net/rapid",
			list("store/a.go:2: store must not import pgregory.net/rapid")},
		{"emulator in a test", "syncer/a_test.go", "slotd/internal/emulator/google", nil},
		{"emulator outside tests", "syncer/a.go", "slotd/internal/emulator/google",
			list("syncer/a.go:2: syncer must not import slotd/internal/emulator/google")},
		{"suite in a binary", "cmd/slotd/a.go", "slotd/adapters/adaptertest",
			list("cmd/slotd/a.go:2: slotd/adapters/adaptertest is for tests only")},
		{"bbolt at its owner", "store/kv/bolt/a.go", "go.etcd.io/bbolt/errors", nil},
		{"bbolt elsewhere", "store/a_test.go", "go.etcd.io/bbolt",
			list("store/a_test.go:2: store must not import go.etcd.io/bbolt")},
		{"metrics elsewhere", "webhook/a.go", "github.com/prometheus/client_golang/prometheus",
			list("webhook/a.go:2: webhook must not import github.com/prometheus/client_golang/prometheus")},
		{"toml elsewhere", "internal/daemon/a_test.go", "github.com/pelletier/go-toml/v2",
			list("internal/daemon/a_test.go:2: internal/daemon must not import github.com/pelletier/go-toml/v2")},
		{"Outlook in the command", "cmd/slotd/a.go", "slotd/adapters/outlook", nil},
		{"Outlook in the daemon's test", "internal/daemon/a_test.go", "slotd/adapters/outlook",
			list("internal/daemon/a_test.go:2: internal/daemon must not import slotd/adapters/outlook")},
		{"Graph models", "adapters/outlook/a.go", "github.com/microsoftgraph/msgraph-sdk-go/models", nil},
		{"Graph root", "adapters/outlook/a.go", graphRoot,
			list("adapters/outlook/a.go:2: the root package of the Graph SDK builds all of Graph: import users, models or " +
				"subscriptions")},
		{"cgo", "store/kv/a.go", "C", list("store/kv/a.go:2: store/kv must not import C")},
		{"testdata is not ours", "internal/flow/testdata/a.go", "nowhere.example/x", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := fmt.Sprintf("package p\nimport _ %q\n", tt.imported)
			got, _, err := check(fstest.MapFS{tt.file: {Data: []byte(src)}})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("faults (-want +got):\n%s", d)
			}
		})
	}
}

// check reads the import clauses of every Go file of a source tree. It returns what breaks a rule, and the directories
// that hold a package.
func check(tree fs.FS) (faults []string, seen map[string]bool, err error) {
	seen = map[string]bool{}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(name)
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		pkg := path.Dir(name)
		r, known := table[pkg]
		if !known && !seen[pkg] {
			faults = append(faults, pkg+": not in the table of internal/arrows: decide what it may import")
		}
		seen[pkg] = true
		if !known {
			return nil
		}
		more, err := checkFile(tree, name, r)
		faults = append(faults, more...)
		return err
	})
	return faults, seen, err
}

// enter skips the directories that the go command skips, and the one for built programs.
func enter(dir string) error {
	base := path.Base(dir)
	hidden := base != "." && strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
	if hidden || base == "testdata" || dir == "bin" {
		return fs.SkipDir
	}
	return nil
}

func checkFile(tree fs.FS, name string, r rule) ([]string, error) {
	src, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var faults []string
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if why := forbids(name, imported, r); why != "" {
			faults = append(faults, fmt.Sprintf("%s:%d: %s", name, fset.Position(spec.Pos()).Line, why))
		}
	}
	return faults, nil
}

// forbids says why the file must not import the path; "" when it may.
func forbids(file, imported string, r rule) string {
	pkg, test := path.Dir(file), strings.HasSuffix(file, "_test.go")
	no := pkg + " must not import " + imported
	for owned, by := range owners {
		if below(imported, owned) && !slices.Contains(by, pkg) {
			return no
		}
	}
	if imported == graphRoot {
		return "the root package of the Graph SDK builds all of Graph: import users, models or subscriptions"
	}
	inside, ours := strings.CutPrefix(imported, module+"/")
	switch {
	case ours && !test && slices.Contains(suites, inside):
		return imported + " is for tests only"
	case ours && (listed(inside, r.may) || test && (inside == pkg || listed(inside, r.tests) || listed(inside, inTests))):
		return ""
	case !ours && (standard(imported) || anyBelow(imported, r.other)):
		return ""
	case !ours && test && (anyBelow(imported, r.otests) || anyBelow(imported, otherInTests)):
		return ""
	}
	return no
}

// standard reports whether the path is of the standard library: its first element has no dot. cgo is not.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != "C" && first != module
}

// listed reports whether pkg is in the list, directly or through an entry that ends in /...
func listed(pkg string, in []string) bool {
	return slices.ContainsFunc(in, func(entry string) bool {
		tree, whole := strings.CutSuffix(entry, "/...")
		return entry == pkg || whole && below(pkg, tree)
	})
}

func anyBelow(imported string, in []string) bool {
	return slices.ContainsFunc(in, func(p string) bool { return below(imported, p) })
}

// below reports whether imported is the path p or lies under it.
func below(imported, p string) bool {
	return imported == p || strings.HasPrefix(imported, p+"/")
}
