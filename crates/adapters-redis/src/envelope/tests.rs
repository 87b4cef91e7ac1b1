use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const OURS: CacheNamespace = CacheNamespace {
    database: 0x0d0d_0d0d_0d0d_0d0d_0d0d_0d0d_0d0d_0d0d,
    epoch: 0x0e0e_0e0e_0e0e_0e0e_0e0e_0e0e_0e0e_0e0e,
};
const ID: UserId = UserId::new(Uuid::from_u128(0x0190_c2a8_7d3e_7c5b_9f1e_3a2b_1c0d_9e8f));

/// Bytes as they were stored once, for ever: a test that fails here is a format that changed
/// without its schema number.
macro_rules! frozen {
    ($name:literal) => {
        unhex(include_str!(concat!("../../tests/frozen/", $name, ".hex")))
    };
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn number(number: u64) -> UserVersion {
    UserVersion::new(number)
}

fn full_user() -> User {
    User {
        id: ID,
        email: "Zoe@Example.com".parse().unwrap(),
        name: "Zoë \"Z\" 語".parse().unwrap(),
        is_active: true,
        locale: Some("pt-BR".parse().unwrap()),
        avatar_url: Some("https://img.example/z.png".parse().unwrap()),
        metadata: r#"{"n":12345678901234567890.10e400,"plan":"pro"}"#.parse().unwrap(),
        version: number((1 << 53) + 1),
        created_at: Timestamp::from_unix_micros(1_700_000_000_123_456).unwrap(),
        updated_at: Timestamp::from_unix_micros(1_700_000_001_000_000).unwrap(),
    }
}

fn bare_user() -> User {
    User {
        is_active: false,
        locale: None,
        avatar_url: None,
        metadata: roster_domain::JsonObject::empty(),
        version: number(1),
        ..full_user()
    }
}

fn soft_expiry() -> Timestamp {
    Timestamp::from_unix_micros(1_700_003_600_000_000).unwrap()
}

fn as_value(user: User) -> Stored {
    Stored::Value {
        user: Arc::new(user),
        expires_at: soft_expiry(),
    }
}

fn fault(bytes: &[u8]) -> Option<PayloadFault> {
    match read(bytes, OURS, ID) {
        Stored::Unusable { fault, .. } => Some(fault),
        _ => None,
    }
}

fn with_payload(schema: u16, payload: &str) -> Vec<u8> {
    let version = number(5);
    framed_value(
        schema,
        OURS,
        (ID, version),
        soft_expiry(),
        payload.as_bytes(),
    )
}

#[test]
fn what_is_written_is_frozen() {
    assert_eq!(
        value(OURS, &full_user(), soft_expiry()),
        frozen!("value-full")
    );
    assert_eq!(
        value(OURS, &bare_user(), soft_expiry()),
        frozen!("value-bare")
    );
    assert_eq!(absence(OURS, ID, number(u64::MAX)), frozen!("absence"));
}

#[test]
fn what_was_written_is_read() {
    let read = |bytes: Vec<u8>| read(&bytes, OURS, ID);
    assert_eq!(read(frozen!("value-full")), as_value(full_user()));
    assert_eq!(read(frozen!("value-bare")), as_value(bare_user()));
    let floor = number(u64::MAX);
    assert_eq!(read(frozen!("absence")), Stored::Absent { floor });
    let floor = number(9);
    assert_eq!(read(frozen!("tombstone")), Stored::Tombstone { floor });
    assert_eq!(read(frozen!("lease")), Stored::Leased { floor });
}

#[test]
fn a_newer_schema_is_left_alone_unless_it_is_somebody_elses() {
    let newer = frozen!("value-schema-2");
    let version = number(5);
    assert_eq!(read(&newer, OURS, ID), Stored::Newer { version });
    let cleared = CacheNamespace { epoch: 1, ..OURS };
    assert!(matches!(
        read(&newer, cleared, ID),
        Stored::Unusable {
            fault: PayloadFault::OtherEpoch,
            ..
        }
    ));
}

#[test]
fn an_older_schema_than_the_oldest_is_passed_over_with_its_version() {
    let bytes = with_payload(OLDEST_SCHEMA - 1, "{}");
    let expected = Stored::Unusable {
        floor: number(5),
        fault: PayloadFault::OlderSchema,
    };
    assert_eq!(read(&bytes, OURS, ID), expected);
}

#[test]
fn a_member_more_or_an_optional_one_less_is_still_read() {
    let bytes = with_payload(
        SCHEMA,
        r#"{"nickname":{"a":[1]},"email":"a@example.com","name":"A","active":true,"metadata":{},"created":0,"updated":0}"#,
    );
    let Stored::Value { user, .. } = read(&bytes, OURS, ID) else {
        panic!("it is readable")
    };
    assert_eq!((user.name.as_str(), &user.locale), ("A", &None));
}

#[test]
fn a_payload_that_is_no_user_is_passed_over_with_its_version() {
    for payload in [
        "",
        "{}",
        "null",
        "\u{0}",
        r#"{"email":"nobody","name":"A","active":true,"metadata":{},"created":0,"updated":0}"#,
        r#"{"email":"a@example.com","name":"\n","active":true,"metadata":{},"created":0,"updated":0}"#,
        r#"{"email":"a@example.com","name":"A","active":1,"metadata":{},"created":0,"updated":0}"#,
        r#"{"email":"a@example.com","name":"A","active":true,"metadata":[],"created":0,"updated":0}"#,
        r#"{"email":"a@example.com","name":"A","active":true,"metadata":{},"created":9e99,"updated":0}"#,
        r#"{"email":"a@example.com","name":"A","active":true,"metadata":{},"created":9223372036854775807,"updated":0}"#,
        r#"{"email":"a@example.com","name":"A","active":true,"locale":"-","metadata":{},"created":0,"updated":0}"#,
    ] {
        let expected = Stored::Unusable {
            floor: number(5),
            fault: PayloadFault::Unreadable,
        };
        let bytes = with_payload(SCHEMA, payload);
        assert_eq!(read(&bytes, OURS, ID), expected, "{payload}");
    }
}

#[test]
fn what_belongs_to_others_is_never_served() {
    let value = value(OURS, &full_user(), soft_expiry());
    let absence = absence(OURS, ID, number(1));
    for bytes in [value, absence] {
        let read_as = |namespace, id| match read(&bytes, namespace, id) {
            Stored::Unusable { fault, floor } => (fault, floor),
            other => panic!("{other:?}"),
        };
        let none = UserVersion::NONE;
        let database = CacheNamespace {
            database: 1,
            ..OURS
        };
        let epoch = CacheNamespace { epoch: 1, ..OURS };
        let other = UserId::new(Uuid::from_u128(1));
        assert_eq!(read_as(database, ID), (PayloadFault::OtherDatabase, none));
        assert_eq!(read_as(epoch, ID), (PayloadFault::OtherEpoch, none));
        assert_eq!(read_as(OURS, other), (PayloadFault::OtherEntity, none));
    }
}

#[test]
fn cut_at_any_octet_it_is_torn() {
    for whole in [
        frozen!("value-full"),
        frozen!("value-bare"),
        frozen!("value-schema-2"),
        frozen!("absence"),
        frozen!("tombstone"),
        frozen!("lease"),
    ] {
        for length in 1..whole.len() {
            let cut = &whole[..length];
            assert_eq!(
                fault(cut),
                Some(PayloadFault::Torn),
                "{length} of {whole:?}"
            );
        }
        let longer = [&whole[..], b"\0"].concat();
        assert_eq!(fault(&longer), Some(PayloadFault::Torn), "{whole:?}");
    }
    assert_eq!(fault(b""), Some(PayloadFault::Foreign));
}

#[test]
fn one_flipped_bit_anywhere_is_never_served() {
    for whole in [
        frozen!("value-full"),
        frozen!("value-schema-2"),
        frozen!("absence"),
    ] {
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let fault = fault(&bytes);
            let passed_over = matches!(fault, Some(PayloadFault::Torn | PayloadFault::Foreign));
            assert!(passed_over, "bit {bit}: {fault:?}");
        }
    }
}

