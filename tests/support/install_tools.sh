#!/bin/sh
# What the tests need beyond Python packages. Installs it where it can (Debian, as root), else says how.
set -u
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
[ -x /usr/lib/postgresql/15/bin/postgres ] || missing="$missing postgresql-15"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing for the tests:$missing"
  # The package would make and start a cluster of its own; the tests make theirs.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null || true
  for package in $missing; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null || echo "Could not install $package."
  done
else
  echo "For all tests to run, install (on Debian: sudo apt-get install$missing):$missing"
fi
exit 0
