use roster_domain::UserId;

use super::{Principal, Scope};

/// Something that a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Walk the list of users.
    ListUsers,
    /// Find users by the beginning of a name or an address.
    SearchUsers,
    /// Read any users, by id or by address.
    ReadUsers,
    /// Read this user.
    ReadUser(UserId),
    /// Read this user's dashboard, counters, notifications and activity.
    ReadFeeds(UserId),
    /// Store a new user under an id that the service makes.
    CreateUser,
    /// Store a new user under an id that the caller names.
    CreateUserAs,
    /// Change this user.
    ChangeUser(UserId, UserChange),
    /// Delete a user so that it can be restored.
    DeleteUser,
    /// Take a deletion back.
    RestoreUser,
    /// Erase a user for good.
    PurgeUser,
    /// Mark this user's notifications as read or archived.
    MarkNotifications(UserId),
    /// Send a user notifications, or append what a user did.
    WriteFeeds,
    /// Take all users out, as a stream.
    ExportUsers,
    /// Bring users in, as a stream.
    ImportUsers,
    /// See the caches, and where the time of a request went.
    InspectService,
    /// Take users out of the caches.
    ClearCaches,
}

/// How far a change of a user reaches: the farthest of its members counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserChange {
    /// Name, locale and picture: how the user wants to be shown.
    Presentation,
    /// Address and metadata: what the deployment knows the user by.
    Record,
    /// Whether the user may act.
    Activation,
}

/// The caller may not do it, whether what it names is there or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the caller lacks the scope {needs}")]
pub struct Forbidden {
    /// The least scope that allows it.
    pub needs: Scope,
}

impl Action {
    /// The user whose own token is enough.
    const fn own(self) -> Option<UserId> {
        match self {
            Self::ReadUser(id)
            | Self::ReadFeeds(id)
            | Self::MarkNotifications(id)
            | Self::ChangeUser(id, UserChange::Presentation) => Some(id),
            _ => None,
        }
    }

    /// The least scope that allows it for any user.
    const fn needs(self) -> Scope {
        match self {
            Self::ListUsers | Self::ReadUsers | Self::ReadUser(_) | Self::ReadFeeds(_) => {
                Scope::UsersRead
            }
            Self::CreateUser
            | Self::ChangeUser(_, UserChange::Presentation | UserChange::Record)
            | Self::DeleteUser
            | Self::RestoreUser => Scope::UsersWrite,
            Self::SearchUsers
            | Self::CreateUserAs
            | Self::ChangeUser(_, UserChange::Activation)
            | Self::PurgeUser
            | Self::ExportUsers
            | Self::ImportUsers => Scope::UsersAdmin,
            Self::MarkNotifications(_) | Self::WriteFeeds => Scope::FeedsWrite,
            Self::InspectService | Self::ClearCaches => Scope::Ops,
        }
    }

    /// Whether it changes nothing.
    pub const fn is_read(self) -> bool {
        matches!(
            self,
            Self::ListUsers
                | Self::SearchUsers
                | Self::ReadUsers
                | Self::ReadUser(_)
                | Self::ReadFeeds(_)
                | Self::ExportUsers
                | Self::InspectService
        )
    }
}

impl Principal {
    /// Whether the policy lets it do this. It is asked before anything is looked up, so that
    /// the answer shows nothing of what is there.
    pub fn may(&self, action: Action) -> Result<(), Forbidden> {
        let needs = action.needs();
        let own = action.own();
        let is_own = own.is_some() && own == self.user();
        if is_own || self.scopes().has(needs) || self.administers(needs) {
            Ok(())
        } else {
            Err(Forbidden { needs })
        }
    }

    /// Whoever administers users reads and writes them too.
    fn administers(&self, needs: Scope) -> bool {
        matches!(needs, Scope::UsersRead | Scope::UsersWrite)
            && self.scopes().has(Scope::UsersAdmin)
    }
}

#[cfg(test)]
mod tests;