#[test]
fn the_order_of_numbers_is_the_order_of_their_texts() {
    let mut last = [0; 16];
    for edge in [
        0,
        1,
        9,
        10,
        15,
        16,
        (1 << 53) - 1,
        1 << 53,
        (1 << 53) + 1,
        u64::MAX,
    ] {
        let text = hex(number(edge));
        assert_eq!(std::str::from_utf8(&text), Ok(&*format!("{edge:016x}")));
        assert_eq!(parse_hex(&text), Some(number(edge)));
        assert!(edge == 0 || last < text, "{edge}");
        last = text;
    }
    for wrong in [
        "",
        "0",
        "000000000000000A",
        "00000000000000000",
        "+000000000000001",
    ] {
        assert_eq!(parse_hex(wrong.as_bytes()), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic_and_nothing_is_made_up(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let stored = read(&bytes, OURS, ID);
        let made_up = matches!(stored, Stored::Value { .. } | Stored::Absent { .. });
        prop_assert!(!made_up);
    }

    #[test]
    fn any_damage_to_a_value_is_found(
        at in any::<proptest::sample::Index>(),
        damage in proptest::collection::vec(any::<u8>(), 1..5),
    ) {
        let whole = frozen!("value-full");
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        let end = (at + damage.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&damage[..end - at]);
        // A burst of at most 32 bits is what the checksum finds for certain.
        prop_assume!(bytes != whole);
        prop_assert!(fault(&bytes).is_some());
    }

    #[test]
    fn any_user_comes_back_as_it_was(
        name in "[^\\p{C}]{1,50}",
        version in any::<u64>(),
        active in any::<bool>(),
        text in any::<String>(),
        created in 0_i64..1 << 50,
    ) {
        let name = name.parse();
        prop_assume!(name.is_ok());
        let metadata = serde_json::json!({ "text": text.replace('\0', "") }).to_string();
        let user = User {
            name: name.unwrap(),
            metadata: metadata.parse().unwrap(),
            is_active: active,
            version: number(version),
            created_at: Timestamp::from_unix_micros(created).unwrap(),
            ..full_user()
        };
        let bytes = value(OURS, &user, soft_expiry());
        prop_assert_eq!(read(&bytes, OURS, ID), as_value(user));
    }
}

#[test]
fn fuzzed_stored_octets() {
    let corpus =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/stored-octets");
    let words: &[&[u8]] = &[b"V0000000000000001", b"N", b"T", b"L", b"ffffffffffffffff"];
    roster_fuzz::run(&corpus, words, |octets| {
        // As they came, and with the length and checksum that only their writer would know.
        let as_it_is = read(octets, OURS, ID);
        let repaired = read(&repaired(octets), OURS, ID);
        for stored in [&as_it_is, &repaired] {
            if let Stored::Value { user, expires_at } = stored {
                let again = read(&value(OURS, user, *expires_at), OURS, ID);
                assert_eq!(&again, stored);
                assert_eq!(user.id, ID);
            }
        }
        assert_eq!(floor(octets, OURS, ID), floor(octets, OURS, ID));
        let shape = |stored: &Stored| match stored {
            Stored::Unusable { fault, .. } => format!("{fault:?}"),
            Stored::Value { user, .. } => {
                format!("value {:?}", user.metadata.as_str().len().ilog2())
            }
            other => format!("{:?}", std::mem::discriminant(other)),
        };
        (
            shape(&as_it_is),
            shape(&repaired),
            octets.len().min(VALUE_HEAD),
        )
    });
}

/// The octets of a value with what their frame must say of the rest.
fn repaired(octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    if octets.len() < VALUE_HEAD || octets[0] != b'V' {
        return octets;
    }
    let payload = octets.split_off(VALUE_HEAD);
    octets.truncate(VALUE_CRC - 4);
    octets.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
    let crc = checksum(&octets, &payload);
    octets.extend_from_slice(&crc.to_be_bytes());
    octets.extend_from_slice(&payload);
    octets
}
