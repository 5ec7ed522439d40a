package account

import (
	"slices"
	"strings"
)

// unlisted are scopes that a token response need not name although they were granted: Microsoft leaves offline_access
// out, which shows by the refresh token, and sign-in scopes give no access to an API.
var unlisted = []string{"offline_access", "openid", "profile", "email"}

// missingScopes returns the scopes of want that granted does not cover. An empty granted means that the provider did not
// say, which by RFC 6749 section 5.1 means that all was granted.
func missingScopes(want []string, granted string) []string {
	have := strings.Fields(granted)
	if len(have) == 0 {
		return nil
	}
	var out []string
	for _, w := range want {
		covers := func(h string) bool { return covers(normal(h), normal(w)) }
		if !slices.Contains(unlisted, normal(w)) && !slices.ContainsFunc(have, covers) {
			out = append(out, w)
		}
	}
	return out
}

// normal strips what Microsoft adds or leaves out as it likes: the API's address and the case.
func normal(scope string) string {
	s := strings.ToLower(scope)
	if rest, ok := strings.CutPrefix(s, "https://graph."); ok {
		if _, name, ok := strings.Cut(rest, "/"); ok {
			return name
		}
	}
	return s
}

// covers reports whether a granted scope includes a wanted one: Google's full calendar scope includes the finer ones,
// and at both the right to write includes that to read.
func covers(have, want string) bool {
	const google = "https://www.googleapis.com/auth/calendar"
	switch have {
	case want:
		return true
	case google:
		return strings.HasPrefix(want, google+".")
	}
	return want == strings.TrimSuffix(have, "write") && strings.HasSuffix(have, ".readwrite") || want == have+".readonly"
}
