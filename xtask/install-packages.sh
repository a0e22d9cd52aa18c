#!/bin/sh
# Installs Debian packages, as root, without starting the services they bring: tests start servers of their own.
set -eu
export DEBIAN_FRONTEND=noninteractive

# This is how Debian asks whether a package may start its service; 101 forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi

apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends "$@"
