#!/usr/bin/env bash
# Make the roles and the database, once, as the server's administrator.
set -euo pipefail
admin() { psql -v ON_ERROR_STOP=1 -h postgres -U postgres "$@"; }
admin -f /roles.sql
admin -v app="$APP_PASSWORD" -v scheduler="$SCHEDULER_PASSWORD" -v owner="$OWNER_PASSWORD" <<'SQL'
ALTER ROLE feebridge_app PASSWORD :'app';
ALTER ROLE feebridge_scheduler PASSWORD :'scheduler';
ALTER ROLE feebridge_owner PASSWORD :'owner';
SQL
if ! admin -tAc "SELECT 1 FROM pg_database WHERE datname = 'feebridge'" | grep -q 1; then
    admin -c "CREATE DATABASE feebridge OWNER feebridge_owner"
    admin -c "REVOKE ALL ON DATABASE feebridge FROM PUBLIC"
    admin -c "GRANT CONNECT, TEMPORARY ON DATABASE feebridge TO feebridge_app, feebridge_scheduler"
fi
