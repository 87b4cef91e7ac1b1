//! Tokens that nobody issued, or not for this: none of them opens anything.

use std::sync::Arc;

use jsonwebtoken::Algorithm as Signing;
use roster_app::Scope;
use roster_domain::ports::Clock;
use roster_http::authentication::{Authentication, Issuers, LocalKey};
use serde_json::{Value, json};

use crate::forge::{ISSUER, RSA_PUBLIC, Signer, Site, changed, encoded, jwk, token};
use crate::support::{Api, Call, NOBODY, Parts, get};
use crate::tokens::Mint;

const RSA: Signer<'_> = Signer::Rsa(Signing::RS256);

/// A service that trusts a site and its own key, with one user.
struct World {
    api: Api,
    site: Site,
    mint: Mint,
    id: String,
    header: Value,
    claims: Value,
}

impl World {
    async fn new() -> Self {
        let mut parts = Parts::new();
        let clock: Arc<dyn Clock> = Arc::clone(&parts.clock) as _;
        let (site, mint) = (Site::new(), Mint::of(&parts));
        let issuers = vec![site.issuer(Arc::clone(&clock)), mint.issuer()];
        parts = mint.guard(parts);
        // All from one address, and each of them to be looked at.
        parts.settings.quotas.refused = None;
        parts.authentication = Authentication::required(Issuers::new(issuers, Arc::clone(&clock)));
        let api = parts.build();
        let id = api.create(1).await["id"].as_str().unwrap().to_owned();
        let now = clock.now().unix_micros() / 1_000_000;
        Self {
            header: json!({ "alg": "RS256", "kid": "rsa", "typ": "JWT" }),
            claims: json!({ "iss": ISSUER, "aud": "roster", "sub": id, "iat": now, "exp": now + 600 }),
            api,
            site,
            mint,
            id,
        }
    }

    /// The right token but for these members.
    fn but(&self, header: &Value, claims: &Value) -> String {
        self.signed(header, claims, RSA)
    }

    fn signed(&self, header: &Value, claims: &Value, signer: Signer<'_>) -> String {
        let (header, claims) = (changed(&self.header, header), changed(&self.claims, claims));
        token(&header, &claims, signer)
    }

    /// The same claims under a header of its own.
    fn under(&self, header: &Value, signer: Signer<'_>) -> String {
        token(&header.to_string(), &self.claims.to_string(), signer)
    }

    fn call(&self) -> Call {
        get(&format!("/v1/users/{}", self.id))
    }

    fn now(&self) -> i64 {
        self.claims["iat"].as_i64().unwrap()
    }

    fn forged(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, token: String| all.push((name.to_owned(), token));
        self.by_algorithm(&mut add);
        self.by_key(&mut add);
        self.by_signer(&mut add);
        self.by_header(&mut add);
        self.by_claim(&mut add);
        self.by_form(&mut add);
        self.by_encoding(&mut add);
        all
    }

    /// Unsigned, or signed in a way that is not the issuer's.
    fn by_algorithm(&self, add: &mut impl FnMut(&str, String)) {
        let none = json!({});
        let plain = self.but(&none, &none);
        let parts: Vec<&str> = plain.split('.').collect();
        for alg in ["none", "None", "NONE", "nOnE"] {
            let header = json!({ "alg": alg, "typ": "JWT" });
            add(
                &format!("alg {alg} unsigned"),
                self.under(&header, Signer::Nobody("")),
            );
            add(
                &format!("alg {alg} signed"),
                self.under(&header, Signer::Nobody(parts[2])),
            );
            add(
                &format!("alg {alg} really signed"),
                self.under(&header, RSA),
            );
        }
        for alg in [
            json!(""),
            json!(7),
            json!(["RS256"]),
            json!("rs256"),
            json!("RS256 "),
        ] {
            add(
                &format!("alg {alg}"),
                self.but(&json!({ "alg": alg }), &none),
            );
        }
        add("no alg", self.but(&json!({ "alg": null }), &none));

        // The public key as a secret, in each form that a careless library would take it in.
        let modulus = jwk(RSA, &none)["n"].as_str().unwrap().to_owned();
        for (form, secret) in [
            ("PEM", RSA_PUBLIC),
            ("PEM without its end", RSA_PUBLIC.trim_end()),
            ("modulus", &modulus),
            ("JWKS", &self.site.jwks),
            ("nothing", ""),
        ] {
            for (alg, signing) in [
                ("HS256", Signing::HS256),
                ("HS384", Signing::HS384),
                ("HS512", Signing::HS512),
            ] {
                let header = json!({ "alg": alg, "kid": "rsa", "typ": "JWT" });
                let signer = Signer::Secret(signing, secret.as_bytes());
                add(
                    &format!("{alg} by the public key as {form}"),
                    self.under(&header, signer),
                );
            }
        }
    }

