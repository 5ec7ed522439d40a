package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNoSecret is returned when a [Secret] that refers to nothing is read.
var ErrNoSecret = errors.New("no secret is configured")

// Secret refers to a secret: a file, an environment variable, or a systemd credential. At most one field is set. It
// never holds the secret itself, so it may be printed and logged. The secret is read each time that it is used, so that
// a changed file takes effect.
type Secret struct {
	File       string
	Env        string
	Credential string // a name below $CREDENTIALS_DIRECTORY
}

// Set reports whether the secret refers to anything.
func (s Secret) Set() bool { return s != Secret{} }

// String returns the reference, never the value.
func (s Secret) String() string {
	switch {
	case s.File != "":
		return "file " + s.File
	case s.Env != "":
		return "environment variable " + s.Env
	case s.Credential != "":
		return "systemd credential " + s.Credential
	}
	return "none"
}

// unset is the error of a secret whose place does not exist here.
type unset string

func (u unset) Error() string { return string(u) }

// Is makes it one with the error of a file that does not exist.
func (unset) Is(target error) bool { return target == fs.ErrNotExist }

// Read returns the secret without one trailing newline. An empty secret is an error, and one whose file or variable does
// not exist is fs.ErrNotExist.
func (s Secret) Read() ([]byte, error) {
	value, err := s.raw()
	if err != nil {
		return nil, err
	}
	value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	if len(value) == 0 {
		return nil, fmt.Errorf("%s is empty", s)
	}
	return value, nil
}

func (s Secret) raw() ([]byte, error) {
	switch {
	case s.File != "":
		return readSecretFile(s.File, s.File+" is not there: put it there, chmod 600")
	case s.Env != "":
		value, ok := os.LookupEnv(s.Env)
		if !ok {
			return nil, unset(s.String() + " is not set")
		}
		return []byte(value), nil
	case s.Credential != "":
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return nil, unset(fmt.Sprintf("%s: CREDENTIALS_DIRECTORY is not set; start slotd from a unit with "+
				"LoadCredential=%s:…", s, s.Credential))
		}
		return readSecretFile(filepath.Join(dir, s.Credential), fmt.Sprintf("%s was not handed over: the unit needs "+
			"LoadCredential=%s:…", s, s.Credential))
	}
	return nil, ErrNoSecret
}

// readSecretFile refuses what is not a regular file: a pipe would block, and a directory has no content. Where there is
// none, missing is the error.
func readSecretFile(path, missing string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, unset(missing)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.ReadFile(path)
}

// CheckMode returns an error when the secret is a file that others than its owner can read or write. It says how to mend
// it. A file that does not exist is no matter of its mode; Read reports it.
func (s Secret) CheckMode() error {
	if s.File == "" {
		return nil
	}
	info, err := os.Stat(s.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check the mode of a secret: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s is open to other users (mode %04o): run chmod 600 %s", s, mode, s.File)
	}
	return nil
}

// CheckSecrets reads every secret that the file refers to and returns all that cannot be read or are open to other
// users, joined; nil when all are well.
func (c *Config) CheckSecrets() error {
	check := func(s Secret) error {
		_, err := s.Read()
		return errors.Join(err, s.CheckMode())
	}
	return errors.Join(c.eachServing(check), c.eachAccounts(check))
}

// CheckAccountSecrets reads every secret of the accounts and the keys of their tokens, without which a daemon serves all
// the same, and returns all that cannot be read, joined; nil when all are well.
func (c *Config) CheckAccountSecrets() error {
	return c.eachAccounts(func(s Secret) error {
		_, err := s.Read()
		return err
	})
}

// CheckModes returns all files of secrets that are open to other users, joined; nil when there are none.
func (c *Config) CheckModes() error {
	return errors.Join(c.eachServing(Secret.CheckMode), c.eachAccounts(Secret.CheckMode))
}

// each checks the secrets of one place that refer to something and joins the errors, each with the place.
func each(check func(Secret) error, place string, secrets ...Secret) error {
	var errs []error
	for _, s := range secrets {
		if !s.Set() {
			continue
		}
		if err := check(s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", place, err))
		}
	}
	return errors.Join(errs...)
}

// eachServing checks the secrets without which no daemon serves.
func (c *Config) eachServing(check func(Secret) error) error {
	return errors.Join(
		each(check, "[webhook] secret", c.Webhook.Secrets...),
		each(check, "[whatsapp] app_secret", c.WhatsApp.AppSecrets...),
		each(check, "[whatsapp] private_key", c.WhatsApp.PrivateKeys...),
	)
}

// eachAccounts checks the secrets of the accounts.
func (c *Config) eachAccounts(check func(Secret) error) error {
	errs := []error{each(check, "[store] token_key", c.Store.TokenKeys...)}
	try := func(place string, s Secret) { errs = append(errs, each(check, place, s)) }
	for _, a := range c.Accounts {
		try(fmt.Sprintf("account %q client_secret", a.Name), a.ClientSecret)
		try(fmt.Sprintf("account %q refresh_token", a.Name), a.RefreshToken)
		try(fmt.Sprintf("account %q service_account", a.Name), a.ServiceAccount)
		for _, c := range a.Calendars {
			try(fmt.Sprintf("account %q calendar %q url", a.Name, c.ID), c.Feed.SecretURL)
			try(fmt.Sprintf("account %q calendar %q password", a.Name, c.ID), c.Feed.Password)
		}
	}
	return errors.Join(errs...)
}
