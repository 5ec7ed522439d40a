package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/flow"
)

// Bounds of the examination.
const (
	checkWithin  = 10 * time.Second // one question to another server
	skewWarning  = 30 * time.Second
	skewFailure  = 5 * time.Minute // tokens and signatures of the providers begin to be refused
	lowDisk      = 200 << 20
	lowDiskParts = 20 // less than one of so many parts is low
)

// findings are the checks of an examination, in the order in which they are printed.
type findings struct{ checks []admin.Check }

func (f *findings) add(name string, status admin.CheckStatus, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")
	f.checks = append(f.checks, admin.Check{Name: name, Status: status, Text: text})
}

func (f *findings) ok(name, format string, args ...any) { f.add(name, admin.CheckOK, format, args...) }
func (f *findings) warn(name, format string, args ...any) {
	f.add(name, admin.CheckWarning, format, args...)
}
func (f *findings) fail(name, format string, args ...any) {
	f.add(name, admin.CheckFailed, format, args...)
}
func (f *findings) skip(name, format string, args ...any) {
	f.add(name, admin.CheckSkipped, format, args...)
}

// Examine makes the checks that need no running daemon: what the config refers to, this host, and whether the
// providers' servers answer. client carries those requests; it must not follow redirects with secrets, and is given
// none.
func Examine(ctx context.Context, cfg *config.Config, client *http.Client) []admin.Check {
	f := &findings{}
	f.ok("config", "%s: %d accounts, %d departments, %d services, %d resources", cfg.Path, len(cfg.Accounts),
		len(cfg.Departments), len(cfg.Services), len(cfg.Resources))
	f.secrets(cfg)
	f.keys(cfg)
	f.webhook(cfg)
	f.flow(cfg)
	f.blocklist(cfg)
	f.rules(cfg)
	f.zones(cfg)
	f.adminAddress(cfg.Server.Admin)
	f.disk(cfg.Store.Path)
	f.clock(ctx, cfg, client)
	return f.checks
}

// secrets says what cannot be read, or can be read by too many.
func (f *findings) secrets(cfg *config.Config) {
	err := cfg.CheckSecrets()
	if err == nil {
		f.ok("secrets", "all can be read, and those in files by their owner only")
		return
	}
	errs := []error{err}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		errs = joined.Unwrap()
	}
	for _, err := range errs {
		f.fail("secrets", "%v", err)
	}
}

// keys says which public key must be registered at Meta, by a fingerprint that "openssl pkey -pubin -outform DER |
// sha256sum" gives too.
func (f *findings) keys(cfg *config.Config) {
	for i, s := range cfg.WhatsApp.PrivateKeys {
		name := "private key"
		if len(cfg.WhatsApp.PrivateKeys) > 1 {
			name = fmt.Sprintf("private key %d", i+1)
		}
		text, err := s.Read()
		if err != nil {
			f.fail(name, "%v", err)
			continue
		}
		key, err := flow.ParsePrivateKey(text)
		if err != nil {
			f.fail(name, "%s: %v", s, err)
			continue
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			f.fail(name, "%s: %v", s, err)
			continue
		}
		sum := sha256.Sum256(der)
		fingerprint := "sha256:" + hex.EncodeToString(sum[:])
		public := flow.PublicKeyPEM(&key.PublicKey)
		beside, err := os.ReadFile(s.File + ".pub")
		switch {
		case s.File == "" || errors.Is(err, fs.ErrNotExist):
			f.ok(name, "RSA, %d bits; its public key is %s", key.N.BitLen(), fingerprint)
		case err != nil:
			f.warn(name, "the public key beside it cannot be read: %v", err)
		case !samePublic(beside, public):
			f.fail(name, "%s.pub is the public key of another private key: do not upload it; the right one is %s", s.File,
				fingerprint)
		default:
			f.ok(name, "RSA, %d bits; its public key is %s, the same as in %s.pub", key.N.BitLen(), fingerprint, s.File)
		}
	}
	f.skip("key at Meta", "this version cannot ask Meta which public key is registered for the number")
}

func samePublic(text, public []byte) bool {
	key, err := flow.ParsePublicKey(text)
	return err == nil && bytes.Equal(flow.PublicKeyPEM(key), public)
}

func (f *findings) flow(cfg *config.Config) {
	name := cfg.Flow.File
	if name == "" {
		name = "the built-in Flow"
	}
	if _, err := LoadFlow(cfg); err != nil {
		f.fail("flow", "%v", err)
		return
	}
	f.ok("flow", "%s can be served", name)
}

// zones says where the rules of the time zones come from: Go takes the host's before those in the binary.
func (f *findings) zones(cfg *config.Config) {
	zone := cfg.Business.Zone.String()
	for _, dir := range []string{os.Getenv("ZONEINFO"), "/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, zone)); err == nil {
			f.ok("time zones", "%s is known; the rules are those of this host, %s%s", zone, dir, zoneVersion(dir))
			return
		}
	}
	f.ok("time zones", "%s is known; the rules are those in the binary, of %s", zone, runtime.Version())
}

