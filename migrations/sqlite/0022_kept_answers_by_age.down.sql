DROP INDEX kept_answers_by_age;
