CREATE TABLE activities (
    user_id     uuid        NOT NULL,
    id          uuid        NOT NULL,
    kind        text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    data        text        NOT NULL,
    CONSTRAINT activities_pkey PRIMARY KEY (user_id, id)
);
