-- PostgreSQL only. Who places the nodes of a channel, and until when; see proxy/service/sharing.
CREATE TABLE seat (
    channel TEXT PRIMARY KEY,
    -- Larger each time that somebody takes the seat: who has an older one may write nothing any more.
    term BIGINT NOT NULL,
    -- Drawn by the proxy server when it starts: it knows its own seat again when the answer was lost.
    holder BIGINT NOT NULL,
    -- HOST:PORT, for the nodes that turn to another proxy server.
    address TEXT,
    until TIMESTAMPTZ NOT NULL
);
-- The nodes of a channel, and from whom each receives.
CREATE TABLE placed_node (
    channel TEXT NOT NULL,
    -- The 64 bits of its number; 0 is the streaming server.
    node BIGINT NOT NULL,
    server BIGINT,
    owner TEXT NOT NULL,
    url TEXT,
    capacity BIGINT NOT NULL,
    -- Seconds since 1970.
    joined BIGINT NOT NULL,
    PRIMARY KEY (channel, node)
);
