package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/account"
	"slotd/internal/config"
	"slotd/internal/flow"
	"slotd/store"
	"slotd/store/kv/bolt"
)

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Write a commented config, a database and the keys",
		Long: `Init writes the configuration file that --config names, and the database, the private key
and the token key that it names.
What exists is kept and never overwritten; so with a config of your own, init makes what is still missing.`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.initialize(cmd.Context(), cmd.OutOrStdout())
		},
	}
}

func (a *app) initialize(ctx context.Context, out io.Writer) error {
	made := 0
	report := func(what, path string, err error) error {
		switch {
		case errors.Is(err, os.ErrExist):
			_, err = fmt.Fprintf(out, "kept     %-12s %s\n", what, path)
			return err
		case err != nil:
			return fmt.Errorf("write the %s: %w", what, err)
		}
		made++
		_, err = fmt.Fprintf(out, "created  %-12s %s\n", what, path)
		return err
	}
	if err := report("config", a.configPath, writeNew(a.configPath, config.Example(), 0o644)); err != nil {
		return err
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if err := report("database", cfg.Store.Path, createStore(ctx, cfg.Store.Path)); err != nil {
		return err
	}
	if path := keyFile(cfg); path != "" {
		if err := report("private key", path, createKey(path)); err != nil {
			return err
		}
	}
	if path := tokenKeyFile(cfg); path != "" {
		if err := report("token key", path, createTokenKey(path)); err != nil {
			return err
		}
	}
	if made == 0 {
		return errors.New("everything exists already; nothing was written")
	}
	_, err = fmt.Fprintf(out, "\nNext: edit %s, put the secrets where it says, run 'slotd check',\n"+
		"'slotd connect' for each account, and 'slotd serve'.\n", a.configPath)
	return err
}

// keyFile returns the file of the newest private key, "" when the config takes it from elsewhere.
func keyFile(cfg *config.Config) string {
	if len(cfg.WhatsApp.PrivateKeys) == 0 {
		return ""
	}
	return cfg.WhatsApp.PrivateKeys[0].File
}

// tokenKeyFile returns the file of the newest token key, "" when the config takes it from elsewhere.
func tokenKeyFile(cfg *config.Config) string {
	if len(cfg.Store.TokenKeys) == 0 {
		return ""
	}
	return cfg.Store.TokenKeys[0].File
}

// createTokenKey makes the key that seals the accounts' tokens.
func createTokenKey(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return os.ErrExist
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	text, err := account.NewKey(time.Now())
	if err != nil {
		return err
	}
	return writeNew(path, text, 0o600)
}

// createStore makes the database. Its file appears only once the store's first record is in it.
func createStore(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return os.ErrExist
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	unfinished := path + ".init"
	_ = os.Remove(unfinished) // of an init that was interrupted
	if err := bolt.Create(unfinished); err != nil {
		return err
	}
	defer func() { _ = os.Remove(unfinished) }()
	db, err := bolt.Open(unfinished, bolt.Options{})
	if err != nil {
		return err
	}
	if err := errors.Join(store.Create(ctx, db, time.Now()), db.Close()); err != nil {
		return err
	}
	return os.Link(unfinished, path) // unlike a rename it never replaces
}

// createKey makes an RSA-2048 key pair: the private key for the owner only, the public one beside it for upload to Meta.
func createKey(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return os.ErrExist
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := writeNew(path, text, 0o600); err != nil {
		return err
	}
	if err := writeNew(path+".pub", flow.PublicKeyPEM(&key.PublicKey), 0o644); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// writeNew writes a file that must not exist.
func writeNew(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
