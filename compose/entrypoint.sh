#!/bin/sh
# Become the service named by the first argument; what follows goes to it.
#
# The password of the database is read from its file here and handed on as libpq expects it, so that it stands neither in
# the composition nor in the output of `docker inspect`.
set -eu

if [ -n "${WEDSYNC_DATABASE_PASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$WEDSYNC_DATABASE_PASSWORD_FILE")
    export PGPASSWORD
fi

service=${1:-}
[ $# -eq 0 ] || shift
case $service in
    exporters | webhook_receiver) module=$service ;;
    demo) module=demo.service ;;
    traffic) module=demo.traffic ;;
    *)
        echo "there is no service '$service': exporters, webhook_receiver, demo or traffic" >&2
        exit 64
        ;;
esac
exec python -m "$module" "$@"
