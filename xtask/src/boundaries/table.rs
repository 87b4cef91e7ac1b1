//! Who may depend on whom: the table of ARCHITECTURE.md, as the check reads it.

/// One crate's row. Names are those of packages.
pub(crate) struct Row {
    pub(crate) package: &'static str,
    /// The workspace's packages it may name under `[dependencies]`.
    pub(crate) may_name: &'static [&'static str],
    /// What it must not reach over any number of normal dependencies. `serde*` stands for all that begin so.
    pub(crate) never_reaches: &'static [&'static str],
}

const ADAPTERS_OF_POSTGRES: &[&str] = &[
    "roster-adapters-sqlite",
    "roster-adapters-redis",
    "roster-adapters-memory",
    "roster-app",
    "roster-http",
    "axum",
    "mockall",
    "sqlx-sqlite",
    "redis",
];
const ADAPTERS_OF_SQLITE: &[&str] = &[
    "roster-adapters-postgres",
    "roster-adapters-redis",
    "roster-adapters-memory",
    "roster-app",
    "roster-http",
    "axum",
    "mockall",
    "sqlx-postgres",
    "redis",
];
const ADAPTERS_OF_REDIS: &[&str] = &[
    "roster-adapters-postgres",
    "roster-adapters-sqlite",
    "roster-adapters-memory",
    "roster-app",
    "roster-http",
    "axum",
    "mockall",
    "sqlx*",
];
const ADAPTERS_OF_MEMORY: &[&str] = &[
    "roster-adapters-postgres",
    "roster-adapters-sqlite",
    "roster-adapters-redis",
    "roster-app",
    "roster-http",
    "axum",
    "mockall",
    "sqlx*",
    "redis",
];
/// What nobody ships.
const TEST_TOOLS: &[&str] = &[
    "mockall",
    "roster-acceptance",
    "roster-soak",
    "roster-port-contracts",
    "roster-test-services",
    "roster-load-bench",
    "roster-cache-model",
    "roster-fuzz",
    "roster-adapters-memory",
    "xtask",
];
const SHIPPED: &[&str] = &[
    "roster-domain",
    "roster-app",
    "roster-adapters-*",
    "roster-http",
];

pub(crate) const TABLE: &[Row] = &[
    Row {
        package: "roster-domain",
        may_name: &[],
        never_reaches: &[
            "tokio", "sqlx*", "redis", "axum", "hyper", "serde*", "mockall",
        ],
    },
    Row {
        package: "roster-app",
        may_name: &["roster-domain"],
        never_reaches: &["sqlx*", "redis", "axum", "hyper", "mockall"],
    },
    Row {
        package: "roster-adapters-postgres",
        may_name: &["roster-domain"],
        never_reaches: ADAPTERS_OF_POSTGRES,
    },
    Row {
        package: "roster-adapters-sqlite",
        may_name: &["roster-domain"],
        never_reaches: ADAPTERS_OF_SQLITE,
    },
    Row {
        package: "roster-adapters-redis",
        may_name: &["roster-domain"],
        never_reaches: ADAPTERS_OF_REDIS,
    },
    Row {
        package: "roster-adapters-memory",
        may_name: &["roster-domain"],
        never_reaches: ADAPTERS_OF_MEMORY,
    },
    Row {
        package: "roster-http",
        may_name: &[
            "roster-domain",
            "roster-app",
            "roster-adapters-postgres",
            "roster-adapters-sqlite",
            "roster-adapters-redis",
        ],
        never_reaches: TEST_TOOLS,
    },
    Row {
        package: "roster-port-contracts",
        may_name: &["roster-domain"],
        never_reaches: &["roster-adapters-*", "roster-app", "roster-http", "mockall"],
    },
    Row {
        package: "roster-test-services",
        may_name: &[],
        never_reaches: SHIPPED,
    },
    Row {
        package: "roster-load-bench",
        may_name: &["roster-soak", "roster-test-services"],
        never_reaches: SHIPPED,
    },
    Row {
        package: "roster-cache-model",
        may_name: &[],
        never_reaches: &["roster-*"],
    },
    Row {
        package: "roster-acceptance",
        may_name: &[
            "roster-test-services",
            "roster-port-contracts",
            "roster-load-bench",
        ],
        never_reaches: &["roster-app", "roster-adapters-*", "roster-http"],
    },
    Row {
        package: "roster-soak",
        may_name: &["roster-test-services"],
        never_reaches: SHIPPED,
    },
    Row {
        package: "roster-fuzz",
        may_name: &[],
        never_reaches: &["roster-*"],
    },
    Row {
        package: "xtask",
        may_name: &["roster-test-services"],
        never_reaches: &[
            "roster-domain",
            "roster-app",
            "roster-adapters-*",
            "roster-http",
            "roster-port-contracts",
            "roster-acceptance",
            "roster-soak",
        ],
    },
];
