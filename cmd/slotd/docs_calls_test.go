package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"slotd/internal/flow"
)

// graphAPI stands in for Meta's: it takes notes of the calls, and refuses those that Meta would not understand.
type graphAPI struct {
	mu    sync.Mutex
	calls []string
}

func (g *graphAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := g.check(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, r.URL.Path)
	_, _ = io.WriteString(w, `{"success":true}`)
}

func (g *graphAPI) check(r *http.Request) error {
	if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer system-user-token" {
		return fmt.Errorf("%s with authorization %q", r.Method, r.Header.Get("Authorization"))
	}
	switch r.URL.Path {
	case "/1001/whatsapp_business_encryption":
		_, err := flow.ParsePublicKey([]byte(r.PostFormValue("business_public_key")))
		return err
	case "/2002/flows":
		var categories []string
		if err := json.Unmarshal([]byte(r.FormValue("categories")), &categories); err != nil {
			return err
		}
		if r.FormValue("name") == "" || !slices.Equal(categories, []string{"APPOINTMENT_BOOKING"}) ||
			r.FormValue("endpoint_uri") != "https://your.host/flow" {
			return fmt.Errorf("form: %v", r.Form)
		}
		return nil
	case "/3003/assets":
		return checkAsset(r)
	case "/3003/publish":
		return nil
	case "/1001/messages":
		return checkMessage(r)
	}
	return fmt.Errorf("no such path: %s", r.URL.Path)
}

func checkAsset(r *http.Request) error {
	if r.FormValue("name") != "flow.json" || r.FormValue("asset_type") != "FLOW_JSON" {
		return fmt.Errorf("form: %v", r.Form)
	}
	f, _, err := r.FormFile("file")
	if err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	if err == nil && !json.Valid(text) {
		err = fmt.Errorf("the Flow is not JSON")
	}
	return err
}

func checkMessage(r *http.Request) error {
	var m struct {
		To          string
		Interactive struct {
			Type   string
			Action struct {
				Name       string
				Parameters map[string]string
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		return err
	}
	p := m.Interactive.Action.Parameters
	if m.To != "490000000" || m.Interactive.Type != "flow" || m.Interactive.Action.Name != "flow" || p["flow_id"] != "3003" ||
		p["flow_message_version"] != "3" || p["flow_action"] != "data_exchange" || len(p["flow_token"]) < 8 {
		return fmt.Errorf("message: %+v", m)
	}
	return nil
}

// TestCallsOfMeta runs the lines with curl of docs/meta.md, from a directory as init leaves it.
func TestCallsOfMeta(t *testing.T) {
	api := &graphAPI{}
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	slotd(t, dir, "init").expect(t, exitDone)
	self, err := os.Executable()
	must(t, err)
	const functions = `curl() { command curl --fail-with-body -sS "$@"; }
slotd() { ` + mainVariable + `=1 "$SELF" "$@"; }`
	for _, b := range blocks(t, "sh") {
		if !strings.Contains(b.text, "curl ") {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", functions+"\n"+b.text)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SELF="+self, "GRAPH="+srv.URL, "TOKEN=system-user-token", "PHONE_NUMBER_ID=1001", "WABA_ID=2002",
			"FLOW_ID=3003", "CUSTOMER=490000000", "NO_PROXY=127.0.0.1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", b, err, out)
		}
	}
	want := []string{"/1001/whatsapp_business_encryption", "/2002/flows", "/3003/assets", "/3003/publish", "/1001/messages"}
	if !slices.Equal(api.calls, want) {
		t.Errorf("calls %v, want %v", api.calls, want)
	}
}

// TestProxyConfigs: nginx understands its config, and both pass on the public routes and no other.
func TestProxyConfigs(t *testing.T) {
	list := blocks(t, "nginx", "caddyfile")
	if len(list) != 2 {
		t.Fatalf("%d configs, want nginx's and Caddy's", len(list))
	}
	for _, b := range list {
		routes := "(flow|push/google|push/outlook|oauth/callback|healthz|readyz)$"
		if b.lang == "caddyfile" {
			routes = "path /flow /push/google /push/outlook /oauth/callback /healthz /readyz\n"
		} else {
			nginxTakes(t, b)
		}
		if !strings.Contains(b.text, routes) || strings.Count(b.text, "{") != strings.Count(b.text, "}") {
			t.Errorf("%s: the routes are not the public ones, or a brace is missing", b)
		}
	}
}

func nginxTakes(t *testing.T, b block) {
	t.Helper()
	if os.Getenv("SLOTD_WITHOUT_NGINX") != "" {
		t.Log("SLOTD_WITHOUT_NGINX is set: the config is not checked by nginx")
		return
	}
	tool, err := filepath.Abs(filepath.Join(root, "bin/nginx"))
	must(t, err)
	if _, err := os.Stat(tool); err != nil {
		if tool, err = exec.LookPath("nginx"); err != nil {
			t.Fatal("nginx is missing: run make tools, or set SLOTD_WITHOUT_NGINX=1")
		}
	}
	dir := t.TempDir()
	writeCertificate(t, dir)
	server := strings.ReplaceAll(b.text, "/etc/ssl", dir)
	server = strings.Replace(server, "listen 443 ssl", "listen unix:"+dir+"/socket ssl", 1)
	path := filepath.Join(dir, "nginx.conf")
	must(t, os.WriteFile(path, fmt.Appendf(nil, "daemon off;\npid %[1]s/pid;\nerror_log stderr;\nevents {}\nhttp {\n"+
		"access_log off;\nclient_body_temp_path %[1]s/b;\nproxy_temp_path %[1]s/p;\nfastcgi_temp_path %[1]s/f;\n"+
		"uwsgi_temp_path %[1]s/u;\nscgi_temp_path %[1]s/s;\n%[2]s}\n", dir, server), 0o600))
	out, err := exec.CommandContext(t.Context(), tool, "-t", "-p", dir, "-e", "stderr", "-c", path).CombinedOutput()
	if err != nil || strings.Contains(string(out), "[warn]") {
		t.Errorf("%s: nginx: %v\n%s", b, err, out)
	}
}

// writeCertificate makes the files that the config names.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	for name, p := range map[string]*pem.Block{
		"your.host.pem": {Type: "CERTIFICATE", Bytes: cert}, "your.host.key": {Type: "PRIVATE KEY", Bytes: der},
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(p), 0o600))
	}
}
