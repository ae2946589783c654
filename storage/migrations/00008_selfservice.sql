-- To find the account of an e-mail address. The release before does not mind.
CREATE INDEX users_email ON users (lower(email)) WHERE email <> '';
