-- Names of groups in the order of their bytes, as those of users: lists go on after a name, and find a beginning.

ALTER TABLE user_groups ALTER COLUMN name TYPE TEXT COLLATE "C", ALTER COLUMN name_folded TYPE TEXT COLLATE "C";
