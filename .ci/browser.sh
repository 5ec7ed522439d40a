#!/usr/bin/env bash
# The browser that the tests of the demo page drive.
#
#   browser.sh find      print where it is; exit 1 when there is none
#   browser.sh install   as root on Debian: install it, and fail if that does; elsewhere: say what is missing
set -euo pipefail

find_browser() { # the names that chromedp looks for, in its order of preference
	local name
	for name in headless_shell headless-shell chromium chromium-browser google-chrome google-chrome-stable \
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
		if command -v "$name"; then return 0; fi
	done
	return 1
}

install_browser() {
	if find_browser >/dev/null; then return 0; fi
	if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
		export DEBIAN_FRONTEND=noninteractive
		apt-get update
		apt-get install -y --no-install-recommends chromium
		find_browser
		return
	fi
	cat >&2 <<-'TXT'
		No Chromium or Chrome was found. The tests that drive the page in a browser are left out; all others run.
		To run them too, install chromium with your system's package manager, or Google Chrome.
	TXT
}

case "${1:-}" in
find) find_browser ;;
install) install_browser ;;
*)
	echo "usage: browser.sh find|install" >&2
	exit 2
	;;
esac
