CREATE INDEX kept_answers_by_age ON kept_answers (kept_at);
