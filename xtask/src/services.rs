//! PostgreSQL and Redis for the tests: given, found, or installed.

use std::env;
use std::process::Command;

use roster_test_services::{
    PostgresOptions, PostgresServer, SERVER_URL_VARIABLE, find_faketime, find_postgres, find_redis,
};

use crate::command::{can_start, is_there, run as run_command};
use crate::failure::{Failure, Outcome};

/// How a package manager calls what we need.
struct PackageManager {
    program: &'static str,
    /// Run first, to learn what there is.
    refresh: &'static [&'static str],
    install: &'static [&'static str],
    postgres: &'static [&'static str],
    redis: &'static [&'static str],
    faketime: &'static [&'static str],
    /// The load generator, and the benchmarks of the stores.
    load: &'static [&'static str],
    /// Whether it has to be run by root.
    as_root: bool,
}

const PACKAGE_MANAGERS: [PackageManager; 5] = [
    PackageManager {
        program: "apt-get",
        refresh: &["update"],
        install: &["install", "--yes", "--no-install-recommends"],
        postgres: &["postgresql", "postgresql-contrib"],
        redis: &["redis-server"],
        faketime: &["libfaketime"],
        load: &["wrk", "redis-tools", "postgresql-contrib"],
        as_root: true,
    },
    PackageManager {
        program: "dnf",
        refresh: &["makecache"],
        install: &["install", "--assumeyes"],
        postgres: &["postgresql-server", "postgresql-contrib"],
        redis: &["/usr/bin/redis-server"],
        faketime: &["libfaketime"],
        load: &["wrk", "redis"],
        as_root: true,
    },
    PackageManager {
        program: "apk",
        refresh: &["update"],
        install: &["add"],
        postgres: &["postgresql", "postgresql-contrib"],
        redis: &["redis"],
        faketime: &["libfaketime"],
        load: &["wrk", "redis", "postgresql-contrib"],
        as_root: true,
    },
    PackageManager {
        program: "pacman",
        refresh: &["-Sy"],
        install: &["-S", "--noconfirm", "--needed"],
        postgres: &["postgresql"],
        redis: &["valkey"],
        faketime: &["libfaketime"],
        load: &["wrk", "valkey", "postgresql"],
        as_root: true,
    },
    PackageManager {
        program: "brew",
        refresh: &["update"],
        install: &["install"],
        postgres: &["postgresql@17"],
        redis: &["redis"],
        faketime: &[],
        load: &["wrk"],
        as_root: false,
    },
];

/// What the tests run against; private servers end when this is dropped.
pub(crate) struct Services {
    private: Option<PostgresServer>,
    /// Whether every test finds what it needs, also those that break a server of their own.
    pub(crate) complete: bool,
}

impl Services {
    /// The server URL to hand to the tests, when it is not in our environment anyway.
    pub(crate) fn postgres_url(&self) -> Option<String> {
        self.private.as_ref().map(|server| server.url("postgres"))
    }
}

/// Finds PostgreSQL and Redis, installs what is missing where that is possible, and starts what the tests share.
pub(crate) fn for_tests() -> Outcome<Services> {
    let given = env::var_os(SERVER_URL_VARIABLE).is_some();
    if given {
        println!("services: PostgreSQL is the one of {SERVER_URL_VARIABLE}");
    }
    install_missing(!given)?;
    if cfg!(target_os = "linux") && find_faketime().is_err() {
        // Tests of wrong clocks alone need it, and skip themselves without it.
        if install("libfaketime", |manager| manager.faketime).is_err() {
            println!("services: no libfaketime to be had, so no clock is set wrong");
        }
    }
    let complete = find_postgres().is_ok() && find_redis().is_ok();
    println!(
        "services: Redis is {}; each test starts its own",
        find_redis()?.display()
    );
    let private = if given {
        None
    } else {
        Some(start_postgres(false)?)
    };
    Ok(Services { private, complete })
}

/// Installs Redis, and PostgreSQL where it is needed, unless they are here.
pub(crate) fn install_missing(postgres: bool) -> Outcome {
    if postgres && find_postgres().is_err() {
        install("PostgreSQL", |manager| manager.postgres)?;
    }
    if find_redis().is_err() {
        install("Redis", |manager| manager.redis)?;
    }
    Ok(())
}

/// Installs what a benchmark needs beside the servers, unless it is here.
pub(crate) fn install_for_bench() -> Outcome {
    install_missing(true)?;
    // Debian puts pgbench where the server is, and not on PATH.
    let beside_postgres = find_postgres()?.join("pgbench").is_file();
    // wrk knows no question that it ends with 0.
    let missing: Vec<_> = ["wrk", "redis-benchmark", "pgbench"]
        .into_iter()
        .filter(|program| !(can_start(program) || beside_postgres && *program == "pgbench"))
        .collect();
    if !missing.is_empty() {
        install(&missing.join(", "), |manager| manager.load)?;
    }
    Ok(())
}

/// A private PostgreSQL for many clients.
pub(crate) fn start_postgres(fsync: bool) -> Outcome<PostgresServer> {
    let settings = vec![("max_connections".to_owned(), "300".to_owned())];
    let server = PostgresServer::start(PostgresOptions {
        fsync,
        settings,
        ..PostgresOptions::default()
    })?;
    println!("services: private PostgreSQL at {}", server.url("postgres"));
    Ok(server)
}

fn install(what: &str, packages: impl Fn(&PackageManager) -> &'static [&'static str]) -> Outcome {
    let manager = PACKAGE_MANAGERS
        .iter()
        .find(|manager| is_there(manager.program, &["--version"]))
        .ok_or_else(|| three_ways(what, "no package manager that we know is here"))?;
    let root = is_root();
    let sudo = manager.as_root && !root;
    if sudo && !is_there("sudo", &["-n", "true"]) {
        return Err(three_ways(
            what,
            &format!(
                "{} needs root, and sudo asks for a password",
                manager.program
            ),
        ));
    }
    if !manager.as_root && root {
        return Err(three_ways(
            what,
            &format!("{} refuses to run as root", manager.program),
        ));
    }
    println!(
        "services: {what} is not installed; installing it with {}",
        manager.program
    );
    let command = |arguments: &[&str], packages: &[&str]| {
        let mut command = if sudo {
            Command::new("sudo")
        } else {
            Command::new(manager.program)
        };
        if sudo {
            command.args([
                "-n",
                "env",
                "DEBIAN_FRONTEND=noninteractive",
                manager.program,
            ]);
        }
        command
            .args(arguments)
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command.stdin(std::process::Stdio::null());
        run_command(&mut command)
    };
    let installed =
        command(manager.refresh, &[]).and_then(|()| command(manager.install, packages(manager)));
    installed.map_err(|failure| three_ways(what, &failure.to_string()))
}

fn three_ways(what: &str, why: &str) -> Failure {
    Failure::new(format!(
        "the tests need {what}, and it could not be installed: {why}\n\
         Any of these helps:\n\
         1. give the URL of a PostgreSQL server whose user is a superuser: {SERVER_URL_VARIABLE}=postgres://user@host/db\n   \
            (Redis cannot be given: its tests kill and freeze it, so each starts its own)\n\
         2. install PostgreSQL 15 or newer with its contrib modules, and redis-server or valkey-server 7 or newer;\n   \
            they are found on PATH and where packages put them, and need not run\n\
         3. run this command as root, or as one who may use sudo without a password: then it installs them itself"
    ))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
