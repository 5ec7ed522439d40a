#!/usr/bin/env bash
# Runs each fuzz target of the named packages for FUZZTIME. go test takes one target at a time.
set -euo pipefail
shopt -s nullglob

for pkg in "$@"; do
	dir=$(go list -f '{{.Dir}}' "$pkg")
	files=("$dir"/*_test.go)
	if [ ${#files[@]} = 0 ]; then continue; fi
	for target in $(sed -n -E 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "${files[@]}"); do
		echo "$pkg $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10s}" "$pkg"
	done
done
