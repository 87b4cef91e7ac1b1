use std::os::unix::fs::PermissionsExt as _;
use std::sync::Barrier;

use super::*;

const SECRET: [u8; 32] = [7; 32];

#[test]
fn a_file_is_made_once_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made").join("token-key.pem");
    let made = LocalKey::load_or_make(&path, SECRET).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let again = LocalKey::load_or_make(&path, [8; 32]).unwrap();
    assert_eq!(made.keys[0].kid, again.keys[0].kid);
    let beside = fs::read_dir(path.parent().unwrap()).unwrap();
    assert_eq!(beside.count(), 1, "nothing is left beside it");
}

#[test]
fn of_many_that_make_it_at_once_all_have_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token-key.pem");
    let together = Barrier::new(8);
    let kids: Vec<String> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..8)
            .map(|number| {
                let (path, together) = (path.clone(), &together);
                scope.spawn(move || {
                    together.wait();
                    LocalKey::load_or_make(&path, [number; 32])
                })
            })
            .collect();
        let made = handles.into_iter().map(|handle| handle.join().unwrap());
        made.map(|key| key.unwrap().keys[0].kid.clone()).collect()
    });
    assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token-key.pem");
    LocalKey::load_or_make(&path, SECRET).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = LocalKey::load(&path).err().unwrap();
        assert!(
            matches!(refused, LocalKeyError::Readable { mode: found, .. } if found == mode),
            "{refused}"
        );
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(LocalKey::load(&path).is_ok());
}

#[test]
fn what_holds_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token-key.pem");
    for text in ["", "no key", BEGIN, &format!("{BEGIN}\nAAAA\n{END}\n")] {
        let _ = fs::remove_file(&path);
        write_private(&path, text).unwrap();
        let refused = LocalKey::load_or_make(&path, SECRET).err().unwrap();
        assert!(matches!(refused, LocalKeyError::NotAKey { .. }), "{text}");
    }
}

#[test]
fn the_first_key_signs_and_all_verify() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token-key.pem");
    let old = LocalKey::load_or_make(&path, SECRET).unwrap();
    let before = fs::read_to_string(&path).unwrap();
    let other = folder.path().join("other.pem");
    let new = LocalKey::load_or_make(&other, [9; 32]).unwrap();
    fs::remove_file(&path).unwrap();
    write_private(&path, &(fs::read_to_string(&other).unwrap() + &before)).unwrap();
    let both = LocalKey::load(&path).unwrap();
    assert_eq!(both.keys[0].kid, new.keys[0].kid);
    assert_eq!(both.public_keys().len(), 2);
    assert_eq!(both.keys[1].kid, old.keys[0].kid);
}
