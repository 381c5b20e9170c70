#!/bin/bash
# Run once by the PostgreSQL image, when its volume is empty: a role and a database for each of our two services.
#
# Each role may enter its own database only, so that whoever gets hold of the exporters' password, which faces the outside
# world, sees no incident.
set -euo pipefail

for name in telemetry incidents; do
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        --set=name="$name" --set=password="$(cat "/run/secrets/${name}_database_password")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --command 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC'
