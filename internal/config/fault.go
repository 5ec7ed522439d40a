package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a configuration file.
type Fault struct {
	Path string
	Line int
	// Column is set for faults of the syntax only.
	Column int
	// Place is the section or the record: `[server]`, `resource "adams"`. It is "" for faults of the syntax.
	Place string
	// Problem says what is wrong and how to mend it.
	Problem string
}

// String returns the fault as one line: path, line, place, problem.
func (f Fault) String() string {
	s := fmt.Sprintf("%s:%d:", f.Path, f.Line)
	if f.Column > 0 {
		s += fmt.Sprintf("%d:", f.Column)
	}
	if f.Place != "" {
		s += " " + f.Place + ":"
	}
	return s + " " + f.Problem
}

// Faults are all faults of one file, in the order of its lines.
type Faults []Fault

// Error returns one line per fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// sorted orders the faults by line; those of one line keep the order in which they were found.
func (fs Faults) sorted() Faults {
	slices.SortStableFunc(fs, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return fs
}
