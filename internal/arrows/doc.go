// Package arrows holds one test and no code: it asserts which package of slotd may import which, and which of them may
// touch which third-party module. The table in arrows_test.go is the rule; a package that is missing there fails the
// test, so a new one begins with a decision about its place.
//
// The test reads import clauses only and loads no package. It therefore costs milliseconds, and does not build the
// Graph SDK, whose models take minutes.
package arrows
