DROP TABLE cache_namespace;
