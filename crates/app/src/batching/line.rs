use std::collections::VecDeque;

use crate::sync::{Mutex, MutexGuard, PoisonError};

/// What goes out in batches: few at once, and what waits for the next.
///
/// Nothing waits for a timer. While a lane is free, whoever comes goes at once and alone; while
/// none is, all wait, and the next lane that is free takes them together. So an idle process is
/// as fast as without, and a busy one asks less often the busier it is. Half of the lanes are
/// there for those who come one by one and for batches that are full: the fewer batches are
/// under way, the larger they are.
pub(crate) struct Line<T> {
    lanes: usize,
    few: usize,
    /// The most that a batch weighs, unless a single one weighs more.
    most: usize,
    state: Mutex<State<T>>,
}

/// How much goes together, unless somebody says otherwise: more saves little, and a store that
/// has to fetch each row from a disk would be at it for long.
pub(crate) const MOST_IN_A_BATCH: usize = 64;

/// What stands in a line.
pub(crate) trait Waits {
    /// How much of a batch it takes.
    fn weight(&self) -> usize {
        1
    }

    /// Whether anybody still waits for it.
    fn is_wanted(&self) -> bool {
        true
    }
}

struct State<T> {
    busy: usize,
    /// The weight of what is on its way by the lanes that are busy.
    under_way: usize,
    waiting: VecDeque<T>,
}

/// What becomes of those who come.
pub(crate) enum Entry<T> {
    /// These batches go, each by a lane that it gives back with [`Line::next`].
    Go(Vec<Vec<T>>),
    /// They go with the next batch.
    Wait,
    /// Too many wait already.
    Full(Vec<T>),
}

/// What becomes of one who can go without standing in the line.
pub(crate) enum Turn<T> {
    /// It goes now, by a lane that it gives back with [`Line::next`].
    Now,
    /// It goes with a batch: this one, if it has become one, or the next.
    Later(Option<Vec<T>>),
    /// Too many wait already.
    Never,
}

impl<T: Waits> Line<T> {
    /// More would only wait for their deadlines.
    pub(crate) const MOST_WAITING: usize = 4_096;

    /// With so many lanes, and batches that weigh so much at the most; with 1, whoever comes goes at
    /// once and alone, and only the store limits how many do.
    pub(crate) fn new(lanes: usize, most: usize) -> Self {
        // Lanes are few so that batches are large.
        let lanes = if most > 1 { lanes.max(1) } else { usize::MAX };
        Self {
            lanes,
            few: lanes.div_ceil(2),
            most,
            state: Mutex::new(State {
                busy: 0,
                under_way: 0,
                waiting: VecDeque::new(),
            }),
        }
    }

    pub(crate) fn enter(&self, items: Vec<T>) -> Entry<T> {
        let mut state = self.lock();
        if state.waiting.len() + items.len() > Self::MOST_WAITING {
            return Entry::Full(items);
        }
        state.waiting.extend(items);
        // Those who come together may be more than one lane takes.
        let batches: Vec<_> = std::iter::from_fn(|| self.take(&mut state)).collect();
        if batches.is_empty() {
            Entry::Wait
        } else {
            Entry::Go(batches)
        }
    }

    /// Lets one of this weight go by itself, or puts what `item` makes of it into the line.
    pub(crate) fn turn(&self, weight: usize, item: impl FnOnce() -> T) -> Turn<T> {
        let mut state = self.lock();
        if state.waiting.is_empty() && self.is_free(&state, weight) {
            state.busy += 1;
            state.under_way += weight;
            return Turn::Now;
        }
        if state.waiting.len() >= Self::MOST_WAITING {
            return Turn::Never;
        }
        state.waiting.push_back(item());
        Turn::Later(self.take(&mut state))
    }

