use roster_domain::UserId;
use uuid::Uuid;

use super::*;
use crate::access::{Scopes, Subject};

const ME: UserId = UserId::new(Uuid::from_u128(1));
const OTHER: UserId = UserId::new(Uuid::from_u128(2));

/// Every action on `id`, and who may do it: the user itself, then the scopes in their order.
fn table(id: UserId) -> Vec<(Action, &'static str)> {
    // s: self, r: users:read, w: users:write, a: users:admin, f: feeds:write, o: ops
    vec![
        (Action::ListUsers, "ra"),
        (Action::SearchUsers, "a"),
        (Action::ReadUsers, "ra"),
        (Action::ReadUser(id), "sra"),
        (Action::ReadFeeds(id), "sra"),
        (Action::CreateUser, "wa"),
        (Action::CreateUserAs, "a"),
        (Action::ChangeUser(id, UserChange::Presentation), "swa"),
        (Action::ChangeUser(id, UserChange::Record), "wa"),
        (Action::ChangeUser(id, UserChange::Activation), "a"),
        (Action::DeleteUser, "wa"),
        (Action::RestoreUser, "wa"),
        (Action::PurgeUser, "a"),
        (Action::MarkNotifications(id), "sf"),
        (Action::WriteFeeds, "f"),
        (Action::ExportUsers, "a"),
        (Action::ImportUsers, "a"),
        (Action::InspectService, "o"),
        (Action::ClearCaches, "o"),
    ]
}

fn service(scopes: Scopes) -> Principal {
    Principal::new("issuer", "batch", Subject::Service, scopes)
}

fn user(scopes: Scopes) -> Principal {
    Principal::new("issuer", &ME.to_string(), Subject::User(ME), scopes)
}

#[test]
fn each_scope_opens_its_own_actions_and_no_other() {
    let letters = ['r', 'w', 'a', 'f', 'o'];
    for (scope, letter) in Scope::ALL.into_iter().zip(letters) {
        for (action, allowed) in table(ME) {
            let with = service(Scopes::from_iter([scope]));
            assert_eq!(
                with.may(action).is_ok(),
                allowed.contains(letter),
                "{scope} {action:?}"
            );
        }
    }
}

#[test]
fn a_user_without_scopes_has_itself_and_nobody_else() {
    let me = user(Scopes::NONE);
    for (action, allowed) in table(ME) {
        assert_eq!(me.may(action).is_ok(), allowed.contains('s'), "{action:?}");
    }
    for (action, _) in table(OTHER) {
        assert!(me.may(action).is_err(), "{action:?}");
    }
}

#[test]
fn a_service_without_scopes_has_nothing_even_if_it_is_called_like_a_user() {
    let named = Principal::new("issuer", &ME.to_string(), Subject::Service, Scopes::NONE);
    for (action, _) in table(ME) {
        assert!(named.may(action).is_err(), "{action:?}");
    }
}

#[test]
fn a_refusal_names_the_least_scope() {
    let refused = |action| user(Scopes::NONE).may(action).unwrap_err().needs;
    assert_eq!(refused(Action::ListUsers), Scope::UsersRead);
    assert_eq!(refused(Action::PurgeUser), Scope::UsersAdmin);
    assert_eq!(refused(Action::ReadUser(OTHER)), Scope::UsersRead);
}

#[test]
fn what_is_missing_in_the_table_of_the_test_is_missing_everywhere() {
    // A new action does not compile here until somebody has looked at the table above.
    let count = |action| match action {
        Action::ListUsers
        | Action::SearchUsers
        | Action::ReadUsers
        | Action::ReadUser(_)
        | Action::ReadFeeds(_)
        | Action::CreateUser
        | Action::CreateUserAs
        | Action::DeleteUser
        | Action::RestoreUser
        | Action::PurgeUser
        | Action::MarkNotifications(_)
        | Action::WriteFeeds
        | Action::ExportUsers
        | Action::ImportUsers
        | Action::InspectService
        | Action::ClearCaches => 1,
        Action::ChangeUser(_, change) => match change {
            UserChange::Presentation | UserChange::Record | UserChange::Activation => 1,
        },
    };
    assert_eq!(
        table(ME)
            .into_iter()
            .map(|(action, _)| count(action))
            .sum::<usize>(),
        19
    );
    let reads = table(ME).into_iter().filter(|(action, _)| action.is_read());
    assert_eq!(reads.count(), 7);
}