    /// Led to another key.
    fn by_key(&self, add: &mut impl FnMut(&str, String)) {
        let none = json!({});
        // Keys that the token brings along.
        let own = jwk(Signer::StrangersEd25519, &json!({ "kid": "ed" }));
        for (name, value) in [
            ("jwk", own.clone()),
            ("jku", json!("https://evil.example/jwks.json")),
            ("x5u", json!("https://evil.example/cert.pem")),
            ("x5c", json!(["MIIB"])),
        ] {
            let more = json!({ "alg": "EdDSA", "kid": "ed", name: value });
            add(
                &format!("{name} of a stranger"),
                self.signed(&more, &none, Signer::StrangersEd25519),
            );
            add(
                &format!("{name} beside the right key"),
                self.but(&json!({ name: value }), &none),
            );
        }

        for kid in [
            "",
            "nobody",
            "../../../dev/null",
            "rsa' OR '1'='1",
            "ed",
            "rsa\u{0}",
            "RSA",
            "rsa ",
            "http://evil.example/key",
        ] {
            add(
                &format!("kid {kid:?}"),
                self.but(&json!({ "kid": kid }), &none),
            );
        }
        add("kid that is no text", self.but(&json!({ "kid": 1 }), &none));
    }

    /// Signed by somebody, but not by whom it says.
    fn by_signer(&self, add: &mut impl FnMut(&str, String)) {
        let none = json!({});
        let claims = self.claims.to_string();
        add(
            "a stranger's RSA key",
            self.signed(&none, &none, Signer::StrangersRsa),
        );
        let ed = json!({ "alg": "EdDSA", "kid": "ed" });
        add(
            "a stranger's Ed25519 key",
            self.signed(&ed, &none, Signer::StrangersEd25519),
        );
        add(
            "RS256 signed by Ed25519",
            self.signed(&none, &none, Signer::Ed25519),
        );
        add("EdDSA signed by RSA", self.signed(&ed, &none, RSA));
        add(
            "ES256, which the issuer may not",
            self.signed(&json!({ "alg": "ES256", "kid": "ec" }), &none, Signer::P256),
        );
        add(
            "RS512, which the issuer may not",
            self.signed(
                &json!({ "alg": "RS512" }),
                &none,
                Signer::Rsa(Signing::RS512),
            ),
        );
        add(
            "PS256, which the issuer may not",
            self.signed(
                &json!({ "alg": "PS256" }),
                &none,
                Signer::Rsa(Signing::PS256),
            ),
        );
        add(
            "RS512 called RS256",
            self.signed(&none, &none, Signer::Rsa(Signing::RS512)),
        );
        let local = self.mint.token(&self.id, &[Scope::UsersRead]);
        let local: Vec<&str> = local.split('.').collect();
        add(
            "claims of one issuer signed by the other",
            format!("{}.{}.{}", local[0], encoded(&claims), local[2]),
        );
        add(
            "the service's own name signed by an issuer",
            self.but(&none, &json!({ "iss": LocalKey::ISSUER })),
        );
    }

    /// Of another kind.
    fn by_header(&self, add: &mut impl FnMut(&str, String)) {
        let none = json!({});
        for typ in [
            json!("logout+jwt"),
            json!("dpop+jwt"),
            json!("id+jwt"),
            json!("secevent+jwt"),
            json!(""),
            json!(1),
        ] {
            add(
                &format!("typ {typ}"),
                self.but(&json!({ "typ": typ }), &none),
            );
        }
        for (name, value) in [
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
            ("enc", json!("A128GCM")),
            ("cty", json!("JWT")),
        ] {
            add(
                &format!("{name} {value}"),
                self.but(&json!({ name: value }), &none),
            );
        }
    }

    /// For another time, place or person.
    fn by_claim(&self, add: &mut impl FnMut(&str, String)) {
        let none = json!({});
        let now = self.now();
        for (name, value) in [
            ("iss", json!("https://evil.example")),
            ("iss", json!("https://id.example/")),
            ("iss", json!("HTTPS://ID.EXAMPLE")),
            ("iss", json!([ISSUER])),
            ("aud", json!("other")),
            ("aud", json!([])),
            ("aud", json!(["other", "roster2"])),
            ("aud", json!("roster ")),
            ("aud", json!({ "roster": true })),
            ("exp", json!(now - 61)),
            ("exp", json!(0)),
            ("exp", json!(-1)),
            ("exp", json!((now + 600).to_string())),
            ("exp", json!(1e300)),
            ("exp", json!(true)),
            ("nbf", json!(now + 62)),
            ("nbf", json!("now")),
            ("iat", json!(now + 62)),
            ("sub", json!("")),
            ("sub", json!("ada")),
            ("sub", json!(NOBODY)),
            ("sub", json!(17)),
            ("sub", json!([self.id])),
            ("sub", json!(format!("{} ", self.id))),
        ] {
            add(
                &format!("{name} {value}"),
                self.but(&none, &json!({ name: value })),
            );
        }
        for name in ["iss", "aud", "exp", "sub"] {
            add(
                &format!("no {name}"),
                self.but(&none, &json!({ name: null })),
            );
        }
    }

