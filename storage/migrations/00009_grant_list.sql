-- For lists of everybody's grants. Neither column changes at a refresh.
CREATE INDEX grants_created_at ON grants (created_at, id);
