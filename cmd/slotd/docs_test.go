package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"slotd/internal/config"
)

// root is the repository's directory, seen from this package.
const root = "../.."

// block is a fenced block of a page, without its indentation.
type block struct {
	page string
	line int // of the fence
	lang string
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// pages are all Markdown pages, by their paths from the repository's directory.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		must(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			must(t, err)
			name, err := filepath.Rel(root, path)
			must(t, err)
			out[name] = string(text)
		}
	}
	if len(out) < 10 {
		t.Fatalf("only %d pages", len(out))
	}
	return out
}

var fence = regexp.MustCompile("^( *(?:[0-9]+\\. |- )?)```([a-z]*)$")

// blocks returns the fenced blocks of all pages in one of the languages.
func blocks(t *testing.T, langs ...string) (out []block) {
	t.Helper()
	text := pages(t)
	for _, page := range slices.Sorted(maps.Keys(text)) {
		var open *block
		var indent string
		for i, line := range strings.Split(text[page], "\n") {
			m := fence.FindStringSubmatch(line)
			switch {
			case open == nil && m != nil:
				open, indent = &block{page: page, line: i + 1, lang: m[2]}, strings.Repeat(" ", len(m[1]))
			case open != nil && m != nil:
				out = append(out, *open)
				open = nil
			case open != nil:
				open.text += strings.TrimPrefix(line, indent) + "\n"
			}
		}
		if open != nil {
			t.Errorf("%s: the fence has no end", open)
		}
	}
	return slices.DeleteFunc(out, func(b block) bool { return !slices.Contains(langs, b.lang) })
}

// TestEveryBlockIsChecked lists the languages. Left out, because there is nothing here to run them with: yaml and promql
// (Prometheus's; its rules have tests of their own), ini (drop-ins for units), the output in blocks without a language, and the config of Caddy, of which only the
// routes are looked at.
func TestEveryBlockIsChecked(t *testing.T) {
	known := []string{"sh", "toml", "json", "nginx", "go", "caddyfile", "yaml", "promql", "ini", ""}
	for page, text := range pages(t) {
		for line := range strings.Lines(text) {
			if m := fence.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil && !slices.Contains(known, m[2]) {
				t.Errorf("%s: a block of %q, which no test knows", page, m[2])
			}
		}
	}
}

// shellLines are the commands of a block, with continued lines joined and without comments.
func shellLines(text string) (out []string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(comment.ReplaceAllString(line, "")); line != "" {
			out = append(out, line)
		}
	}
	return out
}

var comment = regexp.MustCompile(`(^|\s)#.*`)

// TestCommandsInPages: each command is one of slotd's and would be accepted, or a target of the Makefile, or names files
// that are there. What TestFirstHour runs is run in earnest.
func TestCommandsInPages(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	must(t, err)
	slotdLines := 0
	for _, b := range blocks(t, "sh") {
		if strings.Contains(b.text, "curl ") {
			continue // TestCallsOfMeta
		}
		for _, line := range shellLines(b.text) {
			words := strings.Fields(line)
			for len(words) > 1 && assignment.MatchString(words[0]) {
				words = words[1:]
			}
			if strings.HasPrefix(line, "go run ./cmd/slotd") {
				words = words[2:]
				words[0] = "slotd"
			}
			switch words[0] {
			case "slotd", "./slotd":
				slotdLines++
				if err := wouldRun(words[1:]); err != nil {
					t.Errorf("%s: %s: %v", b, line, err)
				}
			case "make":
				for _, target := range words[1:] {
					if !strings.Contains(target, "=") && !bytes.Contains(makefile, []byte("\n"+target+":")) {
						t.Errorf("%s: %s: no such target", b, line)
					}
				}
			case "export", "go", "git", "$EDITOR", "install", "mkdir", "mv", "cp", "ln", "groupadd", "systemctl", "journalctl", "ssh":
				namesFiles(t, b, words)
			default:
				t.Errorf("%s: %s: a command that no test knows", b, line)
			}
		}
	}
	if slotdLines < 20 {
		t.Errorf("only %d lines with slotd were found", slotdLines)
	}
}

var assignment = regexp.MustCompile(`^[A-Z_]+=\S*$`)

// wouldRun has a command line parsed as it would be, without running it.
func wouldRun(args []string) error {
	if i := strings.IndexAny(strings.Join(args, ""), `'"`); i >= 0 {
		return fmt.Errorf("the test does not know quotes")
	}
	cmd, rest, err := rootCommand().Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err
	}
	return cmd.ValidateFlagGroups()
}

