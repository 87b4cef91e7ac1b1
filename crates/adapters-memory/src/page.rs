use roster_domain::pagination::{Order, PageRequest, Positioned, Slice, Start};

/// One page of `rows`, which come in any order.
pub(crate) fn slice<T: Positioned>(mut rows: Vec<T>, page: &PageRequest) -> Slice<T> {
    rows.sort_by_key(Positioned::position);
    if page.order == Order::Descending {
        rows.reverse();
    }
    // In the list's order, is the row beyond this place?
    let beyond = |row: &T, place| match page.order {
        Order::Ascending => row.position() > place,
        Order::Descending => row.position() < place,
    };
    let size = usize::from(page.size.get());
    if let Start::Before(at, id) = page.start {
        rows.retain(|row| row.position() != (at, id) && !beyond(row, (at, id)));
        let skipped = rows.len().saturating_sub(size);
        return Slice {
            items: rows.split_off(skipped),
            more: skipped > 0,
        };
    }
    match page.start {
        Start::First | Start::Before(..) => {}
        Start::After(at, id) => rows.retain(|row| beyond(row, (at, id))),
        Start::Offset(offset) => {
            let skipped = usize::try_from(offset.get()).unwrap_or(usize::MAX);
            rows.drain(..skipped.min(rows.len()));
        }
    }
    let more = rows.len() > size;
    rows.truncate(size);
    Slice { items: rows, more }
}
