//! The example of `docs/adding-an-adapter.md`: it passes the suites, and the document shows it
//! as it is.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]
#![expect(
    clippy::unused_async,
    reason = "a fixture is made by an async function; other stores wait for theirs"
)]

mod files;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use files::{FileActivities, FileStats};
use roster_adapters_memory::{
    MemoryNotifications, MemoryStats, MemoryStore, MemoryUserSearch, MemoryUserTransfer,
    MemoryUserWrites, MemoryUsers,
};
use roster_domain::ports::{
    ActivityRepository, NotificationRepository, StatsRepository, UserRepository, UserSearch,
    UserTransfer, UserWrites,
};
use roster_port_contracts::StoreFixture;

struct Store {
    others: MemoryStore,
    activities: Arc<FileActivities>,
    _folder: tempfile::TempDir,
}

async fn store() -> Option<Store> {
    let folder = tempfile::tempdir().unwrap();
    let others = MemoryStore::new();
    let users = Arc::new(MemoryUsers::new(others.clone()));
    let activities = Arc::new(FileActivities::new(folder.path().to_owned(), users));
    Some(Store {
        others,
        activities,
        _folder: folder,
    })
}

impl StoreFixture for Store {
    fn users(&self) -> Arc<dyn UserRepository> {
        Arc::new(MemoryUsers::new(self.others.clone()))
    }

    fn transfer(&self) -> Arc<dyn UserTransfer> {
        Arc::new(MemoryUserTransfer::new(self.others.clone()))
    }

    fn writes(&self) -> Arc<dyn UserWrites> {
        Arc::new(MemoryUserWrites::new(self.others.clone()))
    }

    fn search(&self) -> Arc<dyn UserSearch> {
        Arc::new(MemoryUserSearch::new(self.others.clone()))
    }

    fn notifications(&self) -> Arc<dyn NotificationRepository> {
        Arc::new(MemoryNotifications::new(self.others.clone()))
    }

    fn activities(&self) -> Arc<dyn ActivityRepository> {
        Arc::<FileActivities>::clone(&self.activities)
    }

    fn stats(&self) -> Arc<dyn StatsRepository> {
        let inner = Arc::new(MemoryStats::new(self.others.clone()));
        Arc::new(FileStats::new(inner, Arc::clone(&self.activities)))
    }
}

roster_port_contracts::activity_repository!(store);
roster_port_contracts::stats_repository!(store);

#[test]
fn the_guide_shows_this_example_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = fs::read_to_string(root.join("docs/adding-an-adapter.md")).unwrap();
    let example = [include_str!("main.rs"), include_str!("files.rs")].concat();
    let mut blocks = 0;
    for block in guide.split("```rust\n").skip(1) {
        let (code, _) = block.split_once("```").unwrap();
        blocks += 1;
        assert!(example.contains(code), "not in the example:\n{code}");
    }
    assert!(blocks > 3, "the guide has lost its code");
}
