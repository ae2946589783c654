-- Invitations that nobody has taken, in the order of their addresses' bytes. Letters of other kinds, links for other
-- purposes and those that were used stand in neither.
CREATE INDEX letters_invitations ON letters (recipient, id) WHERE kind = 'invitation';
CREATE INDEX one_time_links_invitations ON one_time_links (email, letter_id) WHERE purpose = 'invitation' AND used_at IS NULL;
