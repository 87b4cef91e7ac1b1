CREATE INDEX kept_answers_by_user ON kept_answers (user_id);
