#!/bin/sh
# Runs Apache with keyturn.conf until it is stopped. Needs apache2 and libapache2-mod-auth-openidc.
set -eu
: "${CLIENT_ID:?set it; keyturn client create prints it}" "${CLIENT_SECRET:?set it; keyturn client create prints it}"
here=$(cd "$(dirname "$0")" && pwd)
export ISSUER="${ISSUER:-http://127.0.0.1:8080}" CLIENT_ID CLIENT_SECRET LISTEN="${LISTEN:-127.0.0.1:3000}"
export CRYPTO_PASSPHRASE="${CRYPTO_PASSPHRASE:-$(head -c 24 /dev/urandom | base64)}"
export HTDOCS="$here/htdocs" RUN_DIR="${RUN_DIR:-$(mktemp -d)}"
exec /usr/sbin/apache2 -f "$here/apache.conf" -D FOREGROUND
