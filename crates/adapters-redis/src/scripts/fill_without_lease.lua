-- KEYS[1]; ARGV: token, envelope, milliseconds to keep it. Answers 1: whatever was read is stored.
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
