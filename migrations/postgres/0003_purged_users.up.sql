-- What stays of an erased user: an id that ever existed is never given out again.
CREATE TABLE purged_users (
    id      uuid   NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT purged_users_pkey PRIMARY KEY (id)
);
