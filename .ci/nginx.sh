#!/usr/bin/env bash
# nginx, with which the tests check the config in docs/reverse-proxy.md.
#
#   nginx.sh find      print where it is; exit 1 when there is none
#   nginx.sh install   as root on Debian: put it into bin/, and fail if that does; elsewhere: say what is missing
#
# Only the program is taken out of Debian's package: installed, that would bring a server that starts by itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_nginx() {
	if [ -x bin/nginx ]; then echo bin/nginx; else command -v nginx; fi
}

install_nginx() {
	if find_nginx >/dev/null; then return 0; fi
	if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
		local dir
		dir=$(mktemp -d)
		chmod 755 "$dir"
		export DEBIAN_FRONTEND=noninteractive
		apt-get update
		apt-get install -y --no-install-recommends libpcre2-8-0 libssl3 zlib1g
		(cd "$dir" && apt-get download nginx)
		mkdir -p bin
		dpkg-deb --fsys-tarfile "$dir"/nginx_*.deb | tar -xO ./usr/sbin/nginx >"$dir/nginx"
		install -m 755 "$dir/nginx" bin/nginx
		rm -rf "$dir"
		bin/nginx -v
		return
	fi
	cat >&2 <<-'TXT'
		No nginx was found. The test that checks the config in docs/reverse-proxy.md with it is left out; all others run.
	TXT
}

case "${1:-}" in
find) find_nginx ;;
install) install_nginx ;;
*)
	echo "usage: nginx.sh find|install" >&2
	exit 2
	;;
esac
