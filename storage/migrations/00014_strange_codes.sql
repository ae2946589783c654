-- Codes of an authenticator app that came from addresses from which nobody had signed in as its user, counted in a window
-- that the first of them began. The release before counts none.
ALTER TABLE authenticator_apps ADD COLUMN strange_codes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE authenticator_apps ADD COLUMN strange_since BIGINT;
