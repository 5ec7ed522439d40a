package config

import (
	_ "embed"
	"slices"
)

//go:embed example.toml
var example []byte

// Example returns the commented example configuration, the same text as config.example.toml. It parses without a fault
// and mentions every key that exists.
func Example() []byte { return slices.Clone(example) }
