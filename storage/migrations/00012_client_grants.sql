-- For the live grants of one client among those that have ended. A refresh changes nothing that stands in it.
CREATE INDEX grants_client_live ON grants (client_id, created_at, id) WHERE revoked_at IS NULL;
