-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS kept_answers_by_age
    ON kept_answers (kept_at);
