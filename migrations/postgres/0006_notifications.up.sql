CREATE TABLE notifications (
    user_id     uuid        NOT NULL,
    id          uuid        NOT NULL,
    kind        text        NOT NULL,
    title       text        NOT NULL,
    body        text,
    data        text        NOT NULL,
    created_at  timestamptz NOT NULL,
    read_at     timestamptz,
    archived_at timestamptz,
    CONSTRAINT notifications_pkey PRIMARY KEY (user_id, id)
);
