use roster_adapters_memory::{ManualClock, SequentialIds, TokioSpawner};

use super::*;
use crate::caching::test_users::id;

fn turnstiles() -> (Turnstiles, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let runtime = Runtime {
        clock: Arc::clone(&clock) as _,
        ids: Arc::new(SequentialIds::default()),
        tasks: Arc::new(TokioSpawner),
    };
    (Turnstiles::new(runtime), clock)
}

#[tokio::test]
async fn one_after_the_other_passes_in_the_order_of_asking() {
    let (turnstiles, _) = turnstiles();
    let first = turnstiles.pass(&[id(1), id(2)]).await;
    let (two, three) = ([id(2), id(2), id(3)], [id(3), id(2)]);
    let mut second = Box::pin(turnstiles.pass(&two));
    let mut third = Box::pin(turnstiles.pass(&three));
    assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
    drop(turnstiles.pass(&[id(4)]).await);
    drop(first);
    let second = second.await;
    assert!(poll!(&mut third).is_pending());
    drop(second);
    drop(third.await);
    assert!(turnstiles.lock().is_empty(), "nothing is left of them");
}

#[tokio::test]
async fn a_read_that_hangs_holds_up_no_other_for_long() {
    let (turnstiles, clock) = turnstiles();
    let hanging = turnstiles.pass(&[id(2)]).await;
    let both = [id(1), id(2)];
    let mut waiting = Box::pin(turnstiles.pass(&both));
    assert!(poll!(&mut waiting).is_pending());
    clock.advance(Turnstiles::PATIENCE);
    drop(waiting.await);
    drop(turnstiles.pass(&[id(1)]).await);
    drop(hanging);
    drop(turnstiles.pass(&[id(2)]).await);
    assert!(turnstiles.lock().is_empty(), "nothing is left of them");
}
