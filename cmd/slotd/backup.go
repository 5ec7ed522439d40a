package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/store"
	"slotd/store/kv/bolt"
)

func (a *app) backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup [PATH]",
		Short: "Make a checked copy of the database, also while the daemon serves",
		Long: `Backup copies the database as of one moment into a new file, reads all of the copy, and only then gives it its
name. PATH is the file, or a directory that gets a file with a name of its own; without PATH it is the directory of
[backup], or that of the database. What exists is never replaced.

A daemon that runs makes the copy itself, so its user must be allowed to write there. The copy holds the names of
customers: it is readable for its owner only, and wants to be kept like that.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.MaximumNArgs(1)(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w\nUsage: %s", err, cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			path := ""
			if len(args) == 1 {
				if path, err = filepath.Abs(args[0]); err != nil {
					return err
				}
			}
			made, err := backup(cmd.Context(), cfg, path, progressTo(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), made)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes, %d bookings, read back and found good\n",
				made.Path, made.Size, made.Bookings)
			return err
		},
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// backup asks the daemon for a copy, or makes it when none runs.
func backup(
	ctx context.Context, cfg *config.Config, path string, progress func(copied, total int64),
) (admin.BackupMade, error) {
	made, err := askBackup(ctx, cfg, path, progress)
	if !errors.Is(err, errUnreachable) {
		return made, err
	}
	db, openErr := bolt.Open(cfg.Store.Path, bolt.Options{})
	switch {
	case errors.Is(openErr, bolt.ErrLocked):
		return made, fmt.Errorf("%w; and its database is in use by a process", err)
	case openErr != nil:
		return made, openErr
	}
	st, err := store.Open(ctx, db)
	if err == nil {
		if path == "" {
			path = daemon.DefaultBackup(cfg.Backup, cfg.Store.Path)
		}
		made, err = daemon.Backup(ctx, db, st.ID(), path, progress)
	}
	return made, errors.Join(err, db.Close())
}

// askBackup has the daemon make the copy, and follows how far it is.
func askBackup(
	ctx context.Context, cfg *config.Config, path string, progress func(copied, total int64),
) (admin.BackupMade, error) {
	in := map[string]string{"path": path}
	resp, err := sendDaemon(ctx, cfg, http.MethodPost, url.URL{Path: "/api/backup"}, in)
	if err != nil {
		return admin.BackupMade{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // as much as there is
		return admin.BackupMade{}, fmt.Errorf("the daemon answered %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	lines := json.NewDecoder(resp.Body)
	for {
		var line admin.BackupLine
		if err := lines.Decode(&line); err != nil {
			return admin.BackupMade{}, errors.New("the daemon broke off; whether there is a copy is not known")
		}
		switch {
		case line.Error != "":
			return admin.BackupMade{}, errors.New(line.Error)
		case line.Made != nil:
			return *line.Made, nil
		}
		progress(line.Copied, line.Total)
	}
}

// progressTo shows how far a copy is, on a terminal only.
func progressTo(w io.Writer) func(copied, total int64) {
	shown := int64(-1)
	return func(copied, total int64) {
		percent := copied * 100 / max(total, 1)
		if percent == shown || !isTerminal(w) {
			return
		}
		shown = percent
		_, _ = fmt.Fprintf(w, "\rcopied %d %%", percent)
		if copied >= total {
			_, _ = fmt.Fprint(w, ", checking\n")
		}
	}
}
