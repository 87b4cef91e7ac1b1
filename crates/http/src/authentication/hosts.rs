use std::sync::Arc;

use http::{Request, header};

use crate::problem::Problem;
use crate::settings::HttpSettings;

/// The names that requests may call this service by.
///
/// A page from elsewhere can have its own name resolve to 127.0.0.1 and then ask a service on
/// the reader's machine as if it were its own (DNS rebinding). Its requests still carry its name.
#[derive(Clone)]
pub(crate) struct Hosts(Option<Arc<[String]>>);

impl Hosts {
    /// On a loopback address its names and those of the settings; elsewhere those of the
    /// settings, and any if there are none.
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        let mut names = settings.allowed_hosts.clone();
        if settings.listen.ip().is_loopback() {
            names.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
            names.push(match settings.listen {
                std::net::SocketAddr::V4(address) => address.ip().to_string(),
                std::net::SocketAddr::V6(address) => format!("[{}]", address.ip()),
            });
        }
        Self((!names.is_empty()).then(|| names.into()))
    }

    /// Why a request goes no further, from the name that it calls this service by. A request
    /// without a name is no browser's.
    pub(crate) fn refusal<B>(&self, request: &Request<B>) -> Option<Problem> {
        self.0.as_ref()?;
        let is_known = |host: &str| self.has(host);
        let lines = request.headers().get_all(header::HOST).iter();
        let lines = lines.map(|line| line.to_str().unwrap_or_default());
        let target = request.uri().authority().map(http::uri::Authority::as_str);
        if lines.chain(target).all(is_known) {
            return None;
        }
        Some(Problem::malformed(
            "The service is not known by the name in Host; the setting http.allowed_hosts adds names.",
        ))
    }
}

impl Hosts {
    /// Why a request of a page goes no further that does not come from this service, where nobody
    /// needs a token: a browser sends it without asking, and says whose page it is.
    pub(crate) fn refusal_of_pages<B>(&self, request: &Request<B>) -> Option<Problem> {
        let mut lines = request.headers().get_all(header::ORIGIN).iter();
        let is_ours = |line: &http::HeaderValue| {
            let origin = line.to_str().unwrap_or_default();
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some_and(|host| self.has(host))
        };
        if lines.all(is_ours) {
            return None;
        }
        Some(Problem::malformed(
            "The request comes from a page elsewhere, and nobody needs a token here.",
        ))
    }

    fn has(&self, host: &str) -> bool {
        let name = without_port(host);
        let mut names = self.0.iter().flat_map(|names| names.iter());
        names.any(|known| known.eq_ignore_ascii_case(name))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn is_refused(settings: &HttpSettings, hosts: &[&str]) -> bool {
        let mut request = Request::builder().uri("/livez");
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        Hosts::new(settings)
            .refusal(&request.body(Body::empty()).unwrap())
            .is_some()
    }

    #[test]
    fn a_loopback_address_is_called_by_its_own_names() {
        let settings = HttpSettings {
            allowed_hosts: vec!["roster.internal".to_owned()],
            ..HttpSettings::default()
        };
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:8080",
            "roster.internal:80",
        ] {
            assert!(!is_refused(&settings, &[host]), "{host}");
        }
        assert!(!is_refused(&settings, &[]));
        for hosts in [
            ["evil.example"].as_slice(),
            &["evil.example:8080"],
            &["localhost.evil.example"],
            &["127.0.0.1.evil.example"],
            &[""],
            &["localhost", "evil.example"],
        ] {
            assert!(is_refused(&settings, hosts), "{hosts:?}");
        }
    }

    #[test]
    fn a_page_elsewhere_asks_for_nothing_where_nobody_needs_a_token() {
        let hosts = Hosts::new(&HttpSettings::default());
        let is_refused = |origin: &str| {
            let request = Request::builder().header(header::ORIGIN, origin);
            let request = request.body(Body::empty()).unwrap();
            hosts.refusal_of_pages(&request).is_some()
        };
        for ours in [
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://[::1]",
        ] {
            assert!(!is_refused(ours), "{ours}");
        }
        for other in [
            "null",
            "",
            "http://evil.example",
            "https://localhost.evil.example",
        ] {
            assert!(is_refused(other), "{other}");
        }
        let without = Request::new(Body::empty());
        assert!(hosts.refusal_of_pages(&without).is_none());
    }

    #[test]
    fn elsewhere_any_name_will_do_unless_some_are_set() {
        let anywhere = HttpSettings {
            listen: ([0, 0, 0, 0], 8080).into(),
            ..HttpSettings::default()
        };
        assert!(!is_refused(&anywhere, &["api.example"]));
        let named = HttpSettings {
            allowed_hosts: vec!["api.example".to_owned()],
            ..anywhere
        };
        assert!(!is_refused(&named, &["api.example"]));
        assert!(is_refused(&named, &["evil.example"]));
        assert!(is_refused(&named, &["localhost"]));
    }
}
