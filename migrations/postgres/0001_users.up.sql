-- metadata is canonical JSON as text: jsonb would reorder members and rewrite numbers.
CREATE TABLE users (
    id         uuid        NOT NULL,
    email      text        NOT NULL,
    name       text        NOT NULL,
    is_active  boolean     NOT NULL,
    locale     text,
    avatar_url text,
    metadata   text        NOT NULL,
    version    bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT users_pkey PRIMARY KEY (id)
);