    /// The next batch for a lane by which this weight has gone; `None` when nobody waits, or who
    /// does goes by another lane.
    pub(crate) fn next(&self, gone: usize) -> Option<Vec<T>> {
        let mut state = self.lock();
        state.busy -= 1;
        state.under_way -= gone;
        self.take(&mut state)
    }

    fn take(&self, state: &mut State<T>) -> Option<Vec<T>> {
        state.waiting.retain(T::is_wanted);
        let (mut count, mut weight) = (0, 0);
        for item in &state.waiting {
            let more = weight + item.weight();
            // One that is too heavy for any batch goes alone.
            if more > self.most && count > 0 {
                break;
            }
            (count, weight) = (count + 1, more);
        }
        if count == 0 || !self.is_free(state, weight) {
            return None;
        }
        state.busy += 1;
        state.under_way += weight;
        Some(state.waiting.drain(..count).collect())
    }

    fn is_free(&self, state: &State<T>, weight: usize) -> bool {
        let are_alone = weight <= 1 && state.under_way <= state.busy;
        let may_take_any = are_alone || weight >= self.most;
        state.busy < self.few || (state.busy < self.lanes && may_take_any)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(feature = "explored")))]
mod tests {
    use super::*;

    impl Waits for u32 {}

    fn gone(entry: Entry<u32>) -> Option<Vec<u32>> {
        match entry {
            Entry::Go(mut batches) => {
                let batch = batches.pop();
                assert!(batches.is_empty(), "more than one batch");
                batch
            }
            Entry::Wait | Entry::Full(_) => None,
        }
    }

    #[test]
    fn who_comes_goes_at_once_while_a_lane_is_free() {
        let line = Line::new(2, MOST_IN_A_BATCH);
        assert_eq!(gone(line.enter(vec![1])), Some(vec![1]));
        assert_eq!(gone(line.enter(vec![2])), Some(vec![2]));
        assert_eq!(gone(line.enter(vec![3])), None);
        assert_eq!(line.next(1), Some(vec![3]));
        assert_eq!(line.next(1), None);
        assert_eq!(line.next(1), None);
        assert_eq!(gone(line.enter(vec![4, 5])), Some(vec![4, 5]));
    }

    #[test]
    fn without_batches_everybody_goes_at_once_and_alone() {
        let line = Line::new(2, 1);
        for _ in 0..3 {
            let Entry::Go(batches) = line.enter(vec![1, 2]) else {
                panic!("somebody waits");
            };
            assert_eq!(batches, [[1], [2]]);
            assert!(matches!(line.turn(1, || 3), Turn::Now));
        }
        assert_eq!(line.next(1), None);
    }

    #[test]
    fn who_waits_goes_together_and_by_half_of_the_lanes() {
        let line = Line::new(4, MOST_IN_A_BATCH);
        for alone in 1..=4 {
            assert_eq!(gone(line.enter(vec![alone])), Some(vec![alone]));
        }
        assert_eq!(gone(line.enter(vec![5])), None);
        assert_eq!(gone(line.enter(vec![6, 7])), None);
        assert_eq!(line.next(1), None, "three are on their way");
        assert_eq!(line.next(1), None, "two are");
        assert_eq!(line.next(1), Some(vec![5, 6, 7]), "all, in order");
        assert_eq!(gone(line.enter(vec![8])), None);
        assert_eq!(line.next(1), Some(vec![8]));
        assert_eq!(gone(line.enter(vec![9])), None, "a batch is on its way");
        assert_eq!(line.next(3), Some(vec![9]));
        assert_eq!(
            gone(line.enter(vec![10])),
            Some(vec![10]),
            "all are alone again"
        );
    }

    #[test]
    fn those_who_come_together_go_by_all_lanes_that_are_free() {
        let line = Line::new(4, MOST_IN_A_BATCH);
        let most = MOST_IN_A_BATCH;
        let Entry::Go(batches) = line.enter(vec![1; most + 9]) else {
            panic!("lanes are free");
        };
        let sizes: Vec<_> = batches.iter().map(Vec::len).collect();
        assert_eq!(sizes, [most, 9]);
        assert_eq!(line.next(most), None);
        assert_eq!(line.next(9), None);
    }