// namesFiles asserts that the units and files of the repository that a command names are there.
func namesFiles(t *testing.T, b block, words []string) {
	t.Helper()
	for _, word := range words {
		var path string
		switch {
		case strings.HasPrefix(word, "deploy/"), strings.HasPrefix(word, "internal/"), strings.HasPrefix(word, "./cmd/"):
			path = word
		case unitName.MatchString(word):
			path = "deploy/" + strings.Replace(word, "@clinic", "@", 1)
		default:
			continue
		}
		if found, err := filepath.Glob(filepath.Join(root, path)); err != nil || len(found) == 0 {
			t.Errorf("%s: there is no %s", b, path)
		}
	}
}

var unitName = regexp.MustCompile(`^slotd[a-z@-]*\.(service|socket)$`)

// inline finds commands in the text of pages; | stands for a choice in tables.
var inline = regexp.MustCompile("`(?:\\./)?slotd ([a-z][^`]*)`")

// TestCommandsInSentences: the command and its flags exist; arguments are often left out in a sentence.
func TestCommandsInSentences(t *testing.T) {
	n := 0
	for page, text := range pages(t) {
		for _, m := range inline.FindAllStringSubmatch(text, -1) {
			n++
			words := strings.Fields(strings.ReplaceAll(m[1], `\|`, " "))
			cmd, rest, err := rootCommand().Find(words)
			if err != nil || cmd.Name() == "slotd" || cmd.HasSubCommands() && len(rest) > 0 {
				t.Errorf("%s: `slotd %s`: no such command (%v)", page, m[1], err)
				continue
			}
			for _, word := range rest {
				name, isFlag := strings.CutPrefix(word, "--")
				name, _, _ = strings.Cut(name, "=")
				if isFlag && cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
					t.Errorf("%s: `slotd %s`: no flag --%s", page, m[1], name)
				}
			}
		}
	}
	if n < 35 {
		t.Errorf("only %d commands were found", n)
	}
}

// minimal is a config to which the pieces in pages are added.
const minimal = `
[server]
admin = "127.0.0.1:8081"
[store]
token_key_file = "secrets/token_key"
[whatsapp]
app_secret_file = "secrets/app_secret"
private_key_files = ["secrets/flow_key.pem"]
[business]
name = "Clinic"
zone = "Europe/Berlin"
[[department]]
id = "general"
title = "General practice"
[[service]]
id = "consultation"
title = "Consultation"
duration = "30m"
[[account]]
name = "office"
provider = "google"
client_id = "id"
client_secret_file = "secrets/google_client_secret"
[[resource]]
id = "adams"
title = "Dr. Adams"
departments = ["general"]
hours = { mon = ["09:00-12:00"] }
book_into = "office/primary"
`

// TestConfigInPages adds each piece of config to a whole one: what slotd does not know, or would refuse, is a fault.
func TestConfigInPages(t *testing.T) {
	list := blocks(t, "toml")
	if len(list) < 6 {
		t.Errorf("only %d blocks of TOML", len(list))
	}
	for _, b := range list {
		t.Run(b.String(), func(t *testing.T) {
			var whole, piece map[string]any
			must(t, toml.Unmarshal([]byte(minimal), &whole))
			must(t, toml.Unmarshal([]byte(b.text), &piece))
			add(whole, piece)
			renameAccount(whole)
			text, err := toml.Marshal(whole)
			must(t, err)
			if _, err := config.Parse("slotd.toml", text); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

// add puts a piece over a config: tables key by key, all else whole. A secret of another spelling replaces the old one.
func add(whole, piece map[string]any) {
	for key, value := range piece {
		inner, isTable := value.(map[string]any)
		if old, ok := whole[key].(map[string]any); ok && isTable {
			add(old, inner)
			continue
		}
		if stem := spelling.ReplaceAllString(key, ""); stem != key {
			maps.DeleteFunc(whole, func(k string, _ any) bool { return k != key && spelling.ReplaceAllString(k, "") == stem })
		}
		whole[key] = value
	}
}

var spelling = regexp.MustCompile(`_(file|files|env|credential)$`)

// renameAccount lets the resource that the piece does not bring use the account that it does.
func renameAccount(whole map[string]any) {
	accounts, _ := whole["account"].([]any)
	resources, _ := whole["resource"].([]any)
	if len(accounts) == 0 || len(resources) == 0 {
		return
	}
	account, _ := accounts[0].(map[string]any)
	resource, _ := resources[0].(map[string]any)
	if resource["book_into"] == "office/primary" {
		resource["book_into"] = fmt.Sprintf("%s/primary", account["name"])
	}
}

func TestJSONInPages(t *testing.T) {
	for _, b := range blocks(t, "json") {
		var v any
		if err := json.Unmarshal([]byte(b.text), &v); err != nil {
			t.Errorf("%s: %v", b, err)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksInPages(t *testing.T) {
	for page, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(page), target)); err != nil {
				t.Errorf("%s: the link leads nowhere: %v", page, err)
			}
		}
	}
}
