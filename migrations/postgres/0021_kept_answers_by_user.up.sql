-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS kept_answers_by_user
    ON kept_answers (user_id);