    /// Not in the one form that a token has.
    fn by_form(&self, add: &mut impl FnMut(&str, String)) {
        let none = json!({});
        let plain = self.but(&none, &none);
        let parts: Vec<&str> = plain.split('.').collect();
        for (name, text) in [
            ("nothing", String::new()),
            ("two dots", "..".to_owned()),
            ("no signature", format!("{}.{}", parts[0], parts[1])),
            ("an empty signature", format!("{}.{}.", parts[0], parts[1])),
            ("no header", format!(".{}.{}", parts[1], parts[2])),
            ("four parts", format!("{plain}.{}", parts[2])),
            ("five parts", format!("{plain}.{}.{}", parts[1], parts[2])),
            (
                "parts in another order",
                format!("{}.{}.{}", parts[1], parts[0], parts[2]),
            ),
            (
                "a signature that is cut",
                plain[..plain.len() - 1].to_owned(),
            ),
            ("a longer signature", format!("{plain}A")),
            ("padding", format!("{plain}==")),
            (
                "JSON serialisation",
                json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] })
                    .to_string(),
            ),
            ("a space in front", format!(" {plain}")),
            ("a space within", plain.replacen('.', ". ", 1)),
            ("a tab within", plain.replacen('.', "\t.", 1)),
            ("another token behind", format!("{plain} {plain}")),
            ("a comma behind", format!("{plain},")),
            ("quotes", format!("\"{plain}\"")),
            ("a text that is no token", "letmein".to_owned()),
        ] {
            add(name, text);
        }
    }

    /// With claims and headers that can be read in more than one way, or not at all.
    fn by_encoding(&self, add: &mut impl FnMut(&str, String)) {
        let none = json!({});
        let claims = self.claims.to_string();
        let header = self.header.to_string();
        let twice = |json: &str, member: &str| format!("{},{member}}}", &json[..json.len() - 1]);
        for member in [
            "\"exp\":9999999999",
            "\"aud\":\"roster\"",
            "\"sub\":\"x\"",
            "\"iss\":\"x\"",
        ] {
            add(
                &format!("claim {member} twice"),
                token(&header, &twice(&claims, member), RSA),
            );
        }
        for member in ["\"alg\":\"RS256\"", "\"kid\":\"rsa\"", "\"alg\":\"none\""] {
            add(
                &format!("header {member} twice"),
                token(&twice(&header, member), &claims, RSA),
            );
        }

        add("claims that are no JSON", token(&header, "not json", RSA));
        add(
            "claims in an array",
            token(&header, &format!("[{claims}]"), RSA),
        );
        add(
            "claims with something behind",
            token(&header, &format!("{claims}{{}}"), RSA),
        );
        add(
            "a header in an array",
            token(&format!("[{header}]"), &claims, RSA),
        );
        add(
            "a huge token",
            self.but(&none, &json!({ "x": "a".repeat(20_000) })),
        );
    }
}

#[tokio::test]
async fn no_forged_token_opens_anything() {
    let world = World::new().await;
    let forged = world.forged();
    assert!(forged.len() >= 100, "{}", forged.len());
    for (name, text) in &forged {
        let answer = world.api.send(world.call().token(text)).await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.text());
        assert_eq!(answer.problem(), "unauthenticated", "{name}");
        assert!(answer.header("www-authenticate").is_some(), "{name}");
    }
    // The same once more: what was refused is not remembered as good.
    for (name, text) in &forged {
        let answer = world.api.send(world.call().token(text)).await;
        assert_eq!(answer.status, 401, "{name} for the second time");
    }
}