    #[test]
    fn a_batch_and_those_who_wait_are_bounded() {
        let line = Line::new(1, MOST_IN_A_BATCH);
        assert_eq!(gone(line.enter(vec![0])), Some(vec![0]));
        let (most, waiting) = (MOST_IN_A_BATCH, Line::<u32>::MOST_WAITING);
        for _ in 0..waiting {
            assert!(matches!(line.enter(vec![1]), Entry::Wait));
        }
        assert!(matches!(line.enter(vec![8, 9]), Entry::Full(items) if items == [8, 9]));
        let mut before = 1;
        for _ in 0..waiting / most {
            assert_eq!(line.next(before).map(|batch| batch.len()), Some(most));
            before = most;
        }
        assert_eq!(line.next(before), None);
    }

    #[test]
    fn a_batch_that_is_full_goes_by_any_lane() {
        let line = Line::new(4, MOST_IN_A_BATCH);
        let most = MOST_IN_A_BATCH;
        let full = || Some(most);
        for _ in 0..2 {
            let batch = gone(line.enter(vec![1; 2])).map(|batch| batch.len());
            assert_eq!(batch, Some(2));
        }
        assert_eq!(gone(line.enter(vec![3; most - 1])), None);
        let batch = gone(line.enter(vec![4; most])).map(|batch| batch.len());
        assert_eq!(batch, full());
        assert_eq!(gone(line.enter(vec![5])).map(|batch| batch.len()), full());
        assert_eq!(gone(line.enter(vec![6; most])), None, "all four are taken");
        assert_eq!(line.next(2).map(|batch| batch.len()), full());
        assert_eq!(line.next(most), None);
    }

    /// Its number is its weight; none is wanted that weighs nothing.
    #[derive(Debug, PartialEq)]
    struct Heavy(usize);

    impl Waits for Heavy {
        fn weight(&self) -> usize {
            self.0
        }

        fn is_wanted(&self) -> bool {
            self.0 > 0
        }
    }

    fn later(line: &Line<Heavy>, weight: usize) -> Option<Vec<Heavy>> {
        match line.turn(weight, || Heavy(weight)) {
            Turn::Later(batch) => batch,
            Turn::Now | Turn::Never => panic!("{weight} does not wait"),
        }
    }

    #[test]
    fn who_can_go_alone_does_while_a_lane_is_free() {
        let line = Line::new(4, 10);
        for _ in 0..4 {
            assert!(matches!(line.turn(1, || Heavy(1)), Turn::Now));
        }
        assert_eq!(later(&line, 1), None);
        assert_eq!(line.next(1), Some(vec![Heavy(1)]), "all are alone");
        for _ in 0..4 {
            assert_eq!(line.next(1), None);
        }
        assert!(matches!(line.turn(3, || Heavy(3)), Turn::Now));
    }

    #[test]
    fn weights_bound_a_batch_and_a_full_one_goes_by_any_lane() {
        let line = Line::new(4, 10);
        assert!(matches!(line.turn(4, || Heavy(4)), Turn::Now));
        assert!(matches!(line.turn(4, || Heavy(4)), Turn::Now));
        assert_eq!(
            later(&line, 6),
            None,
            "half of the lanes are left to others"
        );
        assert_eq!(later(&line, 0), None);
        assert_eq!(later(&line, 4), Some(vec![Heavy(6), Heavy(4)]));
        assert_eq!(later(&line, 7), None);
        assert_eq!(later(&line, 30), None, "the one before it goes first");
        assert_eq!(line.next(10), None);
        assert_eq!(line.next(4), Some(vec![Heavy(7)]));
        assert_eq!(line.next(4), Some(vec![Heavy(30)]));
    }
}
