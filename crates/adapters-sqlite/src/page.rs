use roster_domain::pagination::{Order, PageRequest, Slice, Start};
use roster_domain::ports::StoreError;
use uuid::Uuid;

/// The rows of a list between two places, both exclusive, as a statement binds them.
///
/// Every start of a page and every filter by time is one of these, so that a list needs one
/// statement a direction. The comparison of row values is one range of the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) low_at: i64,
    pub(crate) low_id: Uuid,
    pub(crate) high_at: i64,
    pub(crate) high_id: Uuid,
    /// Whether the highest rows are read first.
    pub(crate) descending: bool,
    /// One more than the page has, to know whether the list goes on.
    pub(crate) limit: i64,
    pub(crate) offset: i64,
    size: usize,
    /// Whether the rows come in the opposite of the list's order.
    reversed: bool,
}

impl Window {
    /// What a page of a whole list reads.
    pub(crate) fn of(page: &PageRequest) -> Self {
        let reversed = matches!(page.start, Start::Before(..));
        let size = page.size.get();
        let mut window = Self {
            low_at: i64::MIN,
            low_id: Uuid::nil(),
            high_at: i64::MAX,
            high_id: Uuid::nil(),
            descending: (page.order == Order::Descending) != reversed,
            limit: i64::from(size) + 1,
            offset: 0,
            size: usize::from(size),
            reversed,
        };
        match page.start {
            Start::First => {}
            Start::After(at, id) | Start::Before(at, id) => {
                if window.descending {
                    (window.high_at, window.high_id) = (at.unix_micros(), id);
                } else {
                    (window.low_at, window.low_id) = (at.unix_micros(), id);
                }
            }
            Start::Offset(rows) => window.offset = i64::from(rows.get()),
        }
        window
    }

    /// The part of it at this moment or after it.
    pub(crate) fn since(mut self, micros: i64) -> Self {
        let low = (micros.saturating_sub(1), Uuid::max());
        (self.low_at, self.low_id) = low.max((self.low_at, self.low_id));
        self
    }

    /// The part of it before this moment.
    pub(crate) fn until(mut self, micros: i64) -> Self {
        let high = (micros, Uuid::nil());
        (self.high_at, self.high_id) = high.min((self.high_at, self.high_id));
        self
    }

    /// The page, from the rows as they were read.
    pub(crate) fn slice<R, T>(&self, rows: Vec<R>) -> Result<Slice<T>, StoreError>
    where
        T: TryFrom<R, Error = StoreError>,
    {
        let more = rows.len() > self.size;
        let mut items = rows
            .into_iter()
            .take(self.size)
            .map(T::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        if self.reversed {
            items.reverse();
        }
        Ok(Slice { items, more })
    }
}
