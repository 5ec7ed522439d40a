#!/usr/bin/env bash
# systemd-analyze, with which the tests judge the units in deploy/. It needs no running systemd.
#
#   systemd.sh find      print where it is; exit 1 when there is none
#   systemd.sh install   as root on Debian: install it, and fail if that does; elsewhere: say what is missing
set -euo pipefail

find_systemd() { # 250 learned to judge a unit offline
	local version
	command -v systemd-analyze || return 1
	version=$(systemd-analyze --version | awk 'NR == 1 { print int($2) }')
	[ "$version" -ge 250 ]
}

install_systemd() {
	if find_systemd >/dev/null; then return 0; fi
	if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
		export DEBIAN_FRONTEND=noninteractive
		apt-get update
		apt-get install -y --no-install-recommends systemd
		find_systemd
		return
	fi
	cat >&2 <<-'TXT'
		No systemd-analyze (250 or newer) was found. The tests that judge the units in deploy/ are left out; all others run.
	TXT
}

case "${1:-}" in
find) find_systemd ;;
install) install_systemd ;;
*)
	echo "usage: systemd.sh find|install" >&2
	exit 2
	;;
esac