/// What the forged ones differ from; without these the test above could not fail.
#[tokio::test]
async fn the_tokens_that_they_are_made_from_are_accepted() {
    let world = World::new().await;
    let none = json!({});
    let now = world.now();
    let ed = json!({ "alg": "EdDSA", "kid": "ed" });
    for (name, token) in [
        ("plain", world.but(&none, &none)),
        ("Ed25519", world.signed(&ed, &none, Signer::Ed25519)),
        ("no typ", world.but(&json!({ "typ": null }), &none)),
        (
            "an access token",
            world.but(&json!({ "typ": "at+jwt" }), &none),
        ),
        (
            "the only key that fits",
            world.but(&json!({ "kid": null }), &none),
        ),
        (
            "one of several audiences",
            world.but(&none, &json!({ "aud": ["other", "roster"] })),
        ),
        (
            "the last second of the leeway",
            world.but(&none, &json!({ "exp": now - 59 })),
        ),
        (
            "a clock a minute ahead",
            world.but(&none, &json!({ "nbf": now + 60, "iat": now + 60 })),
        ),
        (
            "a fraction",
            world.but(
                &none,
                &json!({ "exp": 1.5 + f64::from(u32::try_from(now).unwrap()) }),
            ),
        ),
        (
            "members that nobody knows",
            world.but(
                &json!({ "x5t": "AQID" }),
                &json!({ "jti": "1", "groups": ["a"] }),
            ),
        ),
        ("the service's own", world.mint.token(&world.id, &[])),
    ] {
        let answer = world.api.send(world.call().token(&token)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
    let token = world.but(&none, &none);
    let lower = world
        .call()
        .header("authorization", format!("bearer {token}"));
    assert_eq!(world.api.send(lower).await.status, 200);
}

#[tokio::test]
async fn no_flipped_bit_goes_unnoticed() {
    let world = World::new().await;
    let token = world.signed(
        &json!({ "alg": "EdDSA", "kid": "ed" }),
        &json!({}),
        Signer::Ed25519,
    );
    for place in 0..token.len() {
        for bit in 0..7 {
            let mut octets = token.clone().into_bytes();
            octets[place] ^= 1 << bit;
            // What cannot stand in a header never arrives.
            if !(0x20..0x7f).contains(&octets[place]) {
                continue;
            }
            let flipped = String::from_utf8(octets).unwrap();
            let answer = world.api.send(world.call().token(&flipped)).await;
            assert_eq!(answer.status, 401, "bit {bit} of octet {place}");
        }
    }
    assert_eq!(world.api.send(world.call().token(&token)).await.status, 200);
}

#[tokio::test]
async fn a_token_counts_in_one_header_and_nowhere_else() {
    let world = World::new().await;
    let token = world.but(&json!({}), &json!({}));
    let path = format!("/v1/users/{}", world.id);
    let bearer = format!("Bearer {token}");
    for (name, call) in [
        ("no header", world.call()),
        ("two headers", world.call().token(&token).token(&token)),
        (
            "a good and a bad one",
            world.call().token(&token).token("x"),
        ),
        ("a query", get(&format!("{path}?access_token={token}"))),
        (
            "a cookie",
            world
                .call()
                .header("cookie", format!("access_token={token}")),
        ),
        (
            "another header",
            world.call().header("x-authorization", &bearer),
        ),
        (
            "a proxy's header",
            world.call().header("proxy-authorization", &bearer),
        ),
        ("no scheme", world.call().header("authorization", &token)),
        (
            "another scheme",
            world
                .call()
                .header("authorization", format!("Basic {token}")),
        ),
        (
            "DPoP",
            world
                .call()
                .header("authorization", format!("DPoP {token}")),
        ),
        (
            "two spaces",
            world
                .call()
                .header("authorization", format!("Bearer  {token}")),
        ),
        (
            "a header that is no text",
            world.call().header("authorization", b"Bearer \xff"),
        ),
    ] {
        let answer = world.api.send(call).await;
        assert_eq!(answer.problem(), "unauthenticated", "{name}");
    }
}

#[tokio::test]
async fn what_is_refused_is_counted_by_its_reason_and_shown_to_nobody() {
    let world = World::new().await;
    for (_, text) in world.forged() {
        world.api.send(world.call().token(&text)).await;
    }
    let shown = world.api.metrics.render();
    for reason in [
        "malformed",
        "header",
        "algorithm",
        "issuer",
        "key",
        "signature",
        "audience",
        "expired",
        "time",
        "subject",
        "revoked",
    ] {
        let line = format!("roster_tokens_refused_total{{reason=\"{reason}\"}} ");
        let count = shown.lines().find_map(|found| found.strip_prefix(&line));
        assert!(
            count.is_some_and(|count| count != "0"),
            "{reason}: {count:?}"
        );
    }
    // All but those that are over get one and the same answer.
    let one = world.api.send(world.call().token("letmein")).await.json();
    let other = world.signed(&json!({}), &json!({}), Signer::StrangersRsa);
    let other = world.api.send(world.call().token(&other)).await.json();
    assert_eq!(one["detail"], other["detail"]);
}
