-- Both SQLite and PostgreSQL read this.
CREATE TABLE account (
    name TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE shared_value (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
