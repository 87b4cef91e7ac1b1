-- The answers of writes that were made under a key of their caller, for those who ask again.
-- slot is a digest of caller and key, request one of all that decides the answer. answer is
-- NULL only inside of the transaction that makes it.
CREATE TABLE kept_answers (
    slot    bytea       NOT NULL,
    request bytea       NOT NULL,
    user_id uuid        NOT NULL,
    version bigint,
    answer  bytea,
    kept_at timestamptz NOT NULL,
    CONSTRAINT kept_answers_pkey PRIMARY KEY (slot)
);
