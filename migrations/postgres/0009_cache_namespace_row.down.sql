DELETE FROM cache_namespace;
