//! The macros that callers name are in each port's module; these are what they share.

/// Turns a list of cases into tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (($port:ident, $fixture:path) $($theme:ident: $($case:ident),+ $(,)?;)+) => {
        mod $port {
            use super::*;

            $($(
                #[tokio::test]
                async fn $case() {
                    match $fixture().await {
                        Some(fixture) => $crate::$port::$theme::$case(&fixture).await,
                        None => $crate::skipped(concat!(
                            stringify!($port), "::", stringify!($case),
                        )),
                    }
                }
            )+)+
        }
    };
}

/// Turns a list of cases into a `Vec` of [`crate::Case`]s.
#[doc(hidden)]
#[macro_export]
macro_rules! __list {
    (($port:ident) $($theme:ident: $($case:ident),+ $(,)?;)+) => {
        vec![$($(
            $crate::Case {
                name: stringify!($case),
                run: |fixture| Box::pin($crate::$port::$theme::$case(fixture)),
            }
        ),+),+]
    };
}

/// Tests that a store keeps the contracts of all its repositories; see the crate's page.
#[macro_export]
macro_rules! store {
    ($fixture:path) => {
        $crate::user_repository!($fixture);
        $crate::user_transfer!($fixture);
        $crate::user_writes!($fixture);
        $crate::user_search!($fixture);
        $crate::notification_repository!($fixture);
        $crate::activity_repository!($fixture);
        $crate::stats_repository!($fixture);
    };
}
