//! Where settings come from, which source wins, and what is said about those that cannot be used.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use roster_http::settings::{HttpSettings, SettingFlags, Settings, StoreSettings};

fn resolve(flags: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Settings, String> {
    let flags = SettingFlags::new(flags.iter().copied());
    let variables: BTreeMap<OsString, OsString> = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)))
        .collect();
    Settings::resolve(&flags, &variables).map_err(|error| error.to_string())
}

fn refused(flags: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
    resolve(flags, variables)
        .map(|settings| settings.effective.to_string())
        .expect_err("these settings are wrong")
}

/// What is said about a file with this text, with the path cut to the file's name.
fn refused_file(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.toml");
    fs::write(&path, text).unwrap();
    let message = refused(&[("config", path.to_str().unwrap())], &[]);
    message.replace(path.to_str().unwrap(), "roster.toml")
}

#[test]
fn nothing_set_is_the_embedded_mode_on_loopback() {
    let settings = resolve(&[], &[]).unwrap();
    assert_eq!(
        settings.http.listen,
        SocketAddr::from(([127, 0, 0, 1], 8080))
    );
    assert_eq!(
        settings.metrics_listen,
        Some(SocketAddr::from(([127, 0, 0, 1], 9464)))
    );
    assert_eq!(settings.http.request_deadline, Duration::from_secs(2));
    assert_eq!(settings.http.max_body, 65_536);
    assert_eq!(settings.cache.value_ttl, Duration::from_hours(1));
    let StoreSettings::Embedded(store) = &settings.store else {
        panic!("not embedded");
    };
    assert_eq!(store.data_dir.to_str(), Some("roster-data"));
    insta::assert_snapshot!(settings.effective.to_string());
}

#[test]
fn the_defaults_in_code_are_those_of_the_table() {
    let settings = resolve(&[("listen", "127.0.0.1:0")], &[]).unwrap();
    assert_eq!(HttpSettings::default(), settings.http);
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.toml");
    fs::write(
        &path,
        "listen = '127.0.0.1:1'\nmetrics_listen = 'off'\n\n[http]\nrequest_deadline = '3s'\nmax_connections = 7\n",
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let settings = resolve(
        &[("config", path), ("listen", "127.0.0.1:3")],
        &[
            ("ROSTER_LISTEN", "127.0.0.1:2"),
            ("ROSTER_HTTP_REQUEST_DEADLINE", "4s"),
        ],
    )
    .unwrap();
    assert_eq!(settings.http.listen.port(), 3);
    assert_eq!(settings.http.request_deadline, Duration::from_secs(4));
    assert_eq!(settings.http.max_connections, 7);
    assert_eq!(settings.metrics_listen, None);
    let shown = settings.effective.to_string().replace(path, "roster.toml");
    for line in [
        r#"listen = "127.0.0.1:3"                           # --listen"#,
        r#"http.request_deadline = "4s"                     # ROSTER_HTTP_REQUEST_DEADLINE"#,
        "http.max_connections = 7                         # roster.toml:6",
        r#"metrics_listen = "off"                           # roster.toml:2"#,
    ] {
        assert!(
            shown.lines().any(|found| found == line),
            "no {line} in\n{shown}"
        );
    }
}

#[test]
fn the_file_may_be_named_by_a_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.toml");
    fs::write(&path, "listen = '[::1]:1'").unwrap();
    let settings = resolve(&[], &[("ROSTER_CONFIG", path.to_str().unwrap())]).unwrap();
    assert_eq!(settings.http.listen, "[::1]:1".parse().unwrap());
}

#[test]
fn what_config_prints_is_a_settings_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.toml");
    let variables = [
        ("ROSTER_DATABASE_URL", "postgres://ada@db/roster"),
        ("REDIS_URL", "redis://cache"),
    ];
    let before = resolve(&[("listen", "127.0.0.1:7")], &variables).unwrap();
    fs::write(&path, before.effective.to_string()).unwrap();
    let after = resolve(&[("config", path.to_str().unwrap())], &[]).unwrap();
    assert_eq!(after.http, before.http);
    assert_eq!(after.store, before.store);
    assert_eq!(after.access, before.access);
    assert_eq!(after.cache, before.cache);
    assert_eq!(after.log, before.log);
}

