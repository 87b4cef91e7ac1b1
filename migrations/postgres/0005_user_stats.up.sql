-- Exact counters, made with the user. Every write to a feed locks this row first.
CREATE TABLE user_stats (
    user_id          uuid   NOT NULL,
    notifications    bigint NOT NULL,
    unread           bigint NOT NULL,
    activities       bigint NOT NULL,
    last_activity_at timestamptz,
    CONSTRAINT user_stats_pkey PRIMARY KEY (user_id)
);
