use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use roster_domain::ports::{Task, TaskSpawner};

use super::flights::Stage;

/// A load that its caller runs himself, until he has his answer or goes away; then it goes on in a
/// task of its own.
///
/// So a load that nobody else waits for costs no task and wakes no thread: its caller's is the one
/// that the stores wake.
pub(super) struct Driven {
    load: Option<Task>,
    stage: Arc<Stage>,
    tasks: Arc<dyn TaskSpawner>,
}

impl Driven {
    pub(super) fn new(load: Task, stage: Arc<Stage>, tasks: Arc<dyn TaskSpawner>) -> Self {
        stage.set_driven(true);
        Self {
            load: Some(load),
            stage,
            tasks,
        }
    }

    /// Runs it until there is an answer; `None` when it ended without one, or went into a line,
    /// from where others take it. While it runs nobody else makes the answer: who waits here is
    /// woken by what the load waits for, and by nothing else.
    pub(super) async fn until<T>(
        mut self,
        answer: impl Fn() -> Option<T> + Send + Sync,
    ) -> Option<T> {
        poll_fn(|context| {
            let polled = match &mut self.load {
                Some(load) => load.as_mut().poll(context),
                None => Poll::Ready(()),
            };
            if polled.is_ready() {
                self.load = None;
            }
            match answer() {
                None if polled.is_pending() => Poll::Pending,
                answer => Poll::Ready(answer),
            }
        })
        .await
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.stage.set_driven(false);
        if let Some(load) = self.load.take() {
            self.tasks.spawn(load);
        }
    }
}

#[cfg(all(test, not(feature = "explored")))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::task::{Context, Waker};

    use super::*;

    /// Keeps what it is given.
    #[derive(Default)]
    struct Kept(Mutex<Vec<Task>>);

    impl Kept {
        fn tasks(&self) -> MutexGuard<'_, Vec<Task>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl TaskSpawner for Kept {
        fn spawn(&self, task: Task) {
            self.tasks().push(task);
        }
    }

    struct World {
        kept: Arc<Kept>,
        stage: Arc<Stage>,
        has_answer: Arc<AtomicBool>,
    }

    /// A load that answers, hands over, and ends.
    fn load(stage: &Arc<Stage>, has_answer: &Arc<AtomicBool>) -> Task {
        let (stage, has_answer) = (Arc::clone(stage), Arc::clone(has_answer));
        Box::pin(async move {
            has_answer.store(true, Ordering::SeqCst);
            stage.hand_over().await;
        })
    }

    fn world(load: impl FnOnce(&Arc<Stage>, &Arc<AtomicBool>) -> Task) -> (World, Driven) {
        let (kept, stage) = (Arc::new(Kept::default()), Arc::new(Stage::new()));
        let has_answer = Arc::default();
        let load = load(&stage, &has_answer);
        let tasks = Arc::clone(&kept) as Arc<dyn TaskSpawner>;
        let driven = Driven::new(load, Arc::clone(&stage), tasks);
        let world = World {
            kept,
            stage,
            has_answer,
        };
        (world, driven)
    }

    impl World {
        fn poll_once(&self, driven: Driven) -> Poll<Option<()>> {
            let answer = || self.has_answer.load(Ordering::SeqCst).then_some(());
            let mut until = Box::pin(driven.until(answer));
            until.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        }

        /// What goes on by itself, and whether it comes to its end.
        fn rest(&self) -> Option<bool> {
            let mut rest = self.kept.tasks().pop()?;
            let polled = rest.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            Some(polled.is_ready())
        }
    }

    #[test]
    fn what_comes_after_the_answer_goes_on_by_itself() {
        let (world, driven) = world(load);
        assert_eq!(world.poll_once(driven), Poll::Ready(Some(())));
        assert_eq!(world.rest(), Some(true));
        assert_eq!(world.rest(), None);
    }

    #[test]
    fn a_load_whose_caller_goes_away_hands_nothing_over() {
        let (world, driven) = world(load);
        drop(driven);
        assert_eq!(world.rest(), Some(true));
        assert!(world.has_answer.load(Ordering::SeqCst));
    }

    #[test]
    fn a_load_that_waits_is_left_to_a_task_by_who_goes_away() {
        let (world, driven) = world(|_, _| Box::pin(std::future::pending()));
        assert_eq!(world.poll_once(driven), Poll::Pending);
        assert_eq!(world.rest(), Some(false));
    }

    #[test]
    fn one_that_ends_without_an_answer_is_over() {
        let (world, driven) = world(|_, _| Box::pin(std::future::ready(())));
        assert_eq!(world.poll_once(driven), Poll::Ready(None));
        assert_eq!(world.rest(), None);
    }

    #[test]
    fn only_what_is_driven_hands_over() {
        let (world, driven) = world(load);
        let hand_over = || {
            let mut hand_over = Box::pin(world.stage.hand_over());
            let context = &mut Context::from_waker(Waker::noop());
            hand_over.as_mut().poll(context)
        };
        assert_eq!(hand_over(), Poll::Pending);
        drop(driven);
        assert_eq!(hand_over(), Poll::Ready(()));
    }
}
