package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// LoadServer reads only the [server] section of the file at path, whatever else is wrong with the file: enough to ask the
// daemon that still runs with an older version of it.
func LoadServer(path string) (Server, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Server{}, fmt.Errorf("read config: %w", err)
	}
	root, faults := readTree(path, data)
	if root == nil {
		return Server{}, faults
	}
	d := &decoder{path: path, dir: filepath.Dir(path), known: map[string][]string{}}
	s := d.server((&table{d: d, node: root}).sub("server"))
	if len(d.faults) > 0 {
		return Server{}, d.faults.sorted()
	}
	return s, nil
}
