package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"time"
)

// Backup is how the scheduled copies of the database fare.
type Backup struct {
	Directory string `json:"directory"`
	// Last is when the newest scheduled copy was made, absent without one; Size is its size in bytes. Both are read
	// from the directory, so that they outlive a restart.
	Last *time.Time `json:"last,omitempty"`
	Size int64      `json:"size_bytes"`
	// Copies is how many scheduled copies there are.
	Copies int `json:"copies"`
	// Failed is when the last try failed, absent when it succeeded or when none was made since the start.
	Failed *time.Time `json:"failed,omitempty"`
	Error  string     `json:"error,omitempty"`
	Next   time.Time  `json:"next"`
}

// BackupMade is a copy that was made and checked.
type BackupMade struct {
	Path     string `json:"path"`
	Size     int64  `json:"size_bytes"`
	Bookings int    `json:"bookings"`
}

// BackupLine is one line of the answer of POST /api/backup, which is a stream of JSON objects: how far the copy is,
// then either what was made or why not.
type BackupLine struct {
	Copied int64       `json:"copied,omitempty"`
	Total  int64       `json:"total,omitempty"`
	Made   *BackupMade `json:"made,omitempty"`
	Error  string      `json:"error,omitempty"`
}

// progressEvery is how many bytes lie between two lines of progress.
const progressEvery = 16 << 20

// longAnswer bounds an answer that takes its time; the server's own bound is for quick ones.
const longAnswer = 15 * time.Minute

// takeTime puts off the deadlines that the server has set for quick answers; that for reading would end the request's
// context. A server that cannot do it cuts the answer off, which its reader notices.
func takeTime(c *http.ResponseController, d time.Duration) {
	at := time.Now().Add(d)
	_, _ = c.SetReadDeadline(at), c.SetWriteDeadline(at)
}

// MakeBackup makes a copy of the database at path, "" for the usual place, and tells how far it is.
type MakeBackup func(ctx context.Context, path string, progress func(copied, total int64)) (BackupMade, error)

// backup answers POST /api/backup with a stream of lines. It asks for a JSON body: a page in somebody's browser cannot
// send one to another host unasked.
func (a *api) backup(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Path string `json:"path"`
	}
	if r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "send JSON", http.StatusUnsupportedMediaType)
		return
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&ask)
	if err == nil && ask.Path != "" && !filepath.IsAbs(ask.Path) {
		err = errors.New("the path must be absolute")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := http.NewResponseController(w)
	takeTime(out, longAnswer)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	enc := json.NewEncoder(w)
	send := func(line BackupLine) {
		_ = enc.Encode(line)
		_ = out.Flush()
	}
	var told int64
	made, err := a.cfg.Backup(r.Context(), ask.Path, func(copied, total int64) {
		if copied-told >= progressEvery {
			told = copied
			send(BackupLine{Copied: copied, Total: total})
		}
	})
	if err != nil {
		a.cfg.Log.Error("backup failed", "error", err)
		send(BackupLine{Error: err.Error()})
		return
	}
	send(BackupLine{Made: &made})
}
