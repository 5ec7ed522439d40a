package outlook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"slotd/internal/calendar"

	"golang.org/x/oauth2"
)

func says(t *testing.T, name string, err error) {
	t.Helper()
	if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "clinic.example")) {
		t.Errorf("%s: the error says too much: %v", name, err)
	}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   calendar.Kind
	}{
		{302, "", calendar.Unclear},
		{304, "", calendar.Unclear},
		{400, "ErrorInvalidIdMalformed", calendar.Refused},
		{400, "InvalidDeltaToken", calendar.Expired},
		{401, "InvalidAuthenticationToken", calendar.NeedsPerson},
		{401, "", calendar.NeedsPerson},
		{403, "", calendar.Refused},
		{403, "ErrorAccessDenied", calendar.Refused},
		{403, "Authorization_RequestDenied", calendar.NeedsPerson},
		{403, "ApplicationThrottled", calendar.Throttled},
		{404, "ErrorItemNotFound", calendar.Gone},
		{404, "syncStateNotFound", calendar.Expired},
		{405, "", calendar.Refused},
		{408, "", calendar.Unclear},
		{409, "", calendar.Conflict},
		{410, "SyncStateNotFound", calendar.Expired},
		{410, "resyncRequired", calendar.Expired},
		{410, "", calendar.Gone},
		{412, "ErrorIrresolvableConflict", calendar.Conflict},
		{413, "", calendar.Refused},
		{429, "ApplicationThrottled", calendar.Throttled},
		{429, "", calendar.Throttled},
		{500, "", calendar.Unclear},
		{501, "", calendar.Unclear},
		{502, "", calendar.Unclear},
		{503, "ServiceUnavailable", calendar.Unclear},
		{504, "", calendar.Unclear},
		{507, "", calendar.Refused},
		{509, "", calendar.Throttled},
	} {
		client := open(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.Header().Set("WWW-Authenticate", "Bearer claims=unquoted")
			if c.code == "" {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte("<html>secret</html>")) // 304 has no body
				return
			}
			write(w, c.status, fmt.Sprintf(`{"error":{"code":%q,"message":"secret"}}`, c.code))
		})
		_, err := client.Read(t.Context(), "who@clinic.example", window)
		var e *calendar.Error
		if !errors.As(err, &e) || e.Kind != c.want || e.Status != c.status || e.Reason != c.code ||
			e.RetryAfter != 7*time.Second {
			t.Errorf("%d %s: %v, want %v", c.status, c.code, err, c.want)
		}
		says(t, fmt.Sprint(c.status), err)
	}
}

// failing is a transport whose token cannot be refreshed.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestTransportErrors(t *testing.T) {
	body := []byte("refresh_token=secret")
	for name, c := range map[string]struct {
		err  error
		want calendar.Kind
	}{
		"revoked":      {&oauth2.RetrieveError{ErrorCode: "invalid_grant", Body: body}, calendar.NeedsPerson},
		"wrong client": {&oauth2.RetrieveError{ErrorCode: "invalid_client", Body: body}, calendar.NeedsPerson},
		"not allowed":  {&oauth2.RetrieveError{ErrorCode: "unauthorized_client", Body: body}, calendar.NeedsPerson},
		"consent":      {&oauth2.RetrieveError{ErrorCode: "interaction_required", Body: body}, calendar.NeedsPerson},
		"token server": {
			&oauth2.RetrieveError{Response: &http.Response{StatusCode: 503}, Body: body}, calendar.Unclear,
		},
		"classified": {&calendar.Error{Kind: calendar.NeedsPerson, Op: "secret"}, calendar.NeedsPerson},
		"deadline":   {context.DeadlineExceeded, calendar.Unclear},
		"anything":   {errors.New("dial secret"), calendar.Unclear},
	} {
		client := open(t, reply(200, "{}"), func(cfg *Config) { cfg.HTTP = &http.Client{Transport: failing{c.err}} })
		_, err := client.Read(t.Context(), "who@clinic.example", window)
		if err == nil || calendar.KindOf(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		says(t, name, err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2027, 4, 5, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "30": 30 * time.Second, " 2 ": 2 * time.Second, "soon": 0,
		"99999999999999999999":          0,
		"999999":                        24 * time.Hour,
		"Mon, 05 Apr 2027 12:01:30 GMT": 90 * time.Second,
		"Mon, 05 Apr 2027 11:00:00 GMT": 0,
	} {
		if got := calendar.RetryAfterHeader(http.Header{"Retry-After": {in}}, now); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}