#[test]
fn an_own_variable_comes_before_the_one_that_programs_share() {
    let shared = ("DATABASE_URL", "mysql://root@db/shop");
    let settings = resolve(
        &[],
        &[shared, ("ROSTER_DATABASE_URL", "postgresql://db/roster")],
    )
    .unwrap();
    let StoreSettings::Distributed(store) = &settings.store else {
        panic!("not distributed");
    };
    assert_eq!(store.database.url.expose(), "postgresql://db/roster");
    assert!(store.redis.is_none());
    let settings = resolve(&[], &[shared, ("ROSTER_DATABASE_URL", "none")]).unwrap();
    assert!(matches!(settings.store, StoreSettings::Embedded(_)));
    let settings = resolve(
        &[],
        &[("DATABASE_URL", ""), ("REDIS_URL", ""), ("RUST_LOG", "")],
    )
    .unwrap();
    assert!(matches!(settings.store, StoreSettings::Embedded(_)));
}

#[test]
fn variables_of_the_tools_are_not_settings() {
    resolve(
        &[],
        &[
            ("ROSTER_TEST_THREADS", "1"),
            ("ROSTER_POSTGRES_BIN", "x"),
            ("ROSTER_SQLITE_X", "y"),
        ],
    )
    .unwrap();
}

#[test]
fn no_message_and_no_listing_repeats_a_password() {
    let url = "postgres://ada:hunter2@db/roster";
    let settings = resolve(
        &[],
        &[
            ("DATABASE_URL", url),
            ("REDIS_URL", "redis://:hunter2@cache"),
        ],
    )
    .unwrap();
    assert!(!settings.effective.to_string().contains("hunter2"));
    assert!(!format!("{settings:?}").contains("hunter2"));
    for wrong in [
        "hunter2",
        "mysql://ada:hunter2@db",
        "postgres://ada:hunter2@[db",
    ] {
        for variable in [
            "ROSTER_DATABASE_URL",
            "DATABASE_URL",
            "ROSTER_REDIS_URL",
            "REDIS_URL",
        ] {
            let message = refused(&[], &[(variable, wrong)]);
            assert!(message.starts_with(variable), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}

#[test]
fn an_address_that_others_reach_needs_authentication() {
    insta::assert_snapshot!(refused(&[("listen", "0.0.0.0:8080"), ("auth", "off")], &[]));
    for address in [
        "0.0.0.0:8080",
        "[::]:1",
        "192.168.1.1:80",
        "[2001:db8::1]:80",
    ] {
        resolve(&[("listen", address), ("metrics-listen", address)], &[]).unwrap();
        let message = refused(&[("listen", address)], &[("ROSTER_AUTH", "off")]);
        assert!(message.starts_with("ROSTER_AUTH is \"off\""), "{message}");
        assert!(message.contains(address), "{message}");
    }
    for address in ["127.0.0.1:0", "127.8.8.8:80", "[::1]:80", "localhost:80"] {
        resolve(&[("listen", address), ("auth", "off")], &[]).unwrap();
    }
}

#[test]
fn the_own_key_is_there_unless_issuers_are() {
    let key = |flags: &[(&str, &str)]| {
        let settings = resolve(flags, &[]).unwrap();
        settings
            .access
            .local_key
            .map(|path| path.display().to_string())
    };
    let issuers = (
        "auth-issuers",
        r#"[{"issuer":"i","audience":"a","jwks":"k.json","algorithms":["RS256"]}]"#,
    );
    assert_eq!(key(&[]).as_deref(), Some("roster-data/token-key.pem"));
    assert_eq!(
        key(&[("data-dir", "d")]).as_deref(),
        Some("d/token-key.pem")
    );
    assert_eq!(key(&[issuers]), None);
    assert_eq!(
        key(&[issuers, ("auth-local-key", "k.pem")]).as_deref(),
        Some("k.pem")
    );
    assert_eq!(key(&[("auth-local-key", "none"), ("auth", "off")]), None);
    let message = refused(&[("auth-local-key", "none")], &[]);
    assert!(
        message.starts_with("--auth-local-key is \"none\""),
        "{message}"
    );
}

#[test]
fn issuers_are_tables_of_the_file_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.toml");
    fs::write(
        &path,
        "[[auth.issuers]]\nissuer = 'https://id.example'\naudience = ['roster', 'users']\n\
         jwks = 'https://id.example/jwks.json'\nca = '/etc/ca.pem'\n\
         algorithms = ['RS256', 'EdDSA']\n\n\
         [[auth.issuers]]\nissuer = 'jobs'\naudience = 'roster'\njwks = 'jobs.json'\n\
         algorithms = ['ES256']\nsubjects = 'services'\n",
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let settings = resolve(&[("config", path)], &[]).unwrap();
    insta::assert_debug_snapshot!(settings.access);
    // What `roster config` prints is taken from a file and from a variable alike.
    let json = settings.effective.to_string();
    let line = json
        .lines()
        .find_map(|line| line.strip_prefix("auth.issuers = "))
        .unwrap();
    let (text, _) = line.rsplit_once(" # ").unwrap();
    let table: toml::Table = format!("json = {text}").parse().unwrap();
    let text = table["json"].as_str().unwrap();
    let again = resolve(&[], &[("ROSTER_AUTH_ISSUERS", text)]).unwrap();
    assert_eq!(again.access.issuers, settings.access.issuers);
}

#[test]
fn issuers_that_cannot_be_used_are_named() {
    let issuer = |changes: &str| {
        let rest = r#""audience":"a","jwks":"k.json","algorithms":["RS256"]"#;
        format!(r#"[{{"issuer":"i",{changes}}}]"#).replace("REST", rest)
    };
    let messages = [
        "issuers".to_owned(),
        "{}".to_owned(),
        issuer("\"audience\":\"a\""),
        issuer("REST,\"secret\":\"s\""),
        issuer(r#""audience":[],"jwks":"k.json","algorithms":["RS256"]"#),
        issuer(r#""audience":"a","jwks":"k.json","algorithms":[]"#),
        issuer(r#""audience":"a","jwks":"k.json","algorithms":["HS256"]"#),
        issuer(r#""audience":"a","jwks":"k.json","algorithms":["none"]"#),
        issuer(r#""audience":"a","jwks":"http://id.example/jwks","algorithms":["RS256"]"#),
        issuer(r#""audience":"a","jwks":"ftp://id.example/jwks","algorithms":["RS256"]"#),
        issuer("REST,\"ca\":\"ca.pem\""),
        issuer("REST,\"ca\":\"ca.pem\"").replace("k.json", "http://localhost/jwks"),
        issuer("REST,\"subjects\":\"robots\""),
        issuer("REST},{\"issuer\":\"i\",REST"),
        issuer("REST").replace("\"i\"", "\"roster\""),
    ]
    .map(|text| refused(&[], &[("ROSTER_AUTH_ISSUERS", &text)]));
    insta::assert_snapshot!(messages.join("\n"));
    let text = issuer("REST").replace("k.json", "http://127.0.0.1:1/jwks");
    resolve(&[], &[("ROSTER_AUTH_ISSUERS", &text)]).unwrap();
}

#[test]
fn a_shared_cache_needs_the_shared_database() {
    insta::assert_snapshot!(refused(&[], &[("REDIS_URL", "redis://cache")]));
    let url = ("ROSTER_DATABASE_URL", "postgres://db/roster");
    resolve(&[], &[("REDIS_URL", "redis://cache"), url]).unwrap();
    resolve(&[("redis-url", "none")], &[("REDIS_URL", "redis://cache")]).unwrap();
}

#[test]
fn what_the_cache_protocol_counts_on_can_be_set_and_not_be_set_wrong() {
    let stores = [
        ("DATABASE_URL", "postgres://db/roster"),
        ("REDIS_URL", "redis://cache"),
    ];
    let with = |more: &[(&'static str, &'static str)]| resolve(&[], &[&stores, more].concat());
    let settings = with(&[
        ("ROSTER_REDIS_RELAY_TIMEOUT", "400ms"),
        ("ROSTER_CACHE_TOMBSTONE_TTL", "1m"),
        ("ROSTER_CACHE_LEASE_TTL", "3s"),
        ("ROSTER_CACHE_LEASE_WAIT", "80ms"),
        ("ROSTER_CACHE_AUDIT", "false"),
    ])
    .unwrap();
    let StoreSettings::Distributed(store) = &settings.store else {
        panic!("not distributed");
    };
    let redis = store.redis.as_ref().unwrap();
    assert_eq!(redis.relay_timeout, Duration::from_millis(400));
    assert_eq!(redis.tombstone_ttl, Duration::from_mins(1));
    assert_eq!(settings.cache.lease_ttl, Duration::from_secs(3));
    assert_eq!(settings.cache.lease_wait, Duration::from_millis(80));
    assert!(!settings.cache.audit && with(&[]).unwrap().cache.audit);

    let shortest = 2 * roster_adapters_postgres::LONGEST_TRANSACTION;
    let retention = |seconds: u64| {
        let text = format!("{seconds}s");
        resolve(&[("cache-change-log-retention", text.as_str())], &stores)
    };
    let kept = retention(shortest.as_secs()).unwrap();
    assert_eq!(kept.cache.change_log_retention, shortest);
    let short = retention(shortest.as_secs() - 1).map(drop).unwrap_err();
    assert!(short.contains("from 100s"), "{short}");

    let slow = ("ROSTER_DATABASE_STATEMENT_TIMEOUT", "2s");
    let refusal = with(&[slow]).map(drop).unwrap_err();
    assert!(refusal.contains("cache.lease_ttl"), "{refusal}");
    with(&[slow, ("ROSTER_CACHE_LEASE_TTL", "2001ms")]).unwrap();
    // Nothing is leased there.
    resolve(&[], &[stores[0], slow]).unwrap();
}

#[test]
fn every_kind_says_what_it_takes() {
    let wrong = [
        "ROSTER_LISTEN",
        "ROSTER_METRICS_LISTEN",
        "ROSTER_DATABASE_URL",
        "ROSTER_REDIS_URL",
        "ROSTER_REDIS_KEY_PREFIX",
        "ROSTER_DATABASE_MAX_CONNECTIONS",
        "ROSTER_HTTP_REQUEST_DEADLINE",
        "ROSTER_HTTP_MAX_BODY",
        "ROSTER_HTTP_ALLOWED_HOSTS",
        "ROSTER_AUTH",
        "ROSTER_LOG",
        "ROSTER_LOG_FORMAT",
    ]
    .map(|name| (name, "two words"));
    let empty = [("ROSTER_DATA_DIR", ""), ("ROSTER_AUTH_LOCAL_KEY", "")];
    insta::assert_snapshot!(refused(&[], &[wrong.as_slice(), &empty].concat()));
}

#[test]
fn a_database_of_another_program_is_named() {
    insta::assert_snapshot!(refused(
        &[],
        &[("DATABASE_URL", "mysql://root:secret@db/shop")]
    ));
}

#[test]
fn an_unknown_variable_is_named() {
    insta::assert_snapshot!(refused(
        &[],
        &[("ROSTER_LISTN", "x"), ("ROSTER_FROBNICATE", "x")]
    ));
}

#[test]
fn a_wrong_line_of_the_file_is_named() {
    insta::assert_snapshot!(refused_file(
        "listen = '127.0.0.1'\nmetrics_listn = 'off'\n\n[http]\nrequest_deadline = 5\nmax_body = 1.5\n\n\
         [database]\nurl = 'mysql://root:secret@db/shop'\nmax_connections = true\n\n[cash]\nvalue_ttl = '1h'\n"
    ));
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    insta::assert_snapshot!(refused_file(
        "listen = '127.0.0.1:1'\nmetrics_listen 'off'\n"
    ));
    insta::assert_snapshot!(refused_file(
        "listen = '127.0.0.1:1'\nlisten = '127.0.0.1:2'\n"
    ));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let message = refused(&[("config", "/nowhere/roster.toml")], &[]);
    assert!(
        message.starts_with("/nowhere/roster.toml: the settings file cannot be read: "),
        "{message}"
    );
}
