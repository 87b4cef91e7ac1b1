-- The change log. applied_to names the incarnation of the shared cache that acknowledged the
-- invalidation; NULL while none has.
CREATE TABLE user_changes (
    user_id    uuid        NOT NULL,
    version    bigint      NOT NULL,
    changed_at timestamptz NOT NULL,
    applied_to text,
    CONSTRAINT user_changes_pkey PRIMARY KEY (user_id, version)
);
