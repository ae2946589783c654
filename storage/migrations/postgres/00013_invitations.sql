-- Invitations that nobody has taken, in the order of their addresses' bytes. Letters of other kinds, links for other
-- purposes and those that were used stand in neither.
CREATE INDEX letters_invitations ON letters (recipient COLLATE "C", id COLLATE "C") WHERE kind = 'invitation';
CREATE INDEX one_time_links_invitations ON one_time_links (email COLLATE "C", letter_id COLLATE "C") WHERE purpose = 'invitation' AND used_at IS NULL;
