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
        let names = self.0.as_ref()?;
        let is_known = |host: &str| {
            let name = without_port(host);
            names.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
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
