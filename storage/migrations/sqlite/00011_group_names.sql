-- SQLite orders texts by their bytes already.
SELECT 1;
