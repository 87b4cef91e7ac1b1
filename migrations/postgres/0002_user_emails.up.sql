-- The claim that makes an address unique, in the form that is compared. Deleting a user keeps
-- it, so that restoring never conflicts; purging removes it.
CREATE TABLE user_emails (
    email   text NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT user_emails_pkey PRIMARY KEY (email)
);
