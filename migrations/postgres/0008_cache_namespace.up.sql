-- One row: whose values a shared cache holds, and of which epoch.
CREATE TABLE cache_namespace (
    singleton boolean NOT NULL,
    database  uuid    NOT NULL,
    epoch     uuid    NOT NULL,
    CONSTRAINT cache_namespace_pkey PRIMARY KEY (singleton),
    CONSTRAINT cache_namespace_one_row CHECK (singleton)
);