// zoneVersion reads the version of a compiled database (the first line of tzdata.zi), "" when it does not say.
func zoneVersion(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "tzdata.zi"))
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text[:min(len(text), 100)]), "\n")
	if version, ok := strings.CutPrefix(line, "# version "); ok {
		return ", version " + strings.TrimSpace(version)
	}
	return ""
}

// adminAddress warns of one that others can reach: whoever does reads the names of customers.
func (f *findings) adminAddress(address string) {
	host, _, err := net.SplitHostPort(address)
	ip, ipErr := netip.ParseAddr(host)
	switch {
	case strings.HasPrefix(address, "unix:"):
		f.ok("admin address", "a socket for slotd's own user")
	case err == nil && (host == "localhost" || ipErr == nil && ip.IsLoopback()):
		f.ok("admin address", "%s: this host only", address)
	default:
		f.warn("admin address", "%s can be reached from other hosts and shows the names of customers: use 127.0.0.1 or a unix: socket",
			address)
	}
}

// disk looks at the place of the database: kind of file system, room, and whether a write reaches the disk.
func (f *findings) disk(path string) {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	dir := filepath.Dir(path)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		f.fail("database", "%v", err)
		return
	case info.Mode().Perm()&0o077 != 0:
		f.fail("database", "%s is open to other users (mode %04o): run chmod 600 %[1]s", path, info.Mode().Perm())
	default:
		f.ok("database", "%s has %s", path, bytesText(info.Size()))
	}
	if kind := networkType(dir); kind != "" {
		f.fail("file system", "%s lies on %s, where locks and syncs cannot be relied on: move it to a local disk", dir, kind)
	} else {
		f.ok("file system", "%s is local", dir)
	}
	free, total := space(dir)
	switch {
	case total == 0:
		f.skip("disk space", "the file system of %s does not say", dir)
	case free == 0:
		f.fail("disk space", "the disk of %s is full: nothing can be booked", dir)
	case free < lowDisk || free < total/lowDiskParts:
		f.warn("disk space", "%s left of %s on the disk of %s", bytesText(free), bytesText(total), dir)
	default:
		f.ok("disk space", "%s left of %s", bytesText(free), bytesText(total))
	}
	begun := time.Now()
	if err := writeTest(dir); err != nil {
		f.fail("disk write", "%v", directoryError(dir, err))
		return
	}
	f.ok("disk write", "4 kB reached the disk in %s", time.Since(begun).Round(100*time.Microsecond))
}

// writeTest writes a page as the database does, and syncs it.
func writeTest(dir string) error {
	file, err := os.CreateTemp(dir, ".slotd-doctor-*")
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, 4096))
	return errors.Join(err, file.Sync(), file.Close(), os.Remove(file.Name()))
}

// clock compares this host's clock with the servers that slotd talks to.
func (f *findings) clock(ctx context.Context, cfg *config.Config, client *http.Client) {
	var hosts, urls []string
	public := ""
	if u, err := url.Parse(cfg.Server.PublicURL); err == nil && u.Host != "" {
		hosts, urls, public = []string{u.Host}, []string{cfg.Server.PublicURL + "/healthz"}, u.Host
	}
	seen := map[string]bool{public: true}
	for _, a := range cfg.Accounts {
		for _, raw := range []string{a.TokenURL, a.APIURL} {
			if u, err := url.Parse(raw); err == nil && u.Host != "" && !seen[u.Host] {
				seen[u.Host] = true
				hosts, urls = append(hosts, u.Host), append(urls, raw)
			}
		}
	}
	results := make([]dated, len(urls))
	var group errgroup.Group
	for i := range urls {
		group.Go(func() error { results[i] = askDate(ctx, client, urls[i]); return nil })
	}
	_ = group.Wait()
	for i, host := range hosts {
		f.clockOf(host, results[i])
	}
}

type dated struct {
	ahead time.Duration
	ok    bool
	err   error
}

// askDate asks a server for its time, by a request that needs no rights: whatever it answers has a Date.
func askDate(ctx context.Context, client *http.Client, address string) dated {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return dated{err: err}
	}
	sent := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return dated{err: err}
	}
	received := time.Now()
	_ = resp.Body.Close()
	ahead, ok := aheadOf(resp.Header, sent, received)
	return dated{ahead: ahead, ok: ok}
}

func (f *findings) clockOf(host string, d dated) {
	name := "clock, " + host
	switch off := d.ahead.Abs(); {
	case d.err != nil:
		f.fail(name, "no answer: %v", d.err)
	case !d.ok:
		f.skip(name, "its answer says no time")
	case off > skewFailure:
		f.fail(name, "%s", skewText(host, d.ahead))
	case off > skewWarning:
		f.warn(name, "%s", skewText(host, d.ahead))
	default:
		f.ok(name, "this host's clock agrees")
	}
}
