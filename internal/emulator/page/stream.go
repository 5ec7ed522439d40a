package page

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// Freshness is looked at once a second. A stream that was silent for beatEvery looks gets a comment, so that a dead
// connection is noticed on both sides.
const (
	lookEvery = time.Second
	beatEvery = 15
)

// stream sends server-sent events until the request ends: "changed" when a calendar changed, "freshness" with the times
// of the last confirmed mirrors when one of them moved.
func (p *page) stream(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	// A server's write timeout is meant for answers, not for a stream. Not every writer has one to lift.
	_ = out.SetWriteDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")

	var changed <-chan struct{}
	if p.Changed != nil {
		changed = p.Changed(r.Context())
	}
	var sent map[string]time.Time
	message := p.freshness(&sent)
	if message == "" {
		message = ": hello\n\n"
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for quiet := 0; ; {
		if message != "" {
			if _, err := fmt.Fprint(w, message); err != nil {
				return
			}
			if err := out.Flush(); err != nil {
				return
			}
			quiet = 0
		}
		select {
		case <-r.Context().Done():
			return
		case _, open := <-changed:
			if !open {
				return
			}
			message = "event: changed\ndata: {}\n\n"
		case <-look.C:
			message = p.freshness(&sent)
			if quiet++; message == "" && quiet >= beatEvery {
				message = ": still here\n\n"
			}
		}
	}
}

// freshness returns the event that tells the mirrors' times, or "" when they are what was last sent.
func (p *page) freshness(sent *map[string]time.Time) string {
	if p.Freshness == nil {
		return ""
	}
	now := p.Freshness()
	if len(now) == 0 || maps.EqualFunc(now, *sent, time.Time.Equal) {
		return ""
	}
	text, err := json.Marshal(map[string]any{"now": p.Now().UTC(), "mirrored": now})
	if err != nil {
		return ""
	}
	*sent = maps.Clone(now)
	return "event: freshness\ndata: " + string(text) + "\n\n"
}
