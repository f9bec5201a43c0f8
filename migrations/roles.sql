-- The three roles, made once per PostgreSQL server by a database administrator.
-- owner: owns the tables and runs migrations; no log-in to the portal.
-- app: web and workers; row security applies to it, it may neither create nor truncate.
-- scheduler: sees states and counts of every campus, never a patron.
-- Give each a password of its own in production: ALTER ROLE feebridge_app PASSWORD '...';
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['feebridge_owner', 'feebridge_app', 'feebridge_scheduler'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', role_name);
        END IF;
    END LOOP;
END
$$;
