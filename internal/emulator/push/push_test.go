package push_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/emulator/push"
)

// receiver answers with a status and remembers what came when, counted from the start of the bubble.
type receiver struct {
	mu     sync.Mutex
	begun  time.Time
	status []int // of the next answers; 200 when there are none left
	got    []string
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, fmt.Sprintf("%s at %s", body, time.Since(r.begun)))
	status := http.StatusOK
	if len(r.status) > 0 {
		status, r.status = r.status[0], r.status[1:]
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
}

// TestMoods: what happens to three messages, ten seconds apart, on their way.
func TestMoods(t *testing.T) {
	for _, tt := range []struct {
		name string
		mood push.Mood
		fail []int
		want []string
	}{
		{"none", push.Mood{}, nil, []string{"1 at 0s", "2 at 10s", "3 at 20s"}},
		{"lost", push.Mood{Lost: true}, nil, nil},
		{"late", push.Mood{Delay: 15 * time.Second}, nil, []string{"1 at 15s", "2 at 25s", "3 at 35s"}},
		{"doubled", push.Mood{Copies: 1}, nil,
			[]string{"1 at 0s", "1 at 0s", "2 at 10s", "2 at 10s", "3 at 20s", "3 at 20s"}},
		{"swapped", push.Mood{Reversed: true}, nil, []string{"2 at 10s", "1 at 10s", "3 at 1m20s"}},
		{"refused for now", push.Mood{}, []int{503, 503}, []string{"1 at 0s", "1 at 4s", "1 at 8s", "2 at 10s", "3 at 20s"}},
		{"refused", push.Mood{}, []int{404}, []string{"1 at 0s", "2 at 10s", "3 at 20s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{begun: time.Now(), status: tt.fail}
				s := push.New(&http.Client{Transport: r}, func(status, tries int) (time.Duration, bool) {
					return 4 * time.Second, status == http.StatusServiceUnavailable && tries < 5
				})
				for n := range 3 {
					s.Send("channel", push.Message{URL: "https://slotd.example/push", Body: fmt.Append(nil, n+1)}, tt.mood)
					time.Sleep(10 * time.Second)
				}
				time.Sleep(5 * time.Minute)
				s.Close()
				s.Send("channel", push.Message{URL: "https://slotd.example/push"}, push.Mood{}) // too late
				if !slices.Equal(r.got, tt.want) {
					t.Errorf("arrived %q, want %q", r.got, tt.want)
				}
			})
		})
	}
}

// TestReachable: which addresses a provider posts to.
func TestReachable(t *testing.T) {
	for address, want := range map[string]bool{
		"https://slotd.example/push": true, "http://127.0.0.1:8080/push": true, "http://localhost/x": true,
		"http://[::1]:1/": true, "http://slotd.example/push": false, "": false, "ftp://localhost/": false, "https://": false,
	} {
		if push.Reachable(address) != want {
			t.Errorf("%q: reachable %v", address, !want)
		}
	}
}
