#!/bin/bash
# Run once by the PostgreSQL image, when its volume is empty: a role and a database for each of our two services.
#
# Each role may enter its own database only, so that whoever gets hold of the exporters' password, which faces the outside
# world, sees no incident. psql reads the passwords itself: on a command line they could be seen in the list of processes.
set -euo pipefail
secrets=${WEDSYNC_SECRETS_DIR:-/run/secrets}
ask=(psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres)

for name in telemetry incidents; do
    PASSWORD_FILE=$secrets/${name}_database_password "${ask[@]}" --set=name="$name" <<'SQL'
\set password `cat "$PASSWORD_FILE"`
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
"${ask[@]}" --command='REVOKE CONNECT ON DATABASE postgres FROM PUBLIC'
