// Package flow speaks the WhatsApp Flows endpoint protocol and reads Flow JSON files.
//
// It promises four things. The envelope (RSA-OAEP, AES-GCM with the inverted IV, HMAC) is opened and sealed without
// ever panicking on bytes from outside. Requests and answers are plain values. A Flow JSON file is the contract of the
// screens: it is checked against Meta's rules and ours with all faults named in one run, and an answer carries exactly
// the keys that its screen declares. Names of a file are mapped onto a few well-known names, so that Flows drawn by
// others run without code.
//
// The package knows no booking, no clock and no network. All functions and all methods of the values that it returns
// may be called concurrently.
package flow
