#!/usr/bin/env bash
# promtool, with which the tests check the alert rules and the metrics.
#
#   promtool.sh find      print where it is; exit 1 when there is none
#   promtool.sh install   as root on Debian: put it into bin/, and fail if that does; elsewhere: say what is missing
#
# Only the tool is taken out of Debian's package: installed, that would bring a Prometheus server that starts by itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_promtool() {
	if [ -x bin/promtool ]; then echo bin/promtool; else command -v promtool; fi
}

install_promtool() {
	if find_promtool >/dev/null; then return 0; fi
	if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
		local dir
		dir=$(mktemp -d)
		chmod 755 "$dir"
		apt-get update
		(cd "$dir" && apt-get download prometheus)
		mkdir -p bin
		dpkg-deb --fsys-tarfile "$dir"/prometheus_*.deb | tar -xO ./usr/bin/promtool >"$dir/promtool"
		install -m 755 "$dir/promtool" bin/promtool
		rm -rf "$dir"
		bin/promtool --version
		return
	fi
	cat >&2 <<-'TXT'
		No promtool was found. The tests that check alert rules and metrics with it are left out; all others run.
		To run them too, install Prometheus with your system's package manager, or put promtool into bin/.
	TXT
}

case "${1:-}" in
find) find_promtool ;;
install) install_promtool ;;
*)
	echo "usage: promtool.sh find|install" >&2
	exit 2
	;;
esac
