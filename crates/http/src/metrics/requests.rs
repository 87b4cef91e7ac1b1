use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use http::{Method, StatusCode};
use metrics::{Counter, Histogram, Key, Label, Recorder as _};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::{METADATA, Metric};

/// Handles by route, method and status, each made when it is first counted. There are as many
/// as the router has patterns, so that they only ever grow to a fixed size.
#[derive(Default)]
pub(super) struct RequestMetrics {
    routes: RwLock<HashMap<Box<str>, Arc<RouteMetrics>>>,
}

/// What one route counts, by method.
#[derive(Default)]
struct RouteMetrics([OnceLock<Box<MethodMetrics>>; METHOD_COUNT + 1]);

/// What one method of a route counts.
struct MethodMetrics {
    duration: Histogram,
    by_status: [OnceLock<Counter>; STATUSES],
}

const METHOD_COUNT: usize = 7;
static METHODS: [Method; METHOD_COUNT] = [
    Method::GET,
    Method::POST,
    Method::PATCH,
    Method::DELETE,
    Method::HEAD,
    Method::PUT,
    Method::OPTIONS,
];
const OTHER: &str = "other";
const FIRST_STATUS: usize = 100;
const STATUSES: usize = 500;

impl RequestMetrics {
    pub(super) fn finished(
        &self,
        recorder: &PrometheusRecorder,
        route: &str,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        let of_route = self.route(route);
        let number = METHODS.iter().position(|known| known == method);
        let name = || {
            number
                .map_or(OTHER, |number| METHODS[number].as_str())
                .to_owned()
        };
        let Some(slot) = of_route.0.get(number.unwrap_or(METHOD_COUNT)) else {
            return;
        };
        let of_method = slot.get_or_init(|| {
            let labels = vec![
                Label::new("route", route.to_owned()),
                Label::new("method", name()),
            ];
            let key = Key::from_parts(Metric::HttpRequestDuration.name(), labels);
            Box::new(MethodMetrics {
                duration: recorder.register_histogram(&key, &METADATA),
                by_status: [const { OnceLock::new() }; STATUSES],
            })
        });
        of_method.duration.record(took);
        // Codes from 600 up are nobody's.
        let place = usize::from(status.as_u16())
            .wrapping_sub(FIRST_STATUS)
            .min(STATUSES - 1);
        let count = of_method.by_status[place].get_or_init(|| {
            let labels = vec![
                Label::new("route", route.to_owned()),
                Label::new("method", name()),
                Label::new("status", status.as_str().to_owned()),
            ];
            recorder.register_counter(
                &Key::from_parts(Metric::HttpRequests.name(), labels),
                &METADATA,
            )
        });
        count.increment(1);
    }

    fn route(&self, route: &str) -> Arc<RouteMetrics> {
        if let Some(known) = self
            .routes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(route)
        {
            return Arc::clone(known);
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(route.into()).or_default())
    }
}
